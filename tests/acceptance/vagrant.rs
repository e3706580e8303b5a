//! Machines of Vagrant: found without being named, and without starting Vagrant again and again.

use std::fs;
use std::time::{Duration, Instant};

use crate::env::KUBECTL;
use service_manager_test_support::{Defined, Guest, Port, Project, User, free_port, until};

const RELEASE: &str = "Debian GNU/Linux 12 (bookworm)\n";
const VERSION: &str = "service-manager box version";

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn follows_a_real_machine_from_up_to_destroy() {
    let user = User::new().with_real_vagrant();
    let project = Project::real(&user, "my box's \"project\"");
    let port = free_port();
    let definition = |port: &str| Defined { is_light: false, port: port.to_owned(), ..Defined::light("box") };
    project.defines(&[definition(&port)]);
    project.writes("sub/folder/file", "");
    let folder = project.folder().display().to_string();
    let not_created =
        format!("error: no Vagrant machine of `{folder}` is created\nhint: in `{folder}`: `vagrant up`\n");
    project.starts(0, || {
        project.types(VERSION).stderr(&not_created).fails(3);
    });

    project.vagrant("up");
    project.starts(1, || {
        project.types(VERSION).stdout(RELEASE).succeeds();
    });
    project.starts(0, || {
        // The API server is slower than sshd.
        let ready = "until eval \"$(service-manager env kubernetes)\" 2>/dev/null; do sleep 0.2; done";
        project.types(ready).patiently().succeeds();
        project.types(KUBECTL).stdout("namespace/default\n").succeeds();
        project.types_in("sub/folder", KUBECTL).stdout("namespace/default\n").succeeds();
        user.types(format!("{VERSION} --machine box")).stdout(RELEASE).succeeds();
        user.types(VERSION).stdout(RELEASE).succeeds();
        user.types("service-manager machines")
            .stdout(&format!("box\tvagrant@127.0.0.1:{port}\tused [..] ago\t{folder}\n"))
            .succeeds();
    });
    let machine = user.machine_folder();

    project.vagrant("halt");
    let gone = |what: &str| {
        format!(
            "error: the Vagrant machine `box` of `{folder}` is not {what}\nhint: in `{folder}`: `vagrant up box`\n"
        )
    };
    project.starts(1, || {
        project.types(VERSION).stderr(&gone("running")).fails(3);
    });
    project.vagrant("up");
    project.starts(0, || {
        project.types(VERSION).stdout(RELEASE).succeeds();
    });

    project.vagrant("destroy --force");
    project.starts(0, || {
        project.types(VERSION).stderr(&not_created).fails(3);
        user.types(format!("{VERSION} -m box")).stderr(&gone("created")).fails(3);
        user.types("service-manager machines")
            .stdout(&format!("box\tvagrant@127.0.0.1:{port}\tdestroyed\t{folder}\n"))
            .succeeds();
    });

    // With another host key, behind another port.
    let port = free_port();
    project.defines(&[Defined { is_light: true, ..definition(&port) }]);
    project.vagrant("up");
    let rebuilt = "note: Vagrant has made `box` anew, so its host key is learnt anew\n";
    project.starts(1, || {
        project.types(VERSION).stdout(RELEASE).stderr(rebuilt).succeeds();
    });
    project.starts(0, || {
        project.types(VERSION).stdout(RELEASE).succeeds();
    });
    assert_eq!(user.machine_folder(), machine);

    project.writes("Vagrantfile", "Vagrant.configure('2') do |config|\n");
    let refused = project.types(VERSION).stderr(&format!(
        "error: Vagrant does not say how the machine of `{folder}` is reached\n\
         caused by: Vagrant failed [..] syntax error [..]\n\
         hint: in `{folder}`: `vagrant ssh-config`\n"
    ));
    refused.fails(1);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn picks_one_of_several_real_machines() {
    let user = User::new().with_real_vagrant();
    let project = Project::real(&user, "project");
    let machines = |primary| {
        let web = Defined { options: primary, ..Defined::light("web") };
        [web, Defined::light("db"), Defined::light("idle")]
    };
    project.defines(&machines(""));
    project.vagrant("up web db");
    project.starts(1, || {
        project
            .types(VERSION)
            .stderr("error: several machines may be meant: db, web\nhint: name one, as with `--machine db`\n")
            .fails(1);
    });
    let names = |folder: &str| {
        let machines = fs::read_dir(user.home().join(folder).join("machines")).unwrap();
        let mut names: Vec<_> =
            machines.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names.iter().map(|name| name.split('-').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    project.starts(2, || {
        for name in ["web", "db", "web", "db"] {
            project.types(&format!("{VERSION} -m {name}")).stdout(RELEASE).succeeds();
        }
    });
    assert_eq!(names(".local/state/service-manager"), ["db", "web"]);

    // Through Vagrant's own index, by somebody who has never been there.
    let elsewhere = format!("SERVICE_MANAGER_HOME=~/elsewhere {VERSION}");
    project.starts(1, || {
        user.types(format!("{elsewhere} -m db")).stdout(RELEASE).succeeds();
        user.types(format!("{elsewhere} -m db")).stdout(RELEASE).succeeds();
    });
    assert_eq!(names("elsewhere"), ["db"]);
    user.types(format!("{elsewhere} -m dbs"))
        .stderr("error: no machine `dbs` is known here\nhint: did you mean `db`?\n")
        .fails(1);

    // Only Vagrant knows which one is the primary one.
    let text = fs::read_to_string(project.folder().join("Vagrantfile")).unwrap();
    project.writes("Vagrantfile", &text.replace("define 'web'", "define 'web', primary: true"));
    project.starts(2, || {
        for _ in 0..2 {
            project.types(VERSION).stdout(RELEASE).succeeds();
        }
    });
    project.vagrant("destroy --force web");
    project.starts(1, || {
        project.types(VERSION).stdout(RELEASE).succeeds();
    });
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn asks_vagrant_once_after_a_port_changed() {
    let guest = Guest::light();
    let user = User::near(&guest).with_vagrant();
    let project = Project::fake(&user, "project", &guest);
    let nobody = Port::closed();
    let closed = nobody.to_string();
    let (block, port) = (Project::block(&guest), closed.rsplit(':').next().unwrap());
    project.starts(1, || {
        project.types("service-manager box ip").stdout("[ADDRESS]\n").succeeds();
    });
    let known_hosts = fs::read_to_string(user.machine_folder().join("known_hosts")).unwrap();

    // What was kept leads nowhere, and Vagrant says otherwise.
    let record = user.machine_folder().join("machine.json");
    let kept = fs::read_to_string(&record).unwrap();
    fs::write(&record, kept.replace("\"port\": 22", &format!("\"port\": {port}"))).unwrap();
    project.starts(1, || {
        project.types("service-manager box ip").stdout("[ADDRESS]\n").succeeds();
        project.types("service-manager box ip").stdout("[ADDRESS]\n").succeeds();
    });
    assert_eq!(fs::read_to_string(user.machine_folder().join("known_hosts")).unwrap(), known_hosts);

    // Vagrant says the same: the first failure is told.
    fs::write(&record, kept.replace("\"port\": 22", &format!("\"port\": {port}"))).unwrap();
    project.says(&block.replace("Port 22", &format!("Port {port}")));
    project.starts(1, || {
        project
            .types("service-manager box ip")
            .stderr(&format!("error: could not connect to [ADDRESS]:{port}\ncaused by: [..]\nhint: [..]\nhint: `service-manager doctor` says more\n"))
            .fails(3);
    });
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn ties_the_host_key_to_the_machine_id() {
    let (guest, other) = (Guest::light(), Guest::kubeadm());
    let user = User::near(&guest).with_vagrant();
    let project = Project::fake(&user, "project", &guest);
    project.types("service-manager box ip").stdout("[ADDRESS]\n").succeeds();

    // Another server at another address is not the machine, even if Vagrant says so.
    project.says(&Project::block(&other));
    project.writes("Vagrantfile", "# changed\n");
    let changed = format!(
        "error: the host key of {}:22 is not the one learnt before: [..]\nhint: [..]\nhint: `service-manager doctor` says more\n",
        other.address()
    );
    project.starts(2, || {
        for _ in 0..2 {
            project.types("service-manager box ip").stderr(&changed).fails(3);
        }
    });

    project.writes(".vagrant/machines/default/fake/id", "second");
    let address = format!("{}\n", other.address());
    project
        .types("service-manager box ip")
        .stdout(&address)
        .stderr("note: Vagrant has made `default` anew, so its host key is learnt anew\n")
        .succeeds();
    project.types("service-manager box ip").stdout(&address).succeeds();
    project.says(&Project::block(&guest));
    project.writes("Vagrantfile", "# changed again\n");
    project.types("service-manager box ip").stderr(&changed.replace(&other.address(), "[ADDRESS]")).fails(3);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn an_unconfirmed_machine_id_forgets_nothing() {
    let guest = Guest::light();
    let user = User::near(&guest).with_vagrant();
    let project = Project::fake(&user, "project", &guest);
    project.types("service-manager box ip").stdout("[ADDRESS]\n").succeeds();
    let files = || {
        ["known_hosts", "machine.json"]
            .map(|name| fs::read_to_string(user.machine_folder().join(name)).unwrap())
    };
    let before = files();

    project.writes(".vagrant/machines/default/fake/id", "planted by the guest");
    user.writes("before", "echo '1,,error-exit,Vagrant::Errors::SSHNotReady,It is not.'; exit 1");
    let folder = project.folder().display();
    project
        .types("service-manager box ip")
        .stderr(&format!(
            "error: the Vagrant machine `default` of `{folder}` is not running\nhint: in `{folder}`: `vagrant up default`\n"
        ))
        .fails(3);
    assert_eq!(files(), before);

    user.writes("before", "");
    project.writes(".vagrant/machines/default/fake/id", "first");
    project.starts(0, || {
        project.types("service-manager box ip").stdout("[ADDRESS]\n").succeeds();
    });
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn ignores_everything_but_ssh_config_in_vagrants_output() {
    let guest = Guest::light();
    let user = User::near(&guest).with_vagrant();
    let project = Project::fake(&user, "project", &guest);
    let touch = format!("touch {}/pwned", user.home().display());
    project.says(&format!(
        "User of this machine: nobody\nHost default\n  HostName 192.0.2.1\nThe Vagrantfile talks.\n{}  \
         LocalCommand {touch}\n  PermitLocalCommand yes\n  Include {}/included\n",
        Project::block(&guest),
        user.home().display()
    ));
    user.writes("included", "ProxyJump nowhere\n");
    project.types("service-manager box ip").stdout("[ADDRESS]\n").succeeds();
    assert!(!user.home().join("pwned").exists());
}

/// As vagrant-libvirt says it of a machine on another host.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn connects_by_the_proxy_command_that_vagrant_says() {
    let (guest, gate) = (Guest::light(), Guest::kubeadm());
    let user = User::near(&guest).with_vagrant();
    let project = Project::fake(&user, "project", &guest);
    let key = gate.folder().join("keys/ed25519");
    let command = format!(
        "ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -i '{}' -W %h:%p vagrant@{}",
        key.display(),
        gate.address()
    );
    project.says(&format!("{}  ProxyCommand {command}\n", Project::block(&guest)));
    project.types("service-manager box ip").stdout("[ADDRESS]\n").succeeds();
    project
        .types("service-manager machines")
        .stdout("default\tvagrant@[ADDRESS]:22 by its ProxyCommand\tused [..] ago\t[..]\n")
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn validates_vagrants_ssh_config() {
    let guest = Guest::light();
    let user = User::near(&guest).with_vagrant();
    let project = Project::fake(&user, "project", &guest);
    for (text, error) in [
        (
            "Host default\n  User dev\n  HostName $(touch pwned)\n",
            "HostName in vagrant ssh-config is not a valid host name ([..])",
        ),
        (
            "Host default\n  User -oProxyCommand=id\n",
            "User in vagrant ssh-config is not a valid user name ([..])",
        ),
    ] {
        project.says(text);
        project.types("service-manager box ip").stderr(&format!("error: {error}\nhint: [..]\n")).fails(1);
    }
    for text in ["", "Host other\n  HostName 192.0.2.1\n", "Host default other\n"] {
        project.says(text);
        project
            .types("service-manager box ip")
            .stderr(
                "
                error: Vagrant does not say how the machine of `[HOME]/project` is reached
                caused by: its answer is not about `default`
                hint: in `[HOME]/project`: `vagrant ssh-config`
                ",
            )
            .fails(1);
    }
    assert!(user.machine_folders().is_empty());
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn passes_the_environment_without_the_exports() {
    let guest = Guest::light();
    let user = User::near(&guest).with_vagrant().with("NODES", "3").with("LANG", "C.UTF-8");
    let user = user.with("VAGRANT_HOME", "/x").with("https_proxy", "http://192.0.2.1");
    let user = user
        .with("DOCKER_HOST", "tcp://x")
        .with("KUBECONFIG", "/x")
        .with("RUBYLIB", "/x")
        .with("GEM_HOME", "/x");
    let project = Project::fake(&user, "project", &guest);
    project.types_in(".vagrant", "service-manager box ip").stdout("[ADDRESS]\n").succeeds();
    // Nothing of the user's is touched; `given` and `started` are the fake Vagrant's.
    let mut names: Vec<_> =
        fs::read_dir(user.home()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, [".local", "before", "bin", "given", "project", "started"]);
    let given = fs::read_to_string(user.home().join("given")).unwrap();
    let has = |name: &str| given.lines().any(|line| line.starts_with(&format!("{name}=")));
    for name in ["HOME", "PATH", "LANG", "NODES", "VAGRANT_HOME", "https_proxy"] {
        assert!(has(name), "{name}:\n{given}");
    }
    for name in ["DOCKER_HOST", "KUBECONFIG", "RUBYLIB", "GEM_HOME"] {
        assert!(!has(name), "{name}:\n{given}");
    }
    assert!(given.contains(&format!("\nPWD={}\n", project.folder().display())), "{given}");
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn retries_a_locked_vagrant() {
    let guest = Guest::light();
    let user = User::near(&guest).with_vagrant();
    let project = Project::fake(&user, "project", &guest);
    let locked = "1,,error-exit,Vagrant::Errors::MachineLocked,Vagrant locks each machine.";
    user.writes(
        "before",
        &format!("[ -e \"$HOME/free\" ] || {{ >\"$HOME/free\"; echo '{locked}'; exit 1; }}\n"),
    );
    project.starts(2, || {
        project.types("service-manager box ip").stdout("[ADDRESS]\n").succeeds();
    });
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn ends_a_hanging_vagrant() {
    let guest = Guest::light();
    let user = User::near(&guest).with_vagrant();
    let project = Project::fake(&user, "project", &guest);
    // It waits for a child of its own, and takes no notice of a polite request.
    user.writes("before", "trap '' TERM; sh -c 'echo $$ >\"$HOME/child\"; exec sleep 600'");
    let begin = Instant::now();
    project
        .types("service-manager box ip --timeout 1")
        .stderr(
            "
            error: gave up after 1 s, waiting for `vagrant ssh-config default`
            hint: `--timeout SECONDS` waits longer
            ",
        )
        .fails(3);
    assert!(begin.elapsed() < Duration::from_mins(1));
    let child = fs::read_to_string(user.home().join("child")).unwrap();
    let command = || fs::read_to_string(format!("/proc/{}/cmdline", child.trim())).unwrap_or_default();
    // It was killed before the message; the system takes its time with it.
    until("for the child's end", || !command().contains("sleep"));
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn works_without_vagrant_from_its_last_answer() {
    let guest = Guest::light();
    let user = User::near(&guest).with_vagrant();
    let project = Project::fake(&user, "project", &guest);
    let vagrant = user.home().join("bin/vagrant");
    let hidden = vagrant.with_extension("hidden");
    let without = "PATH=$(dirname \"$(command -v service-manager)\") service-manager box ip";
    project
        .types(without)
        .stderr(
            "
            error: there is no `vagrant` on the PATH, to ask it about `[HOME]/project`
            hint: put Vagrant on the PATH, or name the machine with `--ssh-config FILE` or `--host USER@HOST`
            ",
        )
        .fails(1);
    project.types("service-manager box ip").stdout("[ADDRESS]\n").succeeds();
    fs::rename(&vagrant, &hidden).unwrap();
    project.types(without).stdout("[ADDRESS]\n").succeeds();
    // It has not moved as far as anybody can tell.
    let record = user.machine_folder().join("machine.json");
    let kept = fs::read_to_string(&record).unwrap();
    let port = free_port();
    fs::write(&record, kept.replace("\"port\": 22", &format!("\"port\": {port}"))).unwrap();
    project
        .types(without)
        .stderr(&format!("error: could not connect to [ADDRESS]:{port}\ncaused by: [..]\nhint: [..]\nhint: `service-manager doctor` says more\n"))
        .fails(3);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn warns_of_vagrants_insecure_key() {
    let guest = Guest::light();
    let user = User::near(&guest).with_vagrant();
    let project = Project::fake(&user, "project", &guest);
    let key = fs::read_to_string(guest.folder().join("keys/ed25519")).unwrap();
    let path = user.writes(".vagrant.d/insecure_private_keys/vagrant.key.ed25519", &key);
    let named = path.parent().unwrap().with_file_name("insecure_private_key");
    fs::write(&named, key).unwrap();
    let block = Project::block(&guest);
    let own = guest.folder().join("keys/ed25519");
    for path in [&path, &named] {
        project.says(&block.replace(own.to_str().unwrap(), path.to_str().unwrap()));
        project.writes("Vagrantfile", &format!("# {}\n", path.display()));
        let warned = format!(
            "note: `default` lets in everybody who has Vagrant's public key pair (`{}`); [..]\n",
            path.display()
        );
        for _ in 0..2 {
            project.types("service-manager box ip").stdout("[ADDRESS]\n").stderr(&warned).succeeds();
        }
        project.types("service-manager -q box ip").stdout("[ADDRESS]\n").succeeds();
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn reports_a_deleted_project() {
    let guest = Guest::light();
    let user = User::near(&guest).with_vagrant();
    let project = Project::fake(&user, "project", &guest);
    project.types("service-manager box ip").stdout("[ADDRESS]\n").succeeds();
    fs::remove_dir_all(project.folder()).unwrap();
    let key = user.machine_folder().file_name().unwrap().to_str().unwrap().to_owned();
    user.types("service-manager box ip")
        .stderr(&format!(
            "error: `{key}` is a machine of a Vagrant project that is gone: `[HOME]/project`\n\
             hint: `service-manager machines forget {key}`\n"
        ))
        .fails(1);
    user.types(format!("service-manager machines forget {key}")).succeeds();
    assert!(user.machine_folders().is_empty());
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn prefers_the_project_around() {
    let (light, kubeadm) = (Guest::light(), Guest::kubeadm());
    let user = User::near(&light).with_vagrant();
    let there = Project::fake(&user, "there", &light);
    there.types("service-manager box ip").stdout("[ADDRESS]\n").succeeds();
    let here = Project::fake(&user, "here", &kubeadm);
    let address = format!("{}\n", kubeadm.address());
    for option in ["", " -m default"] {
        here.types(&format!("service-manager box ip{option}")).stdout(&address).succeeds();
        there.types(&format!("service-manager box ip{option}")).stdout("[ADDRESS]\n").succeeds();
    }
    user.types("VAGRANT_CWD=here service-manager box ip").stdout(&address).succeeds();
    for command in ["box ip -m", "machines use", "machines forget"] {
        let words =
            command.replace("box ip -m", "--machine").replace("machines ", "service-manager machines ");
        user.types(format!("service-manager {command} default"))
            .stderr(&format!(
                "error: several machines may be meant: default-[..] ([HOME]/[..]), default-[..] ([HOME]/[..])\n\
                 hint: name one, as with `{words} default-[..]`\n"
            ))
            .fails(1);
    }
    user.types("service-manager box ip")
        .stderr(
            "error: several machines are known here: default-[..] ([HOME]/[..]), default-[..] ([HOME]/[..])\n\
             hint: `service-manager machines use default-[..]` chooses one from now on, `--machine default-[..]` for one \
             command\n",
        )
        .fails(1);
    for key in user.machine_folders().iter().filter_map(|folder| folder.file_name()?.to_str()) {
        user.types(format!("service-manager machines use {key}"))
            .stderr(&format!("note: from now on commands outside of Vagrant projects mean `{key}`\n"))
            .succeeds();
    }
    // Nowhere is one silently taken for another.
    fs::remove_file(here.folder().join(".vagrant/machines/default/fake/id")).unwrap();
    here.types("service-manager box ip -m default")
        .stderr("error: the Vagrant machine `default` of `[HOME]/here` is not created\nhint: [..]\n")
        .fails(3);
}

#[test]
fn does_not_run_a_vagrantfile_of_another_user() {
    let user = User::new().with_vagrant();
    user.writes("bin/vagrant", "#!/bin/sh\ntouch ~/pwned\n");
    user.writes("common/Vagrantfile", "");
    user.writes("common/.vagrant/machines/default/fake/id", "1");
    user.writes("common/mine/file", "");
    std::os::unix::fs::chown(user.home().join("common/Vagrantfile"), Some(12345), None).unwrap();
    user.types("cd common/mine && service-manager status")
        .stderr(
            "
            error: the Vagrantfile `[HOME]/common/Vagrantfile` is a program that belongs to somebody else
            hint: `cd [HOME]/common`, if you trust it
            ",
        )
        .fails(1);
    assert!(!user.home().join("pwned").exists());
}
