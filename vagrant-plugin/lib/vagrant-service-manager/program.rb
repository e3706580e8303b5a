# frozen_string_literal: true

require 'vagrant/util/busy'
require 'vagrant/util/env'
require 'vagrant/util/subprocess'
require 'vagrant/util/which'

require_relative 'program_version'

module VagrantPlugins
  module ServiceManager
    # The program `service-manager`, which does all the work.
    class Program
      # Finds it: SERVICE_MANAGER_BIN, the PATH, or what came with this gem. One that does not fit this plugin is none.
      def self.find
        named = ENV.fetch('SERVICE_MANAGER_BIN', '')
        path = named.empty? ? Vagrant::Util::Which.which('service-manager') || BUNDLED : File.expand_path(named)
        raise Errors::NoProgram, version: VERSION unless File.file?(path) && File.executable?(path)

        ProgramVersion.check(path)
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

      # Runs it in Vagrant's very place, for a command that is then run in its place: no process stays in between that
      # Ctrl-C would end first. Does not return.
      def replace_vagrant(arguments, variables)
        Vagrant::Util::Env.with_original_env { Process.exec(variables, [@path, @path], *arguments) }
      end

      # Why the program knows nothing to do with the service `name`, in its own words; nothing when it does.
      def refusal_of(name, variables)
        # Looks at the name and asks no machine.
        answer = ask(['env', '--unset', '--', name], variables)
        words(answer.stderr, /\A/).join('; ') unless answer.exit_code.zero?
      end

      # What the program has against starting services as the Vagrantfile says, as far as it knows without asking the
      # machine: the mistakes, and the warnings.
      def check(services, config, variables)
        arguments = ['start', '--check', *config.options(services), '--', *services]
        answer = ask(arguments, variables.merge(config.secrets))
        return [[], words(answer.stderr, /\A(note|warning): /)] if answer.exit_code.zero?

        # A hint is about options, which nobody has typed.
        mistake = words(answer.stderr, /\A(error|caused by): /).join('; ')
        [[mistake.empty? ? I18n.t('vagrant_service_manager.no_words') : mistake], []]
      end

      # What the box of a machine says of itself. The block tells `patience` what is waited for.
      def box_version(variables, patience, &what)
        ask_patiently(%w[box version --script-readable], variables, patience, what)
      end

      # Starts services. Each text on standard output is given to `report` when it comes.
      def start(services, options, variables, patience, report, &what)
        ask_patiently(['start', *options, '--', *services], variables, patience, what) { |text| report.call(text) }
      end

      # Has the ports that are published in the machine on the host's loopback too.
      def publish(variables, patience, &what)
        ask_patiently(%w[tunnel --publish --quiet], variables, patience, what)
      end

      # Forgets a machine, if it was ever used.
      def forget(name, variables)
        ask(['machines', 'forget', '--ignore-unknown', '--', name.to_s], variables)
      end

      # Ends the tunnel of a machine, if there is one. The ports in it are what the user has asked for: once the machine
      # is up again, the next `env` brings them back.
      def stop_tunnel(name, variables)
        ask(['tunnel', 'stop', '--keep-ports', '--ignore-unknown', '--quiet', "--machine=#{name}"], variables)
      end

      private

      # Those lines of what the program says that fit, without what they begin with.
      def words(text, fitting)
        text.lines(chomp: true).grep(fitting).map { |line| line.sub(LABEL, '') }
      end

      # Runs it to its end.
      def ask(arguments, variables)
        Vagrant::Util::Subprocess.execute(@path, *arguments, env: variables)
      end

      # The same for what may take long. Yields what it says on standard output.
      def ask_patiently(arguments, variables, patience, what)
        process = Vagrant::Util::Subprocess.new(@path, *arguments, env: variables, notify: :stdout)
        patience.during(process, what) do
          process.execute { |_, text| yield text if block_given? }
        end
      end

      def wait_for(pid)
        status = Process.wait2(pid).last
        pid = nil
        status.exitstatus || (SIGNALLED + status.termsig)
      ensure
        # Whatever has ended Vagrant meanwhile.
        Process.kill('TERM', pid) if pid
      end

      BUNDLED = File.expand_path("../../libexec/service-manager#{'.exe' if Gem.win_platform?}", __dir__)
      # What a shell makes of the signal that has ended a program.
      SIGNALLED = 128
      # The beginning of each line about a failure.
      LABEL = /\A(error|warning|caused by|hint|note): /.freeze
      private_constant :BUNDLED, :SIGNALLED, :LABEL
    end
  end
end
