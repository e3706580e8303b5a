# frozen_string_literal: true

require 'vagrant-service-manager/action/forget'

RSpec.describe VagrantPlugins::ServiceManager::Action::Forget do
  # What the program is given, and what Vagrant says, when a machine is destroyed.
  def destroyed(created: [], says: 'true')
    Support::RecordingUI::SAID.clear
    with_program(says: says) do |given|
      in_project('', created: created) do |env|
        described_class.new(->(_env) {}, {}).call(machine: env.machine(:default, :fake))
      end
      words = File.exist?(given) ? File.readlines(given, chomp: true).grep(/\Aargument=/) : []
      return [words.map { |line| line.delete_prefix('argument=') }, Support::RecordingUI::SAID.map(&:last)]
    end
  end

  it 'has the program forget the machine' do
    expect(destroyed).to eq([%w[machines forget --ignore-unknown -- default], []])
  end

  it 'forgets that the machine had a proxy' do
    with_program do
      in_project('', created: ['default']) do |env|
        machine = env.machine(:default, :fake)
        mark = VagrantPlugins::ServiceManager::ProxyMark.new(machine).tap(&:set)
        described_class.new(->(_env) { machine.id = nil }, {}).call(machine: machine)
        expect(mark).not_to be_set
      end
    end
  end

  it 'has it forget nothing when the machine was kept' do
    expect(destroyed(created: ['default'])).to eq([[], []])
  end

  it 'warns of what is left, since the machine is gone all the same' do
    _, said = destroyed(says: "echo 'error: left' >&2; exit 1")
    expect(said).to contain_exactly(a_string_including('error: left'))
  end

  {
    'ends without a word' => "#!/bin/sh\n#{Support::VERSION}\nexit 3\n",
    'kills itself' => "#!/bin/sh\n#{Support::VERSION}\nkill -KILL $$\n",
    'is another one' => "#!/bin/sh\necho hello\n",
    'is no program' => "\x7fELF",
    'is too old' => "#!/bin/sh\necho service-manager 0.1.0\n"
  }.each do |what, text|
    it "only warns when the program #{what}" do
      Support::RecordingUI::SAID.clear
      Dir.mktmpdir do |folder|
        path = File.join(folder, 'service-manager')
        File.write(path, text, perm: 0o755)
        with_environment('SERVICE_MANAGER_BIN' => path) do
          in_project('') { |env| described_class.new(->(_env) {}, {}).call(machine: env.machine(:default, :fake)) }
        end
      end
      expect(Support::RecordingUI::SAID).to contain_exactly([:warn, a_string_including('could not be removed')])
    end
  end

  it 'needs no program where there is none' do
    with_environment('SERVICE_MANAGER_BIN' => '/nowhere') do
      in_project('') do |env|
        expect { described_class.new(->(_env) {}, {}).call(machine: env.machine(:default, :fake)) }.not_to raise_error
      end
    end
  end
end
