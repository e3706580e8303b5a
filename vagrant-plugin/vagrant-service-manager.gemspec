# frozen_string_literal: true

require_relative 'lib/vagrant-service-manager/version'

Gem::Specification.new do |spec|
  spec.name = 'vagrant-service-manager'
  spec.version = VagrantPlugins::ServiceManager::VERSION
  spec.summary = 'Makes the Docker, Kubernetes and OpenShift inside a Vagrant machine usable from the host'
  spec.description = 'Adds `vagrant service-manager` and, in a Vagrantfile, `config.servicemanager`. ' \
                     'The work is done by the program `service-manager`.'
  spec.authors = ['The service-manager authors']
  spec.license = 'Apache-2.0'
  spec.required_ruby_version = '>= 2.7'
  spec.metadata['rubygems_mfa_required'] = 'true'
  # A gem that carries the program fits only where the program runs. tools/gem says where that is.
  program = Dir['libexec/*']
  platform = ENV.fetch('SERVICE_MANAGER_GEM_PLATFORM', '')
  spec.platform = platform.empty? ? Gem::Platform::CURRENT : platform unless program.empty?
  spec.files = Dir['lib/**/*.rb', 'locales/*.yml', 'LICENSE'] + program
end
