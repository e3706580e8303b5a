//! Vagrant projects: with the real Vagrant, whose machines are test guests, and with a fake one for what the real
//! one does only now and then.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use crate::gem::install_plugin;
use crate::guest::{Guest, answer};
use crate::places::temporary;
use crate::port::Port;
use crate::typed::{Typed, programs};
use crate::user::User;

/// A project in the home folder of a user whose Vagrant counts how often it is started.
pub struct Project<'u> {
    user: &'u User<'u>,
    folder: PathBuf,
    /// None in one with the fake Vagrant.
    recipe: Option<Vec<String>>,
    containers: RefCell<BTreeSet<String>>,
    /// Tells its machines from those of other projects.
    number: u32,
    /// Held by a project with the real Vagrant.
    _turn: Option<File>,
}

/// What is said of a machine in a Vagrantfile.
pub struct Defined {
    pub name: &'static str,
    /// sshd alone, without Kubernetes.
    pub is_light: bool,
    pub flavour: &'static str,
    pub options: &'static str,
    /// A line in its block.
    pub setting: &'static str,
    pub port: String,
}

impl Defined {
    pub fn light(name: &'static str) -> Self {
        Self { name, is_light: true, flavour: "kubeadm", options: "", setting: "", port: free_port() }
    }

    /// One with Kubernetes.
    pub fn whole(name: &'static str) -> Self {
        Self { is_light: false, ..Self::light(name) }
    }
}

impl<'u> Project<'u> {
    /// One with the real Vagrant, in the folder `name`. Its machines are removed when it is dropped.
    pub fn real(user: &'u User<'u>, name: &str) -> Self {
        // Vagrant lists all containers and then inspects each, and fails when one of another test is gone by then (`read_used_ports`
        // in its plugins/providers/docker/driver.rb). So it is shown only those of its user. The docker client is as old as the
        // daemon where Debian's comes first.
        user.writes_script(
            "engine/docker",
            &format!(
                "[ \"$*\" != 'ps -a -q --no-trunc' ] || set -- \"$@\" --filter \"label={OWNER}=$HOME\"\n\
                 exec /usr/bin/docker \"$@\""
            ),
        );
        let vagrant = "PATH=$HOME/engine:/usr/bin:$PATH exec /usr/bin/vagrant \"$@\"";
        let mut project = Self::new(user, name, vagrant, Some(turn()));
        project.recipe = Some(recipe());
        project
    }

    /// One whose machine `default` is `guest`, as a fake Vagrant says. It says what is in the file `ssh-config` of the
    /// project.
    pub fn fake(user: &'u User<'u>, name: &str, guest: &Guest) -> Self {
        let vagrant = "env >\"$HOME/given\"; . \"$HOME/before\"; cat ssh-config";
        let project = Self::new(user, name, vagrant, None);
        user.writes("before", "");
        project.writes("Vagrantfile", "");
        project.writes(".vagrant/machines/default/fake/id", "first");
        project.says(&Self::block(guest));
        project
    }

