# frozen_string_literal: true

RSpec.describe VagrantPlugins::ServiceManager::Plugin do
  # What an action of Vagrant's begins with, in front of its provisioners: the names of the classes.
  def parts(action)
    builder = Vagrant::Action::Builder.new
    builder.primary = true
    builder.use(Vagrant::Action::Builtin::Provision)
    builder.apply_action_name(action_name: :"machine_action_#{action}")
    names = builder.stack.map { |item| item.middleware.name.split('::').last }
    names.take_while { |name| name != 'Provision' }
  end

  it 'is first in line, to start services when all else is done' do
    expect(parts(:up)).to eq(%w[AddNetwork StartServices])
    expect(parts(:reload)).to eq(%w[EndTunnel AddNetwork StartServices])
    expect(parts(:resume)).to eq(%w[StartServices])
    expect(parts(:provision)).to eq(%w[StartServices])
  end

  it 'forgets a machine that is destroyed' do
    expect(parts(:destroy)).to eq(%w[Forget])
  end

  it 'ends the tunnel of a machine that is stopped' do
    %i[halt suspend].each { |action| expect(parts(action)).to eq(%w[EndTunnel]) }
  end

  it 'has no part in anything else' do
    %i[ssh ssh_run package].each { |action| expect(parts(action)).to eq([]) }
  end

  it 'has the version of the program' do
    manifest = File.read(File.expand_path('../../Cargo.toml', __dir__))
    expect(manifest[/^version = "(.+)"$/, 1]).to eq(VagrantPlugins::ServiceManager::VERSION)
  end

  it 'succeeds the 1.5.0 that Vagrantfiles ask for' do
    version = Gem::Version.new(VagrantPlugins::ServiceManager::VERSION)
    expect(Gem::Requirement.new('>= 1.5')).to be_satisfied_by(version)
  end
end
