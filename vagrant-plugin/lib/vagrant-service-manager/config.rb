# frozen_string_literal: true

require_relative 'handover'
require_relative 'program'

module VagrantPlugins
  module ServiceManager
    # `config.servicemanager`: what is to be started in a machine, and how. Which services there are the program knows.
    class Config < Vagrant.plugin('2', :config)
      TEXTS = %i[install_version openshift_docker_registry openshift_image_name openshift_image_tag proxy proxy_user
                 proxy_password].freeze
      SWITCHES = %i[install network publish].freeze
      KEYS = [:services, *SWITCHES, *TEXTS].freeze
      # Those that are for one service.
      OPTIONS = { 'openshift' => TEXTS.grep(/\Aopenshift/), 'kubernetes' => %i[install_version] }.freeze
      private_constant :TEXTS, :SWITCHES, :KEYS, :OPTIONS

      # The services: names with commas between them, or an array of names. Once finalized, the names.
      attr_accessor :services
      # True to have services that are not in the box installed, as `start --install` does.
      attr_accessor :install
      # The release of Kubernetes (k3s) that is installed then; else the latest stable one.
      attr_accessor :install_version
      # Whether a machine of VirtualBox, which the host reaches through forwarded ports alone, gets a private network.
      # Services are reached without one, through SSH.
      attr_accessor :network
      # True to have the ports that are published in the machine on the host's loopback too.
      attr_accessor :publish
      # For OpenShift in the Atomic Developer Bundle: where its image comes from.
      attr_accessor :openshift_docker_registry, :openshift_image_name, :openshift_image_tag
      # The proxy of the services, and who uses it.
      attr_accessor :proxy, :proxy_user, :proxy_password

      def initialize
        super
        KEYS.each { |key| set(key, UNSET_VALUE) }
      end

      def finalize!
        given = KEYS.reject { |key| get(key) == UNSET_VALUE }
        # These say how, and not that there is anything to do.
        @in_use = (given - %i[install install_version network]).any?
        (KEYS - given).each { |key| set(key, nil) }
        @services = names(@services)
      end

      # True when the Vagrantfile says anything about the services of the machine. Other machines are none of this
      # plugin's business.
      def in_use?
        @in_use
      end

      # True when there is a proxy that can be used.
      def proxy?
        !proxy.nil? && proxy_warnings.empty?
      end

      # What the program is told of all this when it starts `services`, in options. There everybody on the host can read
      # it.
      def options(services)
        keys = OPTIONS.values_at(*services).compact.flatten
        keys += %i[proxy proxy_user] if proxy?
        given = keys.select { |key| get(key) }
        # In one word each: a value may begin with a `-`.
        (install ? %w[--install] : []) + given.map { |key| "--#{key.to_s.tr('_', '-')}=#{get(key)}" }
      end

      # The rest, in variables.
      def secrets
        proxy? && proxy_password ? { 'SERVICE_MANAGER_PROXY_PASSWORD' => proxy_password } : {}
      end

      # Keeps the program out of the validation: a machine that is about to go needs nothing of it.
      def leave_unchecked
        @__unchecked = true
      end

      # The mistakes. Vagrant asks more than once; they are looked for once, and warnings shown once.
      def validate(machine)
        @__mistakes ||= look_for_mistakes(machine)
        { 'servicemanager' => @__mistakes }
      end

      private

      def look_for_mistakes(machine)
        proxy_warnings.each { |warning| machine.ui.warn(warning) }
        _detected_errors + switch_mistakes + text_mistakes + service_mistakes(machine)
      end

      def get(key)
        instance_variable_get(:"@#{key}")
      end

      def set(key, value)
        instance_variable_set(:"@#{key}", value)
      end

      # Nothing at all is made of what is neither text, a symbol nor an array.
      def names(services)
        case services
        when nil, String, Symbol, Array
          [services].flatten.flat_map { |names| names.to_s.split(',') }.map(&:strip).reject(&:empty?).uniq
        else services
        end
      end

      def switch_mistakes
        wrong = SWITCHES.reject { |key| [nil, true, false].include?(get(key)) }
        wrong.map { |key| words('mistakes.not_boolean', key: key) }
      end

      def text_mistakes
        wrong = TEXTS.reject { |key| get(key).nil? || (get(key).is_a?(String) && !get(key).empty?) }
        mistakes = wrong.map { |key| words('mistakes.not_text', key: key) }
        mistakes + (install_version && !install ? [words('mistakes.version_of_nothing')] : [])
      end

      def service_mistakes(machine)
        return [words('mistakes.no_names')] unless services.is_a?(Array)
        return [] if @__unchecked || (services.empty? && !proxy?)

        ask_program(machine, Program.find)
      rescue Errors::NoFittingProgram => e
        [e.message]
      end

      def ask_program(machine, program)
        Handover.new(machine.env, machine.name).to_variables do |variables|
          refusals = services.to_h { |name| [name, program.refusal_of(name, variables)] }.compact
          refusals.values + combined_mistakes(machine, program, services - refusals.keys, variables)
        end
      end

      # What is wrong with all of it together. Where no service is named, one may be started all the same.
      def combined_mistakes(machine, program, names, variables)
        return [] unless text_mistakes.empty?

        names = %w[docker] if names.empty?
        mistakes, warnings = program.check(names, self, variables)
        warnings.each { |warning| machine.ui.warn(warning) }
        mistakes
      end

      def proxy_warnings
        return [] unless proxy_user || proxy_password
        return [words('warnings.no_proxy')] unless proxy

        proxy_user && proxy_password ? [] : [words('warnings.half_a_login')]
      end

      def words(key, **values)
        I18n.t("vagrant_service_manager.config.#{key}", **values)
      end
    end
  end
end
