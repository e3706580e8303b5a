# frozen_string_literal: true

require_relative '../handover'
require_relative '../program'

module VagrantPlugins
  module ServiceManager
    module Action
      # Starts the services that are switched on, once the machine is up. A machine whose Vagrantfile says nothing of
      # services is left alone, and not even asked.
      class StartServices
        def initialize(app, _env)
          @app = app
        end

        def call(env)
          @app.call(env)
          machine = env[:machine]
          # `provision` has nothing to say about a machine that does not run.
          start(machine) if machine.config.servicemanager.in_use? && machine.ssh_info
        end

        private

        def start(machine)
          program = Program.find
          Handover.of(machine).to_variables do |variables|
            services = services(machine, variant(machine, program.box_version(variables)))
            run(machine, program, services, variables) unless services.empty?
          end
        end

        # What the box calls itself in its `os-release`, if it does.
        def variant(machine, answer)
          raise_unless(machine, answer, [0, SAYS_NOTHING])
          answer.stdout[/^VARIANT_ID="?([a-z]+)"?$/, 1]
        end

        # What is switched on in a machine whose box is of the given variant. Docker comes first: others need it.
        def services(machine, variant)
          wanted = machine.config.servicemanager.services
          bundle = BUNDLES[variant]
          return wanted.partition { |name| name == 'docker' }.flatten unless bundle

          bundle.fetch(:always) | (wanted.empty? ? bundle.fetch(:otherwise) : wanted)
        end

        def run(machine, program, services, variables)
          machine.ui.output(I18n.t('vagrant_service_manager.starting', services: services.join(', ')))
          answer = program.start(services, machine.config.servicemanager, variables)
          report(machine, answer.stdout)
          raise_unless(machine, answer, [0])
          report(machine, answer.stderr)
        end

        def raise_unless(machine, answer, good)
          words = answer.stderr
          raise Errors::NotStarted, machine: machine.name, words: words unless good.include?(answer.exit_code)
        end

        def report(machine, text)
          text.each_line(chomp: true) { |line| machine.ui.detail(line) }
        end

        # The boxes with services of their own, by what they call themselves.
        BUNDLES = {
          'adb' => { always: %w[docker], otherwise: [] },
          'cdk' => { always: %w[docker], otherwise: %w[openshift] }
        }.freeze
        # The program's exit code where the box has no `os-release`.
        SAYS_NOTHING = 126
        private_constant :BUNDLES, :SAYS_NOTHING
      end
    end
  end
end
