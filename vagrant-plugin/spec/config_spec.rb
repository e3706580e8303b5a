# frozen_string_literal: true

require 'vagrant-service-manager/config'

RSpec.describe VagrantPlugins::ServiceManager::Config do
  # What a Vagrantfile's lines make of it.
  def config(lines)
    in_project(lines) { |env| return env.machine(:default, :fake).config.servicemanager }
  end

  # The mistakes in the lines, and what Vagrant says to the user.
  def validated(lines, times: 1)
    Support::RecordingUI::SAID.clear
    in_project(lines) do |env|
      machine = env.machine(:default, :fake)
      mistakes = Array.new(times) { machine.config.validate(machine)['servicemanager'] }.last
      return [mistakes || [], Support::RecordingUI::SAID.dup]
    end
  end

  def mistakes(lines)
    validated(lines).first
  end

  it 'takes the services as text and as an array' do
    expect(config("config.servicemanager.services = 'docker, kubernetes'").services).to eq(%w[docker kubernetes])
    expect(config("config.servicemanager.services = ['docker', :kubernetes]").services).to eq(%w[docker kubernetes])
    expect(config("config.servicemanager.services = ' kubernetes,,kubernetes '").services).to eq(%w[kubernetes])
    expect(config("config.servicemanager.services = ['docker, kubernetes']").services).to eq(%w[docker kubernetes])
  end

  it 'takes a symbol for a name' do
    expect(config('config.servicemanager.services = :docker').services).to eq(%w[docker])
    expect(config('config.servicemanager.services = %i[docker kubernetes]').services).to eq(%w[docker kubernetes])
    expect(config("config.servicemanager.services = :'docker, kubernetes'").services).to eq(%w[docker kubernetes])
  end

  it 'takes only yes and no for whether ports are published' do
    expect(config('config.servicemanager.publish = true').publish).to be(true)
    expect(config('').publish).to be_nil
    expect(mistakes('config.servicemanager.publish = true')).to eq([])
    expect(mistakes("config.servicemanager.publish = 'yes'")).to eq(['`publish` has to be `true` or `false`.'])
  end

  it 'takes only yes and no for whether services are installed' do
    expect(config('config.servicemanager.install = true').install).to be(true)
    expect(config('').install).to be_nil
    expect(config('config.servicemanager.install = true')).not_to be_in_use
    ["'docker'", ':yes', '1', '{}'].each do |value|
      expect(mistakes("config.servicemanager.install = #{value}")).to eq(['`install` has to be `true` or `false`.'])
    end
  end

  it 'takes the release of Kubernetes where it is installed' do
    version = "config.servicemanager.install_version = 'v1.31.5+k3s1'"
    expect(config(version).install_version).to eq('v1.31.5+k3s1')
    expect(config('').install_version).to be_nil
    expect(config(version)).not_to be_in_use
    expect(mistakes("config.servicemanager.install = true\n#{version}")).to eq([])
    expect(mistakes(version))
      .to eq(['`install_version` says which release is installed, so it needs `install = true`.'])
    ["''", ':stable', '1.31'].each do |value|
      expect(mistakes("config.servicemanager.install = true\nconfig.servicemanager.install_version = #{value}"))
        .to eq(['`install_version` has to be text that is not empty.'])
    end
  end

  it 'is in use when anything is set, even to nothing' do
    expect(config('')).not_to be_in_use
    expect(config('').services).to eq([])
    ["services = ''", 'services = []', "proxy = 'proxy.example:3128'", 'openshift_image_tag = nil'].each do |setting|
      expect(config("config.servicemanager.#{setting}")).to be_in_use
    end
  end

  it 'is not in use for a network alone' do
    expect(config('').network).to be_nil
    [true, false].each do |value|
      setting = "config.servicemanager.network = #{value}"
      expect([config(setting).network, config(setting).in_use?, mistakes(setting)]).to eq([value, false, []])
    end
  end

  it 'takes nothing for a network but true and false' do
    ["'true'", "'no'", ':yes', '1', '0', '[]', '{}'].each do |value|
      expect(mistakes("config.servicemanager.network = #{value}")).to eq(['`network` has to be `true` or `false`.'])
    end
  end

  it 'is of one machine alone' do
    lines = "config.vm.define('web') { |web| web.servicemanager.services = 'docker' }\nconfig.vm.define 'db'"
    in_project(lines) do |env|
      expect(env.machine(:web, :fake).config.servicemanager.services).to eq(%w[docker])
      expect(env.machine(:db, :fake).config.servicemanager).not_to be_in_use
    end
  end

  it 'has the program judge the services' do
    refuses = %({ printf 'error: no %s\\nhint: docker\\n' "$name" >&2; exit 126; })
    says = %(for name do :; done; [ "$name" = docker ] || #{refuses})
    with_program(says: says) do |given|
      expect(mistakes("config.servicemanager.services = 'docker'")).to eq([])
      expect(mistakes("config.servicemanager.services = 'dokcer, docker, --x'"))
        .to eq(['no dokcer; docker', 'no --x; docker'])
      expect(File.readlines(given, chomp: true)).to include('SERVICE_MANAGER_PLUGIN=vagrant', 'argument=--x')
    end
  end

  # What the program is given to check, when it says `says` to that.
  def checked(lines, says = 'true')
    with_program(says: "[ \"$1\" != start ] || { #{says}; }") do |given|
      answer = validated(lines)
      words = File.readlines(given, chomp: true).grep(/\Aargument=/).map { |line| line.delete_prefix('argument=') }
      return [words.drop_while { |word| word != 'start' }, *answer]
    end
  end

  it 'has the program check how they go together' do
    lines = "config.servicemanager.services = 'openshift, kubernetes'\nconfig.servicemanager.proxy = 'proxy.example'"
    says = "printf 'error: no port\\ncaused by: you\\nhint: --proxy\\n' >&2; exit 1"
    words, mistakes, = checked(lines, says)
    expect(words).to eq(%w[start --check --proxy=proxy.example -- openshift kubernetes])
    expect(mistakes).to eq(['no port; you'])
  end

  it 'checks a proxy that no service is named for' do
    words, = checked("config.servicemanager.proxy = 'proxy.example:1'")
    expect(words).to eq(%w[start --check --proxy=proxy.example:1 -- docker])
  end

  it 'warns of what the program does not know for sure' do
    _, mistakes, said = checked('config.servicemanager.services = :docker', "echo 'note: not both' >&2")
    expect([mistakes, said]).to match([[], [[:warn, a_string_ending_with('not both')]]])
  end

  it 'needs no program for a machine that is about to go' do
    with_environment('SERVICE_MANAGER_BIN' => '/nowhere') do
      in_project("config.servicemanager.services = 'docker'") do |env|
        machine = env.machine(:default, :fake)
        machine.config.servicemanager.leave_unchecked
        expect(machine.config.validate(machine)['servicemanager'].to_a).to eq([])
      end
    end
  end

  it 'asks the program nothing when no service is named' do
    with_program(says: 'exit 1') do |given|
      expect(mistakes('')).to eq([])
      expect(mistakes("config.servicemanager.services = ''")).to eq([])
      expect(File).not_to exist(given)
    end
  end

  it 'says that there is no program' do
    with_environment('SERVICE_MANAGER_BIN' => '/nowhere') do
      expect(mistakes("config.servicemanager.services = 'docker'"))
        .to contain_exactly(a_string_starting_with('The program `service-manager`, which does the work'))
    end
  end

  it 'tells every other mistake' do
    lines = "config.servicemanager.services = 7\nconfig.servicemanager.proxy = ''\n" \
            "config.servicemanager.openshift_image_tag = 1.3\nconfig.servicemanager.service = 'docker'"
    expect(mistakes(lines)).to eq(
      ["The following settings shouldn't exist: service",
       '`openshift_image_tag` has to be text that is not empty.',
       '`proxy` has to be text that is not empty.',
       '`services` has to be text, with commas between the names, or an array of names.']
    )
  end

  {
    %w[proxy_user] => 'No proxy is used',
    %w[proxy_password] => 'No proxy is used',
    %w[proxy proxy_user] => 'The proxy is not used',
    %w[proxy proxy_password] => 'The proxy is not used'
  }.each do |keys, warning|
    it "warns once when only #{keys.join(' and ')} is set, and uses no proxy" do
      lines = keys.map { |key| "config.servicemanager.#{key} = 'x'" }.join("\n")
      mistakes, said = validated(lines, times: 2)
      expect(mistakes).to eq([])
      expect(said).to contain_exactly([:warn, a_string_including(warning)])
      expect(config(lines)).not_to be_proxy
    end
  end

  it 'uses a proxy with a login, or without one' do
    [%w[proxy], %w[proxy proxy_user proxy_password]].each do |keys|
      lines = keys.map { |key| "config.servicemanager.#{key} = 'x'" }.join("\n")
      with_program { expect(validated(lines)).to eq([[], []]) }
      expect(config(lines)).to be_proxy
    end
  end
end
