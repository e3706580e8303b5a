# frozen_string_literal: true

module VagrantPlugins
  module ServiceManager
    module Action
      # Waits for what takes long: says now and then for what, and notices that the user wants an end of it.
      class Patience
        # `is_over` tells whether the user does.
        def initialize(interface, is_over)
          @interface = interface
          @is_over = is_over
          @said_at = now
        end

        # Something was said, so that nobody has to wonder.
        def heard
          @said_at = now
        end

        # Does what is in the block. Meanwhile says what `what` returns, and stops `process` when it is over.
        def during(process, what)
          watcher = Thread.new { watch(process, what, now) }
          yield
        ensure
          watcher&.kill
          watcher&.join
        end

        private

        def watch(process, what, begun)
          loop do
            sleep(TICK)
            break process.stop if @is_over.call
            next if now - @said_at < INTERVAL

            heard
            words = I18n.t('vagrant_service_manager.waiting', seconds: (now - begun).round, what: what.call)
            @interface.detail(words)
          end
        end

        def now
          Process.clock_gettime(Process::CLOCK_MONOTONIC)
        end

        # In seconds.
        INTERVAL = 8
        TICK = 0.2
        private_constant :TICK
      end
    end
  end
end
