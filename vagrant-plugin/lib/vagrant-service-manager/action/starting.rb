# frozen_string_literal: true

require_relative '../handover'
require_relative '../program'
require_relative '../proxy_mark'
require_relative 'patience'

module VagrantPlugins
  module ServiceManager
    module Action
      # The start of all services that are switched on in one machine.
      class Starting
        # Says what is not started, after the user has ended what comes before.
        def self.warn_of_interrupt(machine)
          services = machine.config.servicemanager.services
          words = I18n.t('vagrant_service_manager.not_reached', services: services.join(', '), machine: machine.name)
          machine.ui.warn(words) unless services.empty?
        end

        # `is_interrupted` tells whether the user wants an end of it.
        def initialize(machine, program, is_interrupted)
          @machine = machine
          @config = machine.config.servicemanager
          @program = program
          @is_interrupted = is_interrupted
          @proxy_mark = ProxyMark.new(machine)
          @patience = Patience.new(machine.ui, is_interrupted)
          @services = @config.services
          @said = +''
        end

        def run
          Handover.of(@machine).to_variables do |variables|
            @services = services(variant(variables))
            start(variables) unless @services.empty?
            publish(variables) if @config.publish
          end
        end

        private

        # What the box calls itself in its `os-release`, if it does.
        def variant(variables)
          answer = @program.box_version(variables, @patience) { I18n.t('vagrant_service_manager.box') }
          raise_unless(answer, [0, SAYS_NOTHING])
          answer.stdout[/^VARIANT_ID="?([a-z]+)"?$/, 1]
        end

        # What is switched on in a machine whose box is of the given variant. Docker comes first: others need it.
        def services(variant)
          wanted = @config.services
          bundle = BUNDLES[variant]
          return wanted.partition { |name| name == 'docker' }.flatten unless bundle

          bundle.fetch(:always) | (wanted.empty? ? bundle.fetch(:otherwise) : wanted)
        end

        def start(variables)
          @machine.ui.output(I18n.t('vagrant_service_manager.starting', services: @services.join(', ')))
          @proxy_mark.set if @config.proxy?
          answer = answer_to_start(variables)
          raise_unless(answer, [0])
          news(answer.stderr).each { |line| @machine.ui.detail(line.chomp) }
          @proxy_mark.clear if proxy_gone?
        end

        # A machine whose ports are not here is as good as started: it is warned of that.
        def publish(variables)
          answer = @program.publish(variables, @patience) { I18n.t('vagrant_service_manager.ports') }
          raise_unless(answer, [answer.exit_code])
          @machine.ui.warn(answer.stderr.chomp) unless answer.exit_code.zero?
        end

        def answer_to_start(variables)
          variables = variables.merge(@config.secrets)
          @program.start(@services, options, variables, @patience, method(:report)) { missing.join(', ') }
        end

        def options
          @config.options(@services) + (proxy_gone? ? %w[--no-proxy] : [])
        end

        # Those that are not said to be started.
        def missing
          @services.reject { |name| @said.match?(/^#{Regexp.escape(name)} service configured /i) }
        end

        # Shows what has come of standard output.
        def report(text)
          whole = @said.rindex("\n").to_i
          @said << text
          lines = @said[whole..(@said.rindex("\n") || 0)].lines(chomp: true).reject(&:empty?)
          lines.each { |line| @machine.ui.detail(line) }
          @patience.heard
        end

        # What is new in the program's notes and errors. A service that runs already is what is wanted.
        def news(text)
          text.lines.grep_v(RUNS_ALREADY)
        end

        def raise_unless(answer, good)
          raise Errors::Interrupted, machine: @machine.name, services: missing.join(', ') if @is_interrupted.call
          return if good.include?(answer.exit_code)

          raise Errors::NotStarted, machine: @machine.name, words: news(answer.stderr).join
        end

        def proxy_gone?
          @config.proxy.nil? && @proxy_mark.set?
        end

        # The boxes with services of their own, by what they call themselves.
        BUNDLES = {
          'adb' => { always: %w[docker], otherwise: [] },
          'cdk' => { always: %w[docker], otherwise: %w[openshift] }
        }.freeze
        # The program's exit code where the box has no `os-release`.
        SAYS_NOTHING = 126
        RUNS_ALREADY = /\Anote: .* runs already$/.freeze
        private_constant :BUNDLES, :SAYS_NOTHING, :RUNS_ALREADY
      end
    end
  end
end
