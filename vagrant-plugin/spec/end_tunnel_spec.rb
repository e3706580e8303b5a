# frozen_string_literal: true

require 'vagrant-service-manager/action/end_tunnel'

RSpec.describe VagrantPlugins::ServiceManager::Action::EndTunnel do
  # What the program is given when a machine is stopped, what of that comes before the machine does, and what Vagrant
  # says.
  def stopped(created: ['default'], says: 'true')
    Support::RecordingUI::SAID.clear
    with_program(says: says) do |given|
      in_project('', created: created) do |env|
        before = nil
        described_class.new(->(_env) { before = arguments(given) }, {}).call(machine: env.machine(:default, :fake))
        return [arguments(given), before, Support::RecordingUI::SAID.dup]
      end
    end
  end

  def arguments(given)
    lines = File.exist?(given) ? File.readlines(given, chomp: true).grep(/\Aargument=/) : []
    lines.map { |line| line.delete_prefix('argument=') }
  end

  it 'has the program end the tunnel before the machine stops' do
    words = %w[tunnel stop --keep-ports --ignore-unknown --quiet --machine=default]
    expect(stopped).to eq([words, words, []])
  end

  it 'does nothing about a machine that is not created' do
    expect(stopped(created: [])).to eq([[], [], []])
  end

  it 'warns of a failure, since the machine stops all the same' do
    { "echo 'error: left' >&2; exit 1" => 'error: left', 'kill -KILL $$' => 'without a word' }.each do |says, words|
      given, before, said = stopped(says: says)
      expect(given).to eq(before)
      expect(said).to contain_exactly([:warn, a_string_including('could not be ended', words)])
    end
  end

  it 'needs no program where there is none' do
    with_environment('SERVICE_MANAGER_BIN' => '/nowhere') do
      in_project('', created: ['default']) do |env|
        machine = env.machine(:default, :fake)
        expect { described_class.new(->(_env) {}, {}).call(machine: machine) }.not_to raise_error
      end
    end
  end
end
