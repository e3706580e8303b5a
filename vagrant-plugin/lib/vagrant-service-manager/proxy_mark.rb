# frozen_string_literal: true

require 'digest'

module VagrantPlugins
  module ServiceManager
    # That a machine has a proxy which a Vagrantfile has set: one that somebody has typed is left alone. It is kept in
    # Vagrant's home, since the guest can write the project's folder: a link there would lead to any file of the host.
    class ProxyMark
      # The mark of `machine` as it is now: another one after it was destroyed.
      def initialize(machine)
        key = Digest::SHA256.hexdigest("#{machine.data_dir}\0#{machine.id}")
        @path = Vagrant.user_data_path.join('data', 'service-manager-proxies', key)
      end

      def set?
        @path.file?
      end

      def set
        @path.dirname.mkpath
        FileUtils.touch(@path)
      end

      def clear
        FileUtils.rm_f(@path)
      end
    end
  end
end
