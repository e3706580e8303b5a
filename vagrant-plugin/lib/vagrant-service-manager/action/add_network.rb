# frozen_string_literal: true

module VagrantPlugins
  module ServiceManager
    module Action
      # Gives a machine of VirtualBox, which the host reaches through forwarded ports alone, an address of its own.
      # Services need none, since they are reached through SSH; so only where the Vagrantfile asks for it.
      class AddNetwork
        def initialize(app, _env)
          @app = app
        end

        def call(env)
          machine = env[:machine]
          wanted = machine.config.servicemanager.network && unreachable?(machine)
          add_network(machine) if wanted && boots?(machine, env[:machine_action])
          @app.call(env)
        end

        private

        # Networks are what a machine boots with. What runs or sleeps boots in a reload alone.
        def boots?(machine, action)
          state = machine.state.id
          action == :reload ? state != :not_created : !AWAKE_OR_ASLEEP.include?(state)
        end

        def unreachable?(machine)
          return false unless machine.provider_name == :virtualbox

          adapters = machine.provider_config.network_adapters.values
          machine.config.vm.networks.none? { |kind, _| REACHABLE.include?(kind) } &&
            adapters.all? { |kind, _| kind == :nat }
        end

        def add_network(machine)
          machine.ui.info(I18n.t('vagrant_service_manager.network'))
          machine.config.vm.network(:private_network, type: 'dhcp')
        end

        REACHABLE = %i[private_network public_network].freeze
        AWAKE_OR_ASLEEP = %i[running paused saved].freeze
        private_constant :REACHABLE, :AWAKE_OR_ASLEEP
      end
    end
  end
end
