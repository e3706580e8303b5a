# frozen_string_literal: true

require_relative '../handover'
require_relative '../program'
require_relative '../proxy_mark'

module VagrantPlugins
  module ServiceManager
    module Action
      # Has the program forget a machine that was destroyed: its credentials, its host key. It may have been used
      # without the Vagrantfile saying so. Nothing about the program keeps a machine from being destroyed.
      class Forget
        def initialize(app, _env)
          @app = app
        end

        def call(env)
          machine = env[:machine]
          machine.config.servicemanager.leave_unchecked
          mark = ProxyMark.new(machine)
          @app.call(env)
          # Who was asked may have said no.
          return if machine.id

          mark.clear
          forget(machine)
        end

        private

        def forget(machine)
          program = Program.find
          answer = Handover.new(machine.env, machine.name).to_variables do |variables|
            program.forget(machine.name, variables)
          end
          warn(machine, answer.stderr) unless answer.exit_code&.zero?
        rescue Errors::NoProgram
          # Then it has kept nothing.
        rescue StandardError => e
          warn(machine, e.message)
        end

        def warn(machine, words)
          words = I18n.t('vagrant_service_manager.no_words') if words.strip.empty?
          machine.ui.warn(I18n.t('vagrant_service_manager.not_forgotten', words: words.chomp))
        end
      end
    end
  end
end
