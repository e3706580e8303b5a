# frozen_string_literal: true

require 'vagrant-service-manager/action/add_network'
require 'vagrant-service-manager/config'

# VirtualBox is not where the tests run, so its driver is not used: only its configuration, which decides.
RSpec.describe VagrantPlugins::ServiceManager::Action::AddNetwork do
  let(:on) { "config.servicemanager.network = true\n" }

  # The networks that VirtualBox will see when a machine in `state` is brought up.
  def networks(lines, provider: :virtualbox, state: :not_created, action: :up)
    Support::RecordingUI::SAID.clear
    in_project(lines) do |env|
      config = env.vagrantfile.machine_config(:default, nil, nil)[:config]
      machine = instance_double(Vagrant::Machine, config: config, provider_name: provider,
                                                  provider_config: config.vm.get_provider_config(provider), ui: env.ui,
                                                  state: Vagrant::MachineState.new(state, '', ''))
      seen = nil
      described_class.new(->(_env) { seen = config.vm.networks }, {}).call(machine: machine, machine_action: action)
      return seen.reject { |kind, _| kind == :forwarded_port }
    end
  end

  it 'adds a private network where the host has only forwarded ports' do
    expect(networks(on)).to contain_exactly([:private_network, a_hash_including(type: 'dhcp')])
    said = Support::RecordingUI::SAID.last
    expect(said).to match([:info, a_string_including('adds a private network with DHCP')])
  end

  it 'adds none to a machine that the Vagrantfile asks for none for' do
    expect(networks('')).to eq([])
    ["services = 'docker'", 'network = false', "proxy = 'http://proxy.example:3128'"].each do |setting|
      expect(networks("config.servicemanager.#{setting}")).to eq([])
    end
  end

  {
    up: { not_created: true, poweroff: true, aborted: true, running: false, paused: false, saved: false },
    reload: { not_created: false, poweroff: true, running: true, saved: true }
  }.each do |action, states|
    states.each do |state, boots|
      it "#{boots ? 'adds' : 'does not speak of'} a network when #{action} finds it #{state}" do
        expect(networks(on, state: state, action: action).size).to eq(boots ? 1 : 0)
        expect(Support::RecordingUI::SAID.size).to eq(boots ? 1 : 0)
      end
    end
  end

  it 'adds none where there is one' do
    expect(networks("#{on}config.vm.network :private_network, ip: '192.168.56.7'"))
      .to contain_exactly([:private_network, a_hash_including(ip: '192.168.56.7')])
    expect(networks("#{on}config.vm.network :public_network").map(&:first)).to eq([:public_network])
    adapter = 'config.vm.provider(:virtualbox) { |box| box.network_adapter 2, :hostonly }'
    expect(networks(on + adapter)).to eq([])
  end

  it 'adds none for other providers' do
    expect(networks(on, provider: :docker)).to eq([])
  end
end
