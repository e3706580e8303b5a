# frozen_string_literal: true

require_relative 'telling'

module VagrantPlugins
  module ServiceManager
    module Action
      # Ends the tunnel through SSH of a machine that is about to stop: it would only find its session dead. Any machine
      # may have one, whatever the Vagrantfile says. Nothing about the program keeps a machine from being stopped.
      class EndTunnel
        include Telling

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
          tell(machine, :tunnel_left) { |program, variables| program.stop_tunnel(machine.name, variables) }
        end
      end
    end
  end
end
