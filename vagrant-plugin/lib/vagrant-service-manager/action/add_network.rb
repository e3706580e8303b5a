# frozen_string_literal: true

module VagrantPlugins
  module ServiceManager
    module Action
      # Gives a machine of VirtualBox, which the host reaches through forwarded ports alone, an address of its own, so
      # that the host can reach its services. Only where the Vagrantfile says something of services.
      class AddNetwork
        def initialize(app, _env)
          @app = app
        end

        def call(env)
          machine = env[:machine]
          add_network(machine) if machine.config.servicemanager.in_use? && unreachable?(machine)
          @app.call(env)
        end

        private

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
        private_constant :REACHABLE
      end
    end
  end
end
