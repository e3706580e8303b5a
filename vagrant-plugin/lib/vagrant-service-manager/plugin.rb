# frozen_string_literal: true

require 'vagrant'

require_relative 'errors'
require_relative 'version'

module VagrantPlugins
  module ServiceManager
    # What Vagrant is told of this plugin. The files behind it are read when they are first needed: every `vagrant`
    # command starts here.
    class Plugin < Vagrant.plugin('2')
      name 'service-manager'
      description 'Makes the Docker, Kubernetes and OpenShift inside a machine usable from the host.'

      command('service-manager') do
        require_relative 'command'
        Command
      end
    end
  end
end
