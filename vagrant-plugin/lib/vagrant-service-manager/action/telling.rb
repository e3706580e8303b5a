# frozen_string_literal: true

require_relative '../handover'
require_relative '../program'

module VagrantPlugins
  module ServiceManager
    module Action
      # Tells the program what becomes of a machine. Nothing about the program keeps a machine from that: what goes
      # wrong is a warning, and without a program there is nobody to tell.
      module Telling
        private

        # Yields the program and its variables. `warning` is the key of the words for what it could not do.
        def tell(machine, warning)
          program = Program.find
          answer = Handover.new(machine.env, machine.name).to_variables { |variables| yield program, variables }
          warn(machine, warning, answer.stderr) unless answer.exit_code&.zero?
        rescue Errors::NoProgram
          # Then it has kept nothing of the machine, and has no tunnel to it.
        rescue StandardError => e
          warn(machine, warning, e.message)
        end

        def warn(machine, warning, words)
          words = I18n.t('vagrant_service_manager.no_words') if words.strip.empty?
          machine.ui.warn(I18n.t("vagrant_service_manager.#{warning}", words: words.chomp))
        end
      end
    end
  end
end
