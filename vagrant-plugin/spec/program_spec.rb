# frozen_string_literal: true

require 'vagrant-service-manager/program'

RSpec.describe VagrantPlugins::ServiceManager::Program do
  # A program of the given name that keeps its arguments.
  def in_a_folder(name)
    Dir.mktmpdir do |folder|
      path = File.join(folder, name)
      keeps = "printf '%s\\n' \"$#\" \"$@\" >'#{folder}/given'; exit 7"
      File.write(path, "#!/bin/sh\n#{Support::VERSION}\n#{keeps}\n", perm: 0o755)
      with_environment('SERVICE_MANAGER_BIN' => path) { yield File.join(folder, 'given') }
    end
  end

  [[], ['env', '$(id) two words']].each do |arguments|
    it "hands over #{arguments.size} arguments, whatever it is called" do
      in_a_folder('its "own" $name; exit 3') do |given|
        expect(described_class.find.take_over(arguments, {})).to eq(7)
        expect(File.readlines(given, chomp: true)).to eq([arguments.size.to_s, *arguments])
      end
    end

    it "is replaced by it with #{arguments.size} arguments" do
      in_a_folder('its "own" $name; exit 3') do |given|
        pid = fork { described_class.find.replace_vagrant(arguments, {}) }
        expect(Process.wait2(pid).last.exitstatus).to eq(7)
        expect(File.readlines(given, chomp: true)).to eq([arguments.size.to_s, *arguments])
      end
    end
  end
end
