# frozen_string_literal: true

RSpec.describe VagrantPlugins::ServiceManager::Environment do
  def cleaned(certificates)
    variables = { 'DOCKER_HOST' => 'tcp://192.0.2.7:2376', 'DOCKER_CERT_PATH' => certificates, 'HOME' => '/home/dev' }
    described_class.clean(variables)
    variables.keys
  end

  it 'has no Docker that is in a machine' do
    state = '/home/dev/.local/state/service-manager'
    expect(cleaned("#{state}/machines/default-1c5d0f2e/docker")).to eq(%w[HOME])
  end

  it 'keeps the Docker that the user has chosen' do
    ['/home/dev/.docker', '/home/dev/.docker/machine/machines/default', nil].each do |certificates|
      expect(cleaned(certificates)).to eq(%w[DOCKER_HOST DOCKER_CERT_PATH HOME])
    end
  end
end
