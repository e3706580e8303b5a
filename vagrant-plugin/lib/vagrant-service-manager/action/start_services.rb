# frozen_string_literal: true

require_relative '../handover'
require_relative '../program'
require_relative '../proxy_mark'
require_relative 'starting'

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
          machine = env[:machine]
          return leave_alone(env) unless machine.config.servicemanager.in_use?

          # Before anything is done that would end without it.
          program = Program.find
          go_on(env)
          # `provision` has nothing to say about a machine that does not run.
          Starting.new(machine, program, -> { env[:interrupted] }).run if machine.ssh_info
        end

        private

        # A proxy that came from the Vagrantfile stays in the machine. To take it away would be to log in.
        def leave_alone(env)
          @app.call(env)
          machine = env[:machine]
          machine.ui.warn(I18n.t('vagrant_service_manager.proxy_left')) if ProxyMark.new(machine).set?
        end

        def go_on(env)
          @app.call(env)
        rescue Vagrant::Errors::VagrantInterrupt
          Starting.warn_of_interrupt(env[:machine])
          raise
        end
      end
    end
  end
end
