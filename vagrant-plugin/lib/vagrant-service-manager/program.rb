# frozen_string_literal: true

require 'vagrant/util/busy'
require 'vagrant/util/env'
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
          pid = Vagrant::Util::Env.with_original_env { Process.spawn(variables, @path, *arguments) }
          wait_for(pid)
        end
      end

      private

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
      private_constant :BUNDLED, :SIGNALLED
    end
  end
end
