# frozen_string_literal: true

require 'vagrant-service-manager/config'
require 'vagrant-service-manager/download_proxy'

RSpec.describe VagrantPlugins::ServiceManager::DownloadProxy do
  def variables(keys, environment = {})
    lines = keys.map { |key, value| "config.servicemanager.#{key} = '#{value}'" }.join("\n")
    in_project(lines) do |env|
      return described_class.variables(env.machine(:default, :fake).config.servicemanager, environment)
    end
  end

  it 'says nothing where the Vagrantfile does not' do
    expect(variables({})).to eq({})
    expect(variables({ proxy: 'proxy.example:1', proxy_user: 'me' })).to eq({})
  end

  it 'is for both kinds of addresses, and not for this host' do
    %w[proxy.example:1 http://proxy.example:1 http://proxy.example:1/].each do |proxy|
      expect(variables({ proxy: proxy })).to eq(
        'HTTPS_PROXY' => 'http://proxy.example:1', 'HTTP_PROXY' => 'http://proxy.example:1',
        'NO_PROXY' => 'localhost,127.0.0.0/8,::1'
      )
    end
  end

  it 'is text' do
    [3128, :proxy, ['proxy.example:1'], true].each do |proxy|
      in_project("config.servicemanager.proxy = #{proxy.inspect}") do |env|
        config = env.machine(:default, :fake).config.servicemanager
        expect { described_class.variables(config, {}) }
          .to raise_error(VagrantPlugins::ServiceManager::Errors::ProxyNotText, /has to be text/)
      end
    end
  end

  it 'encodes who uses it' do
    keys = { proxy: 'proxy.example:1', proxy_user: 'me too', proxy_password: 'p@:/ä' }
    expect(variables(keys)['HTTPS_PROXY']).to eq('http://me%20too:p%40%3A%2F%C3%A4@proxy.example:1')
  end

  it 'leaves what the user has set' do
    proxy = { proxy: 'proxy.example:1' }
    expect(variables(proxy, 'https_proxy' => 'x', 'no_proxy' => 'y')).to eq('HTTP_PROXY' => 'http://proxy.example:1')
    expect(variables(proxy, 'HTTPS_PROXY' => '').keys).to eq(%w[HTTP_PROXY NO_PROXY])
    expect(variables(proxy, 'ALL_PROXY' => 'x')).to eq({})
  end
end
