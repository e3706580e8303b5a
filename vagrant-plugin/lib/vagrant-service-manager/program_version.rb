# frozen_string_literal: true

require 'json'
require 'vagrant/util/subprocess'

require_relative 'version'

module VagrantPlugins
  module ServiceManager
    # Whether a program fits this plugin: it has the same major version, and all that the plugin asks of it.
    module ProgramVersion
      # Raises an error that says what to install, unless the program at `path` fits.
      def self.check(path)
        version = known(path) || ask(path)
        return if FITTING.satisfied_by?(version)

        error = version < Gem::Version.new(VERSION) ? Errors::ProgramTooOld : Errors::ProgramTooNew
        raise error, path: path, found: version, plugin: VERSION
      end

      # What the program has said, once: that is kept for as long as its file is the same.
      def self.known(path)
        kept = JSON.parse(cache.read)
        Gem::Version.new(kept['version']) if kept['file'] == identity(path)
      rescue SystemCallError, JSON::ParserError, ArgumentError, TypeError, NoMethodError
        nil
      end
      private_class_method :known

      def self.ask(path)
        text = said(path)[/\Aservice-manager (\d\S*)$/, 1]
        raise Errors::NotTheProgram, path: path, plugin: VERSION unless text && Gem::Version.correct?(text)

        keep(path, text)
        Gem::Version.new(text)
      end
      private_class_method :ask

      def self.said(path)
        answer = Vagrant::Util::Subprocess.execute(path, '--version', timeout: PATIENCE)
        answer.exit_code.zero? ? answer.stdout : ''
      rescue StandardError
        # It does not even start, or never ends.
        ''
      end
      private_class_method :said

      def self.keep(path, text)
        new = "#{cache}.#{Process.pid}"
        cache.dirname.mkpath
        File.write(new, JSON.generate('file' => identity(path), 'version' => text))
        File.rename(new, cache)
      rescue SystemCallError
        # Then it is asked again.
      end
      private_class_method :keep

      # Tells whether the file is another one.
      def self.identity(path)
        real = File.realpath(path)
        stat = File.stat(real)
        [real, stat.size, stat.mtime.strftime('%s.%N'), stat.ino]
      end
      private_class_method :identity

      def self.cache
        Vagrant.user_data_path.join('data', 'service-manager-version.json')
      end
      private_class_method :cache

      FITTING = Gem::Requirement.new("~> #{VERSION[/\A\d+\.\d+/]}")
      # In seconds.
      PATIENCE = 10
      private_constant :FITTING, :PATIENCE
    end
  end
end