    fn new(user: &'u User<'u>, name: &str, vagrant: &str, turn: Option<File>) -> Self {
        user.writes_script("bin/vagrant", &format!("echo \"$@\" >>\"$HOME/started\"\n{vagrant}"));
        let folder = user.home().join(name);
        fs::create_dir(&folder).unwrap();
        let number = PROJECTS.fetch_add(1, Ordering::Relaxed);
        Self { user, folder, recipe: None, containers: RefCell::default(), number, _turn: turn }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a file of the project. Somebody who writes a Vagrantfile lets Vagrant run it.
    #[track_caller]
    pub fn writes(&self, name: &str, text: &str) {
        self.has(name, text);
        if name == "Vagrantfile" {
            self.types("service-manager --quiet machines allow").succeeds();
        }
    }

    /// A file of the project is there, whoever has written it.
    pub fn has(&self, name: &str, text: &str) {
        let path = self.folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// What `vagrant ssh-config` would say of `guest`.
    pub fn block(guest: &Guest) -> String {
        let (address, key) = (guest.address(), guest.folder().join("keys/ed25519"));
        format!(
            "Host default\n  HostName {address}\n  User vagrant\n  Port 22\n  UserKnownHostsFile /dev/null\n  \
             StrictHostKeyChecking no\n  PasswordAuthentication no\n  IdentityFile {}\n  IdentitiesOnly yes\n  \
             LogLevel FATAL\n",
            key.display()
        )
    }

    /// The fake Vagrant answers with `text`.
    pub fn says(&self, text: &str) {
        self.writes("ssh-config", &format!("1795507561,default,metadata,provider,fake\n{text}\n"));
    }

    /// Writes the Vagrantfile: `machines`, each a test guest.
    pub fn defines(&self, machines: &[Defined]) {
        self.defines_with("", machines);
    }

    /// The same with the line `setting`.
    pub fn defines_with(&self, setting: &str, machines: &[Defined]) {
        let recipe = self.recipe.as_ref().expect("the fake Vagrant reads no Vagrantfile");
        let [_, image, options @ ..] = recipe.as_slice() else { panic!("{recipe:?}") };
        let mut text = String::from("Vagrant.configure('2') do |config|\n");
        text += "  config.vm.synced_folder '.', '/vagrant', disabled: true\n";
        let _ = writeln!(text, "  {setting}");
        for machine in machines {
            let Defined { name, flavour, options: more, setting, port, .. } = machine;
            let settings = format!("FLAVOUR={flavour}\nCERTIFICATE=address\n");
            let settings = self.user.writes(&format!("settings-{name}"), &settings);
            let container = self.container(name);
            let options =
                options.iter().map(|option| option.replace("=vagrant", &container.replace("svcmgr-", "=")));
            let mut options: Vec<String> = options.collect();
            options.push(format!("--label={OWNER}={}", self.user.home().display()));
            options.push(format!("--volume={}:/etc/guest/settings:ro", settings.display()));
            options.push(
                "--volume=#{Vagrant.source_root}/keys/vagrant.pub:/etc/guest/authorized_keys:ro".to_owned(),
            );
            let target =
                if machine.is_light { "--unit=guest-light.target" } else { "--unit=multi-user.target" };
            let _ = write!(
                text,
                "  config.vm.define '{name}'{more} do |machine|\n    {setting}\n    \
                 machine.vm.network :forwarded_port, guest: 22, host: {port}, host_ip: '127.0.0.1', id: 'ssh'\n    \
                 machine.vm.provider :docker do |docker|\n      \
                 docker.name = '{container}'\n      docker.image = '{image}'\n      docker.has_ssh = true\n      \
                 docker.remains_running = true\n      docker.cmd = ['{target}']\n      \
                 docker.create_args = {options:?}\n    end\n  end\n"
            );
            self.containers.borrow_mut().insert(container);
        }
        // It is `vagrant up` that lets Vagrant run it.
        self.has("Vagrantfile", &(text + "end\n"));
    }

    /// The container that is the machine `name`; without `svcmgr-` it is the machine's host name.
    pub fn container(&self, name: &str) -> String {
        format!("svcmgr-vagrant-{}-{}-{name}", std::process::id(), self.number)
    }

    /// Runs a command as root in the machine `name`, past Vagrant and past SSH.
    #[track_caller]
    pub fn runs_in(&self, name: &str, command: &str) -> String {
        let output = self.docker(&["exec", &self.container(name), "bash", "-c", command]);
        assert!(output.status.success(), "{command}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The test guests' engine.
    pub fn docker(&self, arguments: &[&str]) -> Output {
        let engine = &self.recipe.as_ref().expect("the fake Vagrant has no engine")[0];
        let mut docker = Command::new("docker");
        docker.args(["--host", engine]).args(arguments).env("PATH", format!("/usr/bin:{}", programs()));
        docker.output().unwrap()
    }

    /// Types a line in the project's folder.
    pub fn types(&self, line: &str) -> Typed<'_> {
        self.types_in("", line)
    }

    /// Types a line in a folder below the project's.
    pub fn types_in(&self, below: &str, line: &str) -> Typed<'_> {
        let folder = self.folder.join(below);
        self.user.types(format!("cd {} && {line}", shlex::try_quote(folder.to_str().unwrap()).unwrap()))
    }

    /// Types a line for the real Vagrant, whatever it prints.
    #[track_caller]
    pub fn vagrant(&self, arguments: &str) {
        self.types(&format!("vagrant {arguments} >$HOME/log 2>&1 || {{ cat $HOME/log; false; }}"))
            .patiently()
            .succeeds();
    }

    /// How often Vagrant is started while something is done.
    #[track_caller]
    pub fn starts(&self, times: usize, something: impl FnOnce()) {
        let path = self.user.home().join("started");
        let _ = fs::remove_file(&path);
        something();
        let started = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(started.lines().count(), times, "Vagrant was started:\n{started}");
    }
}

impl Drop for Project<'_> {
    fn drop(&mut self) {
        for container in self.containers.borrow().iter() {
            // Whatever Vagrant knows of it: a test may have ended anywhere.
            self.docker(&["rm", "--force", "--volumes", container]);
        }
    }
}

impl User<'_> {
    /// Somebody with a Vagrant that counts its starts.
    pub fn with_vagrant(self) -> Self {
        let path = format!("{}:{}", self.home().join("bin").display(), programs());
        self.with("PATH", &path)
    }

    /// The same with the test guests' engine for Docker.
    pub fn with_real_vagrant(self) -> Self {
        self.with_vagrant().with("DOCKER_HOST", &recipe()[0])
    }

    /// The same with the plugin.
    pub fn with_plugin(self) -> Self {
        install_plugin(&self.home().join(".vagrant.d"));
        self.with_real_vagrant()
    }
}

/// Waits until fewer than [`AT_ONCE`] projects have machines. It is over when the file is closed.
fn turn() -> File {
    loop {
        for number in 0..AT_ONCE {
            let file = File::create(temporary().join(format!("vagrant-{number}.lock"))).unwrap();
            if file.try_lock().is_ok() {
                return file;
            }
        }
        thread::sleep(POLL);
    }
}

/// The label of a container: whose Vagrant made it.
const OWNER: &str = "service-manager.test.home";

/// How many projects have machines at the same time. With all guests, more of them run into the limit of the kernel that is
/// told beside the spare guests.
const AT_ONCE: u32 = 3;
const POLL: Duration = Duration::from_millis(20);

/// So many there were.
static PROJECTS: AtomicU32 = AtomicU32::new(0);

/// A port of the host that nobody uses.
pub fn free_port() -> String {
    Port::closed().to_string().rsplit(':').next().unwrap().to_owned()
}

/// What makes a container a test guest: the engine, the image, the options.
fn recipe() -> Vec<String> {
    answer(&["recipe", "vagrant"]).unwrap().lines().map(ToOwned::to_owned).collect()
}
