# frozen_string_literal: true

module VagrantPlugins
  module ServiceManager
    # The variables that Vagrant runs with.
    module Environment
      # Takes those out that `env docker` has set. They are for the user's own docker; Vagrant's Docker provider would
      # look for its machines in there, not find them, and forget them. What is handed over to gets them all the same.
      def self.clean(variables)
        return unless CERTIFICATES.match?(variables['DOCKER_CERT_PATH'].to_s)

        DOCKER.each { |name| variables.delete(name) }
      end

      DOCKER = %w[DOCKER_HOST DOCKER_CERT_PATH DOCKER_TLS_VERIFY DOCKER_API_VERSION].freeze
      # The program's folder for them, wherever it keeps its state: NAME-KEY below `machines`. Keys were shorter once.
      CERTIFICATES = %r{/machines/[^/]+-\h{8}(?:\h{24})?/docker/?\z}.freeze
      private_constant :DOCKER, :CERTIFICATES
    end
  end
end
