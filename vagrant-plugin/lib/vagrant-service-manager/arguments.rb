# frozen_string_literal: true

module VagrantPlugins
  module ServiceManager
    # What the user typed for the program. Vagrant takes its own options out of the whole command line, those that the
    # program has too among them.
    class Arguments
      # `given` is what Vagrant hands over, `command_line` what it was started with.
      def initialize(given, command_line = ARGV)
        before, after = split(command_line)
        @words = after ? options(before) + restored(after) : given
      end

      def to_a
        @words
      end

      # The machine that `--machine` names, if it does.
      def machine
        own.each_cons(2) { |word, value| return value if %w[-m --machine].include?(word) }
        own.filter_map { |word| word[/\A(?:--machine=|-m=?)(.+)\z/, 1] }.first
      end

      # True when it is just help that is wanted, for which nothing has to be known of any machine.
      def help?
        @words.empty? || @words.first == 'help' || (own & %w[-h --help]).any?
      end

      # True when another command is to be run, in place of the program.
      def runs_command?
        exec?(@words) && !help?
      end

      # True when something may have to be downloaded.
      def downloads?
        @words.include?('install-cli') && !help?
      end

      private

      # Those that are the program's: what follows `exec --` is another command's, and without `--` that one may begin
      # anywhere.
      def own
        words = @words.take_while { |word| word != '--' }
        return words unless exec?(words)

        named = %w[-m --machine].include?(words[words.index('exec') + 1])
        words.take(words.index('exec') + (named ? 3 : 2))
      end

      # The program's command is the first word that is neither an option nor the value of one.
      def exec?(words)
        command = words.each_with_index.find do |word, index|
          !word.start_with?('-') && (index.zero? || !VALUED.include?(words[index - 1]))
        end
        command&.first == 'exec'
      end

      # What stands before and after the name of the command, which is the first word that is no option.
      def split(command_line)
        index = command_line.index { |word| !word.start_with?('-') }
        return unless index && command_line[index] == 'service-manager'

        [command_line.take(index), command_line.drop(index + 1)]
      end

      # The words after the command. Behind a `--` they are none of Vagrant's business.
      def restored(words)
        index = words.index('--') || words.size
        own = words.take(index).slice_when { |word, value| !(word == '--color' && WHEN.include?(value)) }
        # `exec` has a `--` of its own.
        options(own.map { |group| group.join('=') }) + words.drop(exec?(words.take(index)) ? index : index + 1)
      end

      # Vagrant's options as the program has them.
      def options(words)
        words.flat_map { |word| VAGRANTS.fetch(word, [word]) }
      end

      WHEN = %w[auto always never].freeze
      VALUED = %w[-m --machine -i --identity --host --ssh-config --timeout --tunnel].freeze
      VAGRANTS = {
        '--debug' => %w[--debug],
        '--debug-timestamp' => %w[--debug],
        '--color' => %w[--color=always],
        '--no-color' => %w[--color=never],
        '--machine-readable' => [],
        '--timestamp' => [],
        '--no-tty' => []
      }.freeze
      private_constant :WHEN, :VALUED, :VAGRANTS
    end
  end
end
