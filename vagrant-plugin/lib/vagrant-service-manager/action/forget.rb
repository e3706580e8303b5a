# frozen_string_literal: true

require_relative '../handover'
require_relative '../program'

module VagrantPlugins
  module ServiceManager
    module Action
      # Has the program forget a machine that was destroyed: its credentials, its host key. It may have been used
      # without the Vagrantfile saying so.
      class Forget
        def initialize(app, _env)
          @app = app
        end

        def call(env)
          @app.call(env)
          machine = env[:machine]
          # Who was asked may have said no.
          forget(machine) unless machine.id
        end

        private

        def forget(machine)
          program = Program.find
          answer = Handover.new(machine.env, machine.name).to_variables do |variables|
            program.forget(machine.name, variables)
          end
          machine.ui.warn(answer.stderr) unless answer.exit_code.zero?
        rescue Errors::NoProgram
          # Then it has kept nothing.
        end
      end
    end
  end
end
