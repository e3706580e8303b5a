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

      # There is no program to hand over to.
      class NoProgram < Error
        error_key(:no_program)
      end
    end
  end
end
