# frozen_string_literal: true

require 'vagrant-service-manager/program'

RSpec.describe VagrantPlugins::ServiceManager::ProgramVersion do
  # What comes of a program that does `script`; how often it was started for that, when it is checked `times`.
  def check(script, times: 1)
    Dir.mktmpdir do |folder|
      path = File.join(folder, 'service-manager')
      File.write(path, "#!/bin/sh\necho once >>'#{folder}/asked'\n#{script}\n", perm: 0o755)
      times.times { described_class.check(path) }
      return File.readlines("#{folder}/asked").size
    end
  end

  it 'asks a program once' do
    expect(check('echo service-manager 2.0.0', times: 3)).to eq(1)
  end

  it 'asks again when the file is another one' do
    Dir.mktmpdir do |folder|
      path = File.join(folder, 'service-manager')
      File.write(path, "#!/bin/sh\necho service-manager 2.0.0\n", perm: 0o755)
      described_class.check(path)
      File.write(path, "#!/bin/sh\necho service-manager 1.5.0 # too old\n")
      expect { described_class.check(path) }.to raise_error(VagrantPlugins::ServiceManager::Errors::ProgramTooOld)
    end
  end

  it 'takes what has the same major version' do
    %w[2.0.0 2.0.1 2.7.0 2.1.0-rc1].each { |version| check("echo service-manager #{version}") }
  end

  {
    'echo service-manager 1.9.9' => /is service-manager 1.9.9, which is too old .*Install service-manager 2\.\d/m,
    'echo service-manager 3.0.0' => /is newer than this plugin.*Install the plugin of the version 3.0.0/m,
    'echo other 2.0.0' => /does not say its version.*install\s+service-manager 2\.\d/m,
    'echo service-manager 2.0.0; exit 1' => /does not say its version/,
    'echo service-manager two' => /does not say its version/,
    'kill -KILL $$' => /does not say its version/
  }.each do |script, words|
    it "refuses `#{script}`" do
      expect { check(script) }.to raise_error(VagrantPlugins::ServiceManager::Errors::NoFittingProgram, words)
    end
  end

  it 'lives with a cache that is damaged or cannot be written' do
    cache = Vagrant.user_data_path.join('data/service-manager-version.json')
    ['', '[]', '{', '{"file":1}', '7'].each do |text|
      cache.write(text)
      expect(check('echo service-manager 2.0.0')).to eq(1)
    end
    cache.delete
    cache.mkdir
    expect(check('echo service-manager 2.0.0', times: 2)).to eq(2)
    cache.delete
  end
end
