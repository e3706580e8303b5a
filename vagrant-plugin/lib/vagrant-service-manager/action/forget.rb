# frozen_string_literal: true

require_relative '../proxy_mark'
require_relative 'telling'

module VagrantPlugins
  module ServiceManager
    module Action
      # Has the program forget a machine that was destroyed: its credentials, its host key. It may have been used
      # without the Vagrantfile saying so. Nothing about the program keeps a machine from being destroyed.
      class Forget
        include Telling

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
          tell(machine, :not_forgotten) { |program, variables| program.forget(machine.name, variables) }
        end
      end
    end
  end
end
