# frozen_string_literal: true

require 'vagrant/util/busy'
require 'vagrant/util/env'
require 'vagrant/util/subprocess'
require 'vagrant/util/which'

module VagrantPlugins
  module ServiceManager
    # The program `service-manager`, which does all the work.
    class Program
      # Finds it: SERVICE_MANAGER_BIN, the PATH, or what came with this gem.
      def self.find
        named = ENV.fetch('SERVICE_MANAGER_BIN', '')
        path = named.empty? ? Vagrant::Util::Which.which('service-manager') || BUNDLED : File.expand_path(named)
        raise Errors::NoProgram unless File.file?(path) && File.executable?(path)

        new(path)
      end

      def initialize(path)
        @path = path
      end

      # Runs it in place of Vagrant, with Vagrant's terminal and the environment that Vagrant was started in.
      # Returns its exit code.
      def take_over(arguments, variables)
        # Ctrl-C reaches both; what comes of it is up to the program.
        Vagrant::Util::Busy.busy(proc {}) do
          # A path that stands alone would be a line for the shell.
          pid = Vagrant::Util::Env.with_original_env { Process.spawn(variables, [@path, @path], *arguments) }
          wait_for(pid)
        end
      end

      # Why the program knows nothing to do with the service `name`, in its own words; nothing when it does.
      def refusal_of(name, variables)
        # Looks at the name and asks no machine.
        answer = ask(['env', '--unset', '--', name], variables)
        answer.stderr.lines.map { |line| line.chomp.sub(LABEL, '') }.join('; ') unless answer.exit_code.zero?
      end

      # What the box of a machine says of itself.
      def box_version(variables)
        ask(%w[box version --script-readable], variables)
      end

      # Starts services as the Vagrantfile says.
      def start(services, config, variables)
        ask(['start', *config.options(services), '--', *services], variables.merge(config.secrets))
      end

      # Forgets a machine, if it was ever used.
      def forget(name, variables)
        ask(['machines', 'forget', '--ignore-unknown', '--', name.to_s], variables)
      end

      private

      # Runs it to its end.
      def ask(arguments, variables)
        Vagrant::Util::Subprocess.execute(@path, *arguments, env: variables)
      end

      def wait_for(pid)
        status = Process.wait2(pid).last
        pid = nil
        status.exitstatus || (SIGNALLED + status.termsig)
      ensure
        # Whatever has ended Vagrant meanwhile.
        Process.kill('TERM', pid) if pid
      end

      BUNDLED = File.expand_path('../../libexec/service-manager', __dir__)
      # What a shell makes of the signal that has ended a program.
      SIGNALLED = 128
      # The beginning of each line about a failure.
      LABEL = /\A(error|caused by|hint): /.freeze
      private_constant :BUNDLED, :SIGNALLED, :LABEL
    end
  end
end
