# frozen_string_literal: true

module VagrantPlugins
  module ServiceManager
    # That of the program, of which the plugin is a part.
    VERSION = '2.0.0'
  end
end
