# frozen_string_literal: true

require 'tmpdir'

# Vagrant's own data is not to be touched.
ENV['VAGRANT_HOME'] = Dir.mktmpdir
at_exit { FileUtils.remove_entry(ENV.fetch('VAGRANT_HOME')) }
# Nor are other plugins of the user's.
ENV['VAGRANT_DISABLE_PLUGIN_INIT'] = '1'

require 'vagrant'
require 'vagrant-service-manager'

require_relative 'support/project'

RSpec.configure do |config|
  config.disable_monkey_patching!
  config.raise_errors_for_deprecations!
  config.order = :random
  config.mock_with(:rspec) { |mocks| mocks.verify_partial_doubles = true }
  config.include Support
end
