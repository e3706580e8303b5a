# frozen_string_literal: true

require_relative 'vagrant-service-manager/plugin'
