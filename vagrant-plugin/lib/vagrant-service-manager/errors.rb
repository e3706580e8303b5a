# frozen_string_literal: true

module VagrantPlugins
  module ServiceManager
    I18n.load_path << File.expand_path('../../locales/en.yml', __dir__)

    # Errors as Vagrant shows its own; the texts are in locales/en.yml.
    module Errors
      # What all of them have in common.
      class Error < Vagrant::Errors::VagrantError
        error_namespace('vagrant_service_manager.errors')
      end

      # A service was not started.
      class NotStarted < Error
        error_key(:not_started)
      end

      # The user has ended it before all services were started.
      class Interrupted < Error
        error_key(:interrupted)
      end

      # The proxy of the Vagrantfile is something else.
      class ProxyNotText < Error
        error_key(:proxy_not_text)
      end

      # There is no program that this plugin can hand over to.
      class NoFittingProgram < Error
      end

      # There is none.
      class NoProgram < NoFittingProgram
        error_key(:no_program)
      end

      # What is there is another program, or does not run here.
      class NotTheProgram < NoFittingProgram
        error_key(:not_the_program)
      end

      # It lacks what this plugin asks of it.
      class ProgramTooOld < NoFittingProgram
        error_key(:program_too_old)
      end

      # It may not do any more what this plugin asks of it.
      class ProgramTooNew < NoFittingProgram
        error_key(:program_too_new)
      end
    end
  end
end
