# frozen_string_literal: true

RSpec.describe VagrantPlugins::ServiceManager::Environment do
  def cleaned(certificates)
    variables = { 'DOCKER_HOST' => 'tcp://192.0.2.7:2376', 'DOCKER_CERT_PATH' => certificates, 'HOME' => '/home/dev' }
    described_class.clean(variables)
    variables.keys
  end

  it 'has no Docker that is in a machine' do
    state = '/home/dev/.local/state/service-manager'
    %w[default-1c5d0f2e my-box-1c5d0f2e8f7b3a6049d2c1e5b7a80f34].each do |folder|
      expect(cleaned("#{state}/machines/#{folder}/docker")).to eq(%w[HOME])
    end
  end

  it 'keeps the Docker that the user has chosen' do
    ['/home/dev/.docker', '/home/dev/.docker/machine/machines/default', nil].each do |certificates|
      expect(cleaned(certificates)).to eq(%w[DOCKER_HOST DOCKER_CERT_PATH HOME])
    end
  end
end
