# frozen_string_literal: true

require 'vagrant-service-manager/action/start_services'
require 'vagrant-service-manager/config'

RSpec.describe VagrantPlugins::ServiceManager::Action::StartServices do
  # A program that is asked for the box's variant, and to start services. Its exit codes are those given.
  def program(variant: 'server', box: 0, exit_code: 0, &block)
    says = <<~SHELL
      case $1 in
      box) [ #{box} = 0 ] && echo 'VARIANT_ID="#{variant}"' || echo 'error: who?' >&2; exit #{box} ;;
      start) echo 'one line'; [ #{exit_code} = 0 ] || echo 'error: no' >&2; exit #{exit_code} ;;
      esac
    SHELL
    with_program(says: says, &block)
  end

  # What the program is given when a machine is brought up: its calls, each the words of one.
  def calls(lines, created: ['default'], **options)
    program(**options) do |given|
      in_project(lines, created: created) do |env|
        described_class.new(->(_env) {}, {}).call(machine: env.machine(:default, :fake))
      ensure
        @given = File.exist?(given) ? File.readlines(given, chomp: true) : []
      end
    end
    @given.slice_before { |line| line.start_with?('SERVICE_MANAGER_PLUGIN=') }
          .map { |group| group.grep(/\Aargument=/).map { |line| line.delete_prefix('argument=') } }
          .reject(&:empty?)
  end

  def started(...)
    calls(...).find { |words| words.first == 'start' }&.drop_while { |word| word != '--' }&.drop(1)
  end

  it 'does not even ask a machine that the Vagrantfile says nothing about' do
    expect(calls('')).to eq([])
  end

  it 'warns of a proxy that is left in such a machine' do
    Support::RecordingUI::SAID.clear
    in_project('', created: ['default']) do |env|
      machine = env.machine(:default, :fake)
      2.times { described_class.new(->(_env) {}, {}).call(machine: machine) }
      VagrantPlugins::ServiceManager::ProxyMark.new(machine).set
      described_class.new(->(_env) {}, {}).call(machine: machine)
    end
    expect(Support::RecordingUI::SAID).to contain_exactly([:warn, a_string_including('--no-proxy')])
  end

  it 'does nothing to a machine that does not run' do
    expect(calls("config.servicemanager.services = 'docker'", created: [])).to eq([])
  end

  it 'starts what is switched on, Docker first' do
    expect(started("config.servicemanager.services = 'kubernetes, docker'")).to eq(%w[docker kubernetes])
    expect(started("config.servicemanager.services = 'kubernetes, openshift'")).to eq(%w[kubernetes openshift])
    expect(started("config.servicemanager.services = ''")).to be_nil
  end

  it 'starts Docker in the Atomic Developer Bundle, whatever else' do
    expect(started("config.servicemanager.services = ''", variant: 'adb')).to eq(%w[docker])
    expect(started("config.servicemanager.services = 'openshift'", variant: 'adb')).to eq(%w[docker openshift])
  end

  it 'starts OpenShift in the Container Development Kit when nothing else is named' do
    expect(started("config.servicemanager.services = ''", variant: 'cdk')).to eq(%w[docker openshift])
    expect(started("config.servicemanager.services = 'kubernetes'", variant: 'cdk')).to eq(%w[docker kubernetes])
  end

  it 'has what is not there installed when that is switched on' do
    services = "config.servicemanager.services = 'docker'\n"
    expect(calls("#{services}config.servicemanager.install = true").last).to eq(%w[start --install -- docker])
    expect(calls("#{services}config.servicemanager.install = false").last).to eq(%w[start -- docker])
    expect(calls('config.servicemanager.install = true')).to eq([])
  end

  it 'has the release installed that is named, where Kubernetes is started' do
    lines = "config.servicemanager.install = true\nconfig.servicemanager.install_version = 'v1.31.5+k3s1'\n"
    expect(calls("#{lines}config.servicemanager.services = 'kubernetes'").last)
      .to eq(%w[start --install --install-version=v1.31.5+k3s1 -- kubernetes])
    expect(calls("#{lines}config.servicemanager.services = 'docker'").last).to eq(%w[start --install -- docker])
  end

  it 'publishes ports when that is switched on, after the start' do
    words = calls("config.servicemanager.services = 'docker'\nconfig.servicemanager.publish = true")
    expect(words.map { |call| call.first(2) }.last(2)).to eq([['start', '--'], ['tunnel', '--publish']])
    expect(calls('config.servicemanager.publish = true').last).to eq(%w[tunnel --publish --quiet])
    expect(calls('config.servicemanager.publish = false').map(&:first)).not_to include('tunnel')
  end

  it 'leaves it to the program what can run together' do
    expect(started("config.servicemanager.services = 'openshift, kubernetes'", variant: 'cdk'))
      .to eq(%w[docker openshift kubernetes])
  end

  it 'takes a box that does not say what it is for none of these' do
    expect(started("config.servicemanager.services = 'docker'", box: 126)).to eq(%w[docker])
  end

  it 'starts nothing in a box that could not be asked' do
    [1, 3].each do |exit_code|
      expect { calls("config.servicemanager.services = 'kubernetes'", box: exit_code) }
        .to raise_error(VagrantPlugins::ServiceManager::Errors::NotStarted, /machine 'default'.*error: who\?\n/m)
      expect(@given.grep('argument=start')).to eq([])
    end
  end

  it 'fails with the words of the program' do
    expect { calls("config.servicemanager.services = 'docker'", exit_code: 126) }
      .to raise_error(VagrantPlugins::ServiceManager::Errors::NotStarted, /machine 'default'.*error: no\n/m)
  end

  # What is shown when the program, asked to start services, does `script`. One second later the user may interrupt it.
  def shown(script, interrupted: false)
    Support::RecordingUI::SAID.clear
    with_program(says: "[ $1 = box ] || { #{script}; }") do
      in_project("config.servicemanager.services = 'docker, kubernetes'", created: ['default']) do |env|
        environment = { machine: env.machine(:default, :fake) }
        user = ->(_) { Thread.new { sleep 1 and environment[:interrupted] = true } if interrupted }
        described_class.new(user, {}).call(environment)
      end
    end
    Support::RecordingUI::SAID.map { |_, text| text.sub(/\A(==>|   ) default: /, '') }
  end

  it 'says what is new, and not that all is as it should be' do
    notes = "echo 'Docker service configured successfully...'; printf 'note: Docker runs already\\nnote: x\\n' >&2"
    expect(shown(notes)).to eq(['Services: docker, kubernetes', 'Docker service configured successfully...', 'note: x'])
    expect { shown("printf 'note: Docker runs already\\nerror: no\\n' >&2; exit 126") }
      .to raise_error(VagrantPlugins::ServiceManager::Errors::NotStarted, /running:\n\nerror: no/)
  end

  it 'says now and then what it waits for' do
    stub_const('VagrantPlugins::ServiceManager::Action::Patience::INTERVAL', 0.4)
    said = shown("echo 'Docker service configured successfully...'; sleep 1.5")
    expect(said.grep(/\AStill waiting \(\d+ s\): kubernetes\z/)).not_to be_empty
  end

  it 'has something to say at least every ten seconds' do
    expect(VagrantPlugins::ServiceManager::Action::Patience::INTERVAL).to be_between(1, 9)
  end

  it 'says what is not started when the user interrupts it, whatever the program does' do
    slow = "echo 'Docker service configured successfully...'; exec sleep 60"
    expect { shown(slow, interrupted: true) }
      .to raise_error(VagrantPlugins::ServiceManager::Errors::Interrupted, /not\s+known to answer: kubernetes\./)
  end

  it 'says what is not started when the user interrupts what comes before' do
    with_program do
      in_project("config.servicemanager.services = 'docker, kubernetes'", created: ['default']) do |env|
        app = ->(_env) { raise Vagrant::Errors::VagrantInterrupt }
        expect { described_class.new(app, {}).call(machine: env.machine(:default, :fake)) }
          .to raise_error(Vagrant::Errors::VagrantInterrupt)
      end
    end
    expect(Support::RecordingUI::SAID.last).to match([:warn, a_string_including("'default': docker, kubernetes.")])
  end

  it 'fails before the machine boots when there is no program' do
    with_environment('SERVICE_MANAGER_BIN' => '/nowhere') do
      in_project("config.servicemanager.services = 'docker'") do |env|
        machine = env.machine(:default, :fake)
        expect { described_class.new(->(_env) { raise 'booted' }, {}).call(machine: machine) }
          .to raise_error(VagrantPlugins::ServiceManager::Errors::NoProgram)
      end
    end
  end

  it 'takes a proxy away again that is not in the Vagrantfile any more, and no other one' do
    with_program do |given|
      in_project('', created: ['default']) do |env|
        machine = env.machine(:default, :fake)
        [nil, 'proxy.example:1', nil, nil].each do |proxy|
          config = machine.config.servicemanager
          allow(config).to receive_messages(in_use?: true, services: %w[docker], proxy: proxy, proxy?: !proxy.nil?)
          allow(config).to receive(:options).and_return([])
          described_class.new(->(_env) {}, {}).call(machine: machine)
        end
      end
      words = File.readlines(given, chomp: true).grep(/\Aargument=(start|--no-proxy)/)
      expect(words.map { |line| line.delete_prefix('argument=') }).to eq(%w[start start start --no-proxy start])
    end
  end

  it 'writes nothing where the guest can lead it elsewhere' do
    with_program do
      in_project("config.servicemanager.services = 'docker'\nconfig.servicemanager.proxy = 'proxy.example:1'",
                 created: ['default']) do |env|
        machine = env.machine(:default, :fake)
        before = Dir.glob("#{machine.data_dir}/**/*", File::FNM_DOTMATCH)
        described_class.new(->(_env) {}, {}).call(machine: machine)
        expect(Dir.glob("#{machine.data_dir}/**/*", File::FNM_DOTMATCH)).to eq(before)
      end
    end
  end

  it 'hands over how to start, and keeps the password out of the arguments' do
    keys = { proxy: 'http://proxy.example:3128', proxy_user: '-dev', proxy_password: 'pa$$ word',
             openshift_image_tag: 'v1.3.0', services: 'openshift' }
    lines = keys.map { |key, value| "config.servicemanager.#{key} = '#{value}'" }.join("\n")
    expect(calls(lines).last).to eq(
      %w[start --openshift-image-tag=v1.3.0 --proxy=http://proxy.example:3128 --proxy-user=-dev -- openshift]
    )
    expect(@given).to include('SERVICE_MANAGER_PROXY_PASSWORD=pa$$ word')
  end

  it 'keeps to itself where the image of a service comes from that is not started' do
    lines = "config.servicemanager.services = 'docker'\nconfig.servicemanager.openshift_image_tag = 'v1.3.0'"
    expect(calls(lines).last).to eq(%w[start -- docker])
  end

  it 'uses no proxy whose login is half of one' do
    lines = "config.servicemanager.services = 'docker'\nconfig.servicemanager.proxy = 'http://proxy.example'\n" \
            "config.servicemanager.proxy_password = 'secret'"
    expect(calls(lines).last).to eq(%w[start -- docker])
    expect(@given.grep(/secret/)).to eq([])
  end
end
