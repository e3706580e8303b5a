# frozen_string_literal: true

require_relative 'arguments'
require_relative 'download_proxy'
require_relative 'handover'
require_relative 'program'

module VagrantPlugins
  module ServiceManager
    # `vagrant service-manager`: hands over to the program.
    class Command < Vagrant.plugin('2', :command)
      def self.synopsis
        'makes the container services inside a machine usable from here'
      end

      # Returns the program's exit code.
      def execute
        arguments = Arguments.new(@argv)
        program = Program.find
        handover = handover(arguments)
        more = arguments.downloads? ? DownloadProxy.variables(handover.config) : {}
        handover.to_variables do |variables|
          # What a command is run with has no file of the block's any more: the program removes it.
          next program.replace_vagrant(arguments.to_a, variables) if arguments.runs_command?

          program.take_over(arguments.to_a, variables.merge(more))
        end
      end

      private

      def handover(arguments)
        arguments.help? ? Handover.new(@env, nil) : Handover.in_project(@env, arguments.machine)
      end
    end
  end
end
