# frozen_string_literal: true

require 'vagrant-service-manager/arguments'

RSpec.describe VagrantPlugins::ServiceManager::Arguments do
  def arguments(line)
    described_class.new(['what Vagrant has left'], line.split)
  end

  {
    'service-manager env kubernetes' => 'env kubernetes',
    'service-manager --debug status' => '--debug status',
    'service-manager status --debug-timestamp' => 'status --debug',
    '--debug service-manager status' => '--debug status',
    'service-manager --no-color status' => '--color=never status',
    'service-manager status --color' => 'status --color=always',
    'service-manager --color never status' => '--color=never status',
    'service-manager --color=auto status' => '--color=auto status',
    'service-manager --machine-readable --timestamp --no-tty status' => 'status',
    'service-manager -- -v status --no-color' => '-v status --no-color',
    'service-manager exec kubernetes -- kubectl get -h' => 'exec kubernetes -- kubectl get -h',
    'service-manager -- exec kubernetes' => 'exec kubernetes',
    'service-manager --debug -- --version' => '--debug --version',
    'service-manager box ip --script-readable' => 'box ip --script-readable'
  }.each do |typed, given|
    it "makes `#{given}` of `vagrant #{typed}`" do
      expect(arguments(typed).to_a).to eq(given.split)
    end
  end

  it 'takes what Vagrant hands over when it was started by another name' do
    expect(arguments('alias status').to_a).to eq(['what Vagrant has left'])
    expect(arguments('').to_a).to eq(['what Vagrant has left'])
  end

  ['--machine web status', 'status -m web', 'status --machine=web', '-mweb status', '-m=web'].each do |words|
    it "finds the machine in `#{words}`" do
      expect(arguments("service-manager #{words}").machine).to eq('web')
    end
  end

  it 'finds no machine where none is named' do
    ['status', 'machines', '--machine', 'env --shell sh'].each do |words|
      expect(arguments("service-manager #{words}").machine).to be_nil
    end
  end

  it 'knows when another command is to be run' do
    ['exec kubernetes -- kubectl -h', 'exec kubectl get -h', 'exec -m web -- ls', '-m box -q exec ls'].each do |words|
      expect(arguments("service-manager #{words}")).to be_runs_command
    end
    ['exec -h', 'exec --help', 'env', 'env -- exec', '-m exec env', 'logs exec'].each do |words|
      expect(arguments("service-manager #{words}")).not_to be_runs_command
    end
  end

  it 'leaves the options of another command alone' do
    expect(arguments('service-manager exec -m web -- kubectl -m other').machine).to eq('web')
    expect(arguments('service-manager exec -- kubectl -m other').machine).to be_nil
  end

  it 'knows when just help is wanted' do
    ['', '-h', 'env --help', 'help env'].each { |words| expect(arguments("service-manager #{words}")).to be_help }
    ['env', 'status helper'].each { |words| expect(arguments("service-manager #{words}")).not_to be_help }
  end
end
