# frozen_string_literal: true

require_relative '../handover'
require_relative '../program'

module VagrantPlugins
  module ServiceManager
    module Action
      # Ends the tunnel through SSH of a machine that is about to stop: it would only find its session dead. Any machine
      # may have one, whatever the Vagrantfile says. Nothing about the program keeps a machine from being stopped.
      class EndTunnel
        def initialize(app, _env)
          @app = app
        end

        def call(env)
          machine = env[:machine]
          end_tunnel(machine) if machine.id
          @app.call(env)
        end

        private

        def end_tunnel(machine)
          program = Program.find
          answer = Handover.new(machine.env, machine.name).to_variables do |variables|
            program.stop_tunnel(machine.name, variables)
          end
          warn(machine, answer.stderr) unless answer.exit_code&.zero?
        rescue Errors::NoProgram
          # Then it has no tunnel.
        rescue StandardError => e
          warn(machine, e.message)
        end

        def warn(machine, words)
          words = I18n.t('vagrant_service_manager.no_words') if words.strip.empty?
          machine.ui.warn(I18n.t('vagrant_service_manager.tunnel_left', words: words.chomp))
        end
      end
    end
  end
end
