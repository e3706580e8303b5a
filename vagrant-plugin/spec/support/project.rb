# frozen_string_literal: true

# What the examples are written with.
module Support
  # A Vagrant project in a folder of its own, in the real Vagrant. The provider `fake` stands for a real one, whose
  # machines run where they have been created.
  def in_project(vagrantfile, created: [])
    Dir.mktmpdir do |folder|
      File.write(File.join(folder, 'Vagrantfile'), "Vagrant.configure('2') do |config|\n#{vagrantfile}\nend\n")
      created.each { |name| create(folder, name) }
      yield Vagrant::Environment.new(cwd: folder, ui_class: RecordingUI)
    end
  end

  # What a program does that is asked for its version.
  VERSION = "[ \"$1\" != --version ] || { echo service-manager #{VagrantPlugins::ServiceManager::VERSION}; exit; }"

  # A program that keeps what it was given in the file that it yields: its variables and its arguments. It says what
  # `says` prints, as a shell command.
  def with_program(says: 'true')
    Dir.mktmpdir do |folder|
      path = File.join(folder, 'service-manager')
      keeps = "{ env; printf 'argument=%s\\n' \"$@\"; } >>'#{folder}/given'"
      File.write(path, "#!/bin/sh\n#{VERSION}\n#{keeps}\n#{says}\n", perm: 0o755)
      with_environment('SERVICE_MANAGER_BIN' => path) { yield File.join(folder, 'given') }
    end
  end

  def with_environment(variables)
    before = variables.keys.to_h { |name| [name, ENV.fetch(name, nil)] }
    ENV.update(variables)
    yield
  ensure
    ENV.update(before)
  end

  private

  def create(folder, name)
    data = File.join(folder, '.vagrant/machines', name, 'fake')
    FileUtils.mkdir_p(data)
    File.write(File.join(data, 'id'), name)
  end

  # Keeps what Vagrant says.
  class RecordingUI < Vagrant::UI::Interface
    SAID = [] # rubocop:disable Style/MutableConstant

    %i[ask detail info warn error output success].each do |kind|
      define_method(kind) { |message, *_options| SAID << [kind, message] }
    end
  end

  # A provider without machines.
  class FakeProvider < Vagrant.plugin('2', :provider)
    def initialize(machine) # rubocop:disable Lint/MissingSuper
      @machine = machine
    end

    def state
      id = @machine.id ? :running : :not_created
      Vagrant::MachineState.new(id, id.to_s, id.to_s)
    end

    def ssh_info
      { host: '192.0.2.7', port: 2200 } if @machine.id
    end
  end

  # Makes it known to Vagrant.
  class FakePlugin < Vagrant.plugin('2')
    name 'fake provider'
    provider(:fake, box_optional: true) { FakeProvider }
  end
end
