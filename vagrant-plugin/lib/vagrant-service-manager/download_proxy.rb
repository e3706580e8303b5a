# frozen_string_literal: true

require 'erb'

module VagrantPlugins
  module ServiceManager
    # The proxy of a Vagrantfile, for what the host downloads.
    module DownloadProxy
      # The variables that say so, beside those that the user has set in `environment`, which count.
      def self.variables(config, environment = ENV)
        return {} unless config.proxy?
        raise Errors::ProxyNotText unless config.proxy.is_a?(String)

        missing = VARIABLES.reject { |_, names| set?(names, environment) }.keys
        return {} if missing.empty?

        variables = missing.to_h { |name| [name, url(config)] }
        # Through a proxy, a mirror on this host would be one on the proxy's.
        set?(DIRECT, environment) ? variables : variables.merge('NO_PROXY' => LOOPBACK)
      end

      def self.set?(names, environment)
        names.any? { |name| environment.key?(name) }
      end
      private_class_method :set?

      def self.url(config)
        place = config.proxy.delete_prefix('http://').delete_suffix('/')
        login = [config.proxy_user, config.proxy_password].compact.map { |text| ERB::Util.url_encode(text) }
        "http://#{login.join(':')}#{'@' unless login.empty?}#{place}"
      end
      private_class_method :url

      # Each with those that the program takes for it.
      VARIABLES = {
        'HTTPS_PROXY' => %w[HTTPS_PROXY https_proxy ALL_PROXY all_proxy],
        'HTTP_PROXY' => %w[HTTP_PROXY http_proxy ALL_PROXY all_proxy]
      }.freeze
      DIRECT = %w[NO_PROXY no_proxy].freeze
      LOOPBACK = 'localhost,127.0.0.0/8,::1'
      private_constant :VARIABLES, :DIRECT, :LOOPBACK
    end
  end
end
