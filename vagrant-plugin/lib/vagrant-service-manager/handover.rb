# frozen_string_literal: true

require 'tempfile'
require 'vagrant/util/template_renderer'

module VagrantPlugins
  module ServiceManager
    # What the program would otherwise start another Vagrant for: the project, the machine that is meant in it, and what
    # `vagrant ssh-config` says of that machine.
    class Handover
      # About the machine `name` of the project of `env`: its only one that is created, or its primary one where no
      # name is given. Where there is no project or none is meant, the program gets to know just that.
      def self.in_project(env, name)
        return new(env, nil) unless env.root_path

        created = env.active_machines.to_h
        name = name ? env.machine_names.find { |known| known.to_s == name } : meant(env, created)
        new(env, name, created.key?(name) ? env.machine(name, created[name]) : nil)
      end

      # About `machine`.
      def self.of(machine)
        new(machine.env, machine.name, machine)
      end

      # The machine that is meant where none is named: as the program has it.
      def self.meant(env, created)
        created.one? ? created.keys.first : env.primary_machine_name
      end
      private_class_method :meant

      # `machine` is none while `name` is not created.
      def initialize(env, name, machine = nil)
        @env = env
        @name = name
        @machine = machine
      end

      # What the Vagrantfile says of services: for that machine, or for all where none is meant.
      def config
        return @machine.config.servicemanager if @machine
        return @env.vagrantfile.machine_config(@name, nil, nil)[:config].servicemanager if @name

        @env.vagrantfile.config.servicemanager
      end

      # Yields the variables that tell the program. The file that one of them names is for nobody else, and lasts as
      # long as the block.
      def to_variables
        info = @machine&.ssh_info
        return yield variables(nil) unless info

        Tempfile.create('vagrant-service-manager') do |file|
          file.write(ssh_config(info))
          file.close
          yield variables(file.path)
        end
      end

      private

      def variables(ssh_config)
        variables = {
          'SERVICE_MANAGER_PLUGIN' => 'vagrant',
          'SERVICE_MANAGER_VAGRANT_MACHINE' => @name&.to_s,
          'SERVICE_MANAGER_SSH_CONFIG' => ssh_config
        }
        variables['VAGRANT_CWD'] = @env.root_path.to_s if @env.root_path
        # As Vagrant has it, whatever its value; an option that is typed counts all the same.
        variables['NO_COLOR'] = '1' if ENV.key?('VAGRANT_NO_COLOR')
        variables
      end

      # As `vagrant ssh-config` writes it.
      def ssh_config(info)
        keys = %i[keys_only verify_host_key private_key_path log_level forward_agent forward_x11 proxy_command
                  ssh_command forward_env config]
        place = { host_key: @name, ssh_host: info[:host], ssh_port: info[:port], ssh_user: info[:username] }
        # The template asks for each of them.
        values = keys.to_h { |key| [key, info[key]] }.merge(place)
        Vagrant::Util::TemplateRenderer.render('commands/ssh_config/config', values)
      end
    end
  end
end
