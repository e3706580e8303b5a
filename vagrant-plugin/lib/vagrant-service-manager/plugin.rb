# frozen_string_literal: true

require 'vagrant'

require_relative 'environment'
require_relative 'errors'
require_relative 'version'

module VagrantPlugins
  module ServiceManager
    Environment.clean(ENV)

    # What Vagrant is told of this plugin. The files behind it are read when they are first needed: every `vagrant`
    # command starts here.
    class Plugin < Vagrant.plugin('2')
      name 'service-manager'
      description 'Makes the Docker, Kubernetes and OpenShift inside a machine usable from the host.'

      command('service-manager') do
        require_relative 'command'
        Command
      end

      config(:servicemanager) do
        require_relative 'config'
        Config
      end

      # What stands first comes back last: after the machine has booted, and after its provisioners, which may
      # install what is to be started.
      %i[up reload resume provision].each do |action|
        action_hook('services', :"machine_action_#{action}") do |hook|
          require_relative 'action/start_services'
          hook.prepend(Action::StartServices)
        end
      end

      %i[up reload].each do |action|
        action_hook('network', :"machine_action_#{action}") do |hook|
          require_relative 'action/add_network'
          hook.prepend(Action::AddNetwork)
        end
      end

      # `destroy` ends it too, with all else that is kept of the machine.
      %i[halt suspend reload].each do |action|
        action_hook('tunnel', :"machine_action_#{action}") do |hook|
          require_relative 'action/end_tunnel'
          hook.prepend(Action::EndTunnel)
        end
      end

      action_hook('state', :machine_action_destroy) do |hook|
        require_relative 'action/forget'
        hook.prepend(Action::Forget)
      end
    end
  end
end
