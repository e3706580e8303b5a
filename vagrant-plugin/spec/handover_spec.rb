# frozen_string_literal: true

require 'vagrant-service-manager/handover'

RSpec.describe VagrantPlugins::ServiceManager::Handover do
  let(:several) { "config.vm.define 'web'\nconfig.vm.define 'db'" }

  # The variables, and the text of the file that one of them names.
  def handed_over(vagrantfile, name: nil, created: [])
    in_project(vagrantfile, created: created) do |env|
      described_class.in_project(env, name).to_variables do |variables|
        file = variables['SERVICE_MANAGER_SSH_CONFIG']
        return [variables, file && File.read(file)]
      end
    end
  end

  def machine(...)
    handed_over(...).first['SERVICE_MANAGER_VAGRANT_MACHINE']
  end

  it 'says what `vagrant ssh-config` says' do
    variables, text = handed_over("config.ssh.username = 'dev'", created: ['default'])
    expect(variables).to include('SERVICE_MANAGER_PLUGIN' => 'vagrant', 'SERVICE_MANAGER_VAGRANT_MACHINE' => 'default')
    expect(text).to start_with("Host default\n  HostName 192.0.2.7\n  User dev\n  Port 2200\n")
    expect(text).to match(/^  IdentityFile \S+insecure/)
  end

  it 'keeps the file to its user, and removes it whatever happens' do
    in_project('', created: ['default']) do |env|
      path = nil
      expect do
        described_class.of(env.machine(:default, :fake)).to_variables do |variables|
          path = variables['SERVICE_MANAGER_SSH_CONFIG']
          expect(File.stat(path).mode & 0o777).to eq(0o600)
          raise 'whatever'
        end
      end.to raise_error('whatever')
      expect(File).not_to exist(path)
    end
  end

  it 'takes away an ssh config that is not of this machine' do
    variables, = handed_over('')
    expect(variables).to include('SERVICE_MANAGER_SSH_CONFIG' => nil, 'SERVICE_MANAGER_VAGRANT_MACHINE' => 'default')
  end

  it 'means the only machine that is created' do
    expect(machine(several, created: ['db'])).to eq('db')
  end

  it 'means the primary one of several' do
    primary = several.sub("'web'", "'web', primary: true")
    expect(machine(primary, created: %w[db web])).to eq('web')
  end

  it 'means none of several alike' do
    expect(machine(several, created: %w[db web])).to be_nil
  end

  it 'means the one that is named, if the project has it' do
    expect(machine(several, name: 'db', created: %w[db web])).to eq('db')
    expect(machine(several, name: 'web', created: %w[db])).to eq('web')
    expect(machine(several, name: 'elsewhere', created: %w[db])).to be_nil
  end

  it 'names the project, and says nothing where there is none' do
    in_project('') do |env|
      described_class.in_project(env, nil).to_variables do |variables|
        expect(variables['VAGRANT_CWD']).to eq(env.root_path.to_s)
      end
      nowhere = Vagrant::Environment.new(cwd: '/', ui_class: Support::RecordingUI)
      described_class.in_project(nowhere, nil).to_variables do |variables|
        expect(variables).not_to include('VAGRANT_CWD')
        expect(variables['SERVICE_MANAGER_VAGRANT_MACHINE']).to be_nil
      end
    end
  end
end
