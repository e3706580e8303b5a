//! A Vagrantfile is a program: it runs where its user has allowed that, and nowhere else.

use std::fs;
use std::os::unix::fs::{chown, lchown, symlink};

use service_manager_test_support::{Defined, Guest, Project, User};

const RELEASE: &str = "Debian GNU/Linux 12 (bookworm)\n";
const VERSION: &str = "service-manager box version";
/// Of a shell's start-up file, or typed.
const LINES: [&str; 6] = [
    "eval \"$(service-manager env kubernetes)\"",
    "service-manager env >/dev/null",
    "service-manager status",
    "service-manager box version -m default",
    "service-manager start docker",
    "eval \"$(service-manager install-cli kubernetes)\"",
];

/// Somebody whose Vagrant does what a Vagrantfile would.
fn victim(user: User<'_>) -> User<'_> {
    let user = user.with_vagrant();
    user.writes("bin/vagrant", "#!/bin/sh\ntouch ~/pwned\n");
    user.types("chmod +x bin/vagrant").succeeds();
    user
}

/// A repository that pretends to have a machine.
fn clone_in(user: &User, folder: &str) {
    user.writes(&format!("{folder}/Vagrantfile"), "File.write(File.expand_path('~/pwned'), '')\n");
    user.writes(&format!("{folder}/.vagrant/machines/default/virtualbox/id"), "0e3c-91");
    user.writes(&format!("{folder}/.vagrant/machines/default/virtualbox/index_uuid"), "04a3");
}

/// What is said of `folder`, where nobody has allowed anything.
fn refusal(folder: &str) -> String {
    format!(
        "error: Vagrant would run `[HOME]/{folder}/Vagrantfile`, and you have not allowed that\n\
         hint: `service-manager machines allow [..]{folder}[..]`, if you trust it\n"
    )
}

#[test]
fn a_cloned_repository_runs_nothing() {
    let user = victim(User::new());
    clone_in(&user, "clone");
    // A folder in Vagrant's index is not enough, and neither is an id.
    user.writes(
        ".vagrant.d/data/machine-index/index",
        &format!(
            r#"{{"version":1,"machines":{{
            "05b4":{{"name":"default","vagrantfile_path":"{home}/clone","local_data_path":"{home}/clone/.vagrant"}},
            "04a3":{{"name":"default","vagrantfile_path":"{home}/own","local_data_path":"{home}/own/.vagrant"}}}}}}"#,
            home = user.home().display()
        ),
    );
    for line in LINES {
        let line = format!("cd clone && {{ {line}; }}");
        let note = if line.contains("install-cli") {
            "note: with `--cli-version VERSION` no machine is asked\n"
        } else {
            ""
        };
        user.types(line).stderr(&(note.to_owned() + &refusal("clone"))).fails(1);
    }
    for shell in ["bash", "zsh", "fish"] {
        user.types(format!("cd clone && service-manager hook {shell} --now")).succeeds();
    }
    let many = format!("cd clone && mkdir -p below && cd below && {VERSION}");
    user.types(many).stderr(&refusal("clone")).fails(1);
    assert!(!user.home().join("pwned").exists());
}

#[test]
fn of_several_machines_the_primary_one_is_not_asked_for() {
    let user = victim(User::new());
    clone_in(&user, "clone");
    user.writes("clone/.vagrant/machines/web/virtualbox/id", "0e3c-92");
    user.types(format!("cd clone && {VERSION}")).stderr(&refusal("clone")).fails(1);
    assert!(!user.home().join("pwned").exists());
}

#[test]
fn a_vagrantfile_of_another_user_runs_for_nobody_else() {
    let user = victim(User::new());
    clone_in(&user, "sticky");
    user.types("mkdir sticky/mine && chmod 1777 sticky").succeeds();
    let vagrantfile = user.home().join("sticky/Vagrantfile");
    chown(&vagrantfile, Some(12345), None).unwrap();
    user.types(format!("cd sticky && {VERSION}")).stderr(&refusal("sticky")).fails(1);

    let foreign = "
        error: the Vagrantfile `[HOME]/sticky/Vagrantfile` is a program that belongs to somebody else
        hint: `cd [..]`, if you trust it
        ";
    user.types(format!("cd sticky/mine && {VERSION}")).stderr(foreign).fails(1);
    // His link to a file of the user's own, and the user's to his.
    fs::rename(&vagrantfile, user.home().join("his")).unwrap();
    user.writes("own", "");
    for (target, owner) in [("own", 12345), ("his", 0)] {
        let _ = fs::remove_file(&vagrantfile);
        symlink(user.home().join(target), &vagrantfile).unwrap();
        lchown(&vagrantfile, Some(owner), None).unwrap();
        user.types(format!("cd sticky/mine && {VERSION}")).stderr(foreign).fails(1);
        user.types(format!("cd sticky && {VERSION}")).stderr(&refusal("sticky")).fails(1);
    }
    assert!(!user.home().join("pwned").exists());
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn what_is_allowed_runs_until_it_changes_and_vagrant_is_needed() {
    let guest = Guest::light();
    let user = User::near(&guest).with_vagrant();
    let project = Project::fake(&user, "project", &guest);
    project.has("Vagrantfile", "load 'vm/settings.rb'\n");
    project.has("vm/settings.rb", "");
    let refused = |changed: &str| {
        format!(
            "error: Vagrant would run `[HOME]/project/Vagrantfile`, {changed}\n\
             hint: `service-manager machines allow [..]/project[..]`, if you trust it\n"
        )
    };
    let has_changed = refused("which has changed since you allowed it");
    project.starts(0, || {
        project.types(VERSION).stderr(&has_changed).fails(1);
    });
    let allowed = "note: Vagrant may run `[HOME]/project/Vagrantfile`, as it is now\n";
    user.types("service-manager machines allow project").stderr(allowed).succeeds();
    project.starts(1, || {
        project.types(VERSION).stdout(RELEASE).succeeds();
    });

    // The guest changes what would run. The known route leads there, so nothing has to.
    for (name, text) in [
        ("Vagrantfile", "load 'vm/settings.rb' # changed\n"),
        ("vm/settings.rb", "# changed\n"),
        (".vagrantplugins", "# new\n"),
        (".vagrant/plugins.json", r#"{"version":"1","installed":{"x":{"require":".vagrant/x"}}}"#),
        (".vagrant/x.rb", "# new\n"),
        (".vagrant/plugins/gems/3.1.2/specifications/x.gemspec", "# new\n"),
    ] {
        project.has(name, text);
        project.starts(0, || {
            project.types(VERSION).stdout(RELEASE).succeeds();
            project.has(".vagrant/machines/default/fake/id", "second");
            for line in [VERSION, "eval \"$(service-manager env kubernetes)\""] {
                project.types(line).stderr(&has_changed).fails(1);
            }
            project.has(".vagrant/machines/default/fake/id", "first");
        });
        user.types("service-manager -q machines allow project").succeeds();
        project.starts(0, || {
            project.has(".vagrant/machines/default/fake/id", "first");
        });
        // With the Vagrantfile as it is, what is remembered is good.
        project.types(VERSION).stdout(RELEASE).succeeds();
    }

    let denied = "note: Vagrant is not started for `[HOME]/project/Vagrantfile`\n";
    project.types("service-manager machines deny").stderr(denied).succeeds();
    project.has(".vagrant/machines/default/fake/id", "second");
    project.starts(0, || {
        project
            .types(VERSION)
            .stderr(
                "
                error: Vagrant would run `[HOME]/project/Vagrantfile`, and you have denied that
                hint: `service-manager machines allow [..]/project[..]`, if you trust it
                ",
            )
            .fails(1);
    });
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn the_user_is_asked_at_a_terminal() {
    let guest = Guest::light();
    let user = User::near(&guest).with_vagrant();
    let project = Project::fake(&user, "project", &guest);
    project.has("Vagrantfile", "# changed\n");
    let question = "To find the machine, Vagrant has to run `[HOME]/project/Vagrantfile`, a program, which has changed \
                    since you allowed it. Allow that? [y/N]";
    project.starts(0, || {
        for answer in ["\n", "n\n"] {
            let typed = user.types(format!("bash -c 'cd project && {VERSION}'"));
            let mut terminal = typed.in_a_terminal(200);
            terminal.shows(question);
            terminal.presses(answer);
            assert_eq!(terminal.ends(), 1);
        }
        // A shell that starts up is not kept waiting.
        let typed = user.types("bash -c 'cd project && eval \"$(service-manager env kubernetes)\"'");
        assert_eq!(typed.in_a_terminal(200).ends(), 1);
    });
    project.starts(1, || {
        let typed = user.types(format!("bash -c 'cd project && {VERSION}'"));
        let mut terminal = typed.in_a_terminal(200);
        terminal.shows(question);
        terminal.presses("y\n");
        assert_eq!(terminal.ends(), 0);
        project.types(VERSION).stdout(RELEASE).succeeds();
    });
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn who_has_run_vagrant_up_has_allowed_what_ran() {
    let user = User::new().with_real_vagrant();
    let project = Project::real(&user, "project");
    project.defines(&[Defined::light("box")]);
    project.vagrant("up");
    project.starts(1, || {
        project.types(VERSION).stdout(RELEASE).succeeds();
    });

    // Then its guest changes things, and the id, so that Vagrant is needed.
    let vagrantfile = fs::read_to_string(project.folder().join("Vagrantfile")).unwrap();
    let id = ".vagrant/machines/box/docker/id";
    let own_id = fs::read_to_string(project.folder().join(id)).unwrap();
    let evil = "File.write(File.expand_path('~/pwned'), '')\n";
    project.has("Vagrantfile", &(evil.to_owned() + &vagrantfile));
    project.has(id, "another");
    let refused = format!(
        "error: Vagrant would run `[HOME]/project/Vagrantfile`, which has changed since you allowed it\n\
         hint: `service-manager machines allow {}`, if you trust it\n",
        "[..]/project[..]"
    );
    let starts_nothing = || {
        project.starts(0, || {
            for line in [VERSION, "eval \"$(service-manager env kubernetes)\"", "service-manager status"] {
                project.types(line).stderr(&refused).fails(1);
            }
            user.types(format!("{VERSION} -m box")).stderr(&refused).fails(1);
        });
        assert!(!user.home().join("pwned").exists());
    };
    starts_nothing();

    project.has("Vagrantfile", &vagrantfile);
    project.has(".vagrant/evil.rb", evil);
    let path = project.folder().join(".vagrant/evil.rb");
    project.has(
        ".vagrant/plugins.json",
        &format!(
            r#"{{"version":"1","installed":{{"evil":{{"ruby_version":"3","vagrant_version":"2","gem_version":"","require":"{}","sources":[]}}}}}}"#,
            path.display()
        ),
    );
    starts_nothing();

    fs::remove_file(project.folder().join(".vagrant/plugins.json")).unwrap();
    project.has(id, &own_id);
    project.types(VERSION).stdout(RELEASE).succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_link_to_the_data_of_another_project_exports_nothing_of_it() {
    let guest = Guest::own("kubeadm", "address");
    let user = User::near(&guest).with_vagrant();
    let project = Project::fake(&user, "project", &guest);
    project.types("service-manager env kubernetes >/dev/null").succeeds();
    let show = "eval \"$(service-manager hook zsh --now)\"; echo \"${KUBECONFIG-none}\"";
    project
        .types(show)
        .stdout("[MACHINE]/kubernetes/kubeconfig\n")
        .stderr("note: set KUBECONFIG for `default`\n")
        .succeeds();

    user.writes("clone/Vagrantfile", "");
    symlink(project.folder().join(".vagrant"), user.home().join("clone/.vagrant")).unwrap();
    user.types(format!("cd clone; {show}")).stdout("none\n").succeeds();
    fs::remove_file(user.home().join("clone/.vagrant")).unwrap();
    user.writes("clone/.vagrant/file", "");
    symlink(project.folder().join(".vagrant/machines"), user.home().join("clone/.vagrant/machines")).unwrap();
    user.types(format!("cd clone; {show}")).stdout("none\n").succeeds();
    project.starts(0, || {
        user.types(format!("cd clone; {VERSION}")).stderr(&refusal("clone")).fails(1);
        user.types("cd clone; service-manager env --cached kubernetes >/dev/null")
            .stderr("error: nothing is cached for `default` yet\nhint: [..]\n")
            .fails(126);
    });
}

/// Vagrant may know another route. That it is not asked does not hide that nobody is at the known one.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn without_consent_an_unreachable_machine_is_told() {
    let guest = Guest::own("kubeadm", "address");
    let user = User::near(&guest).with_vagrant();
    let project = Project::fake(&user, "project", &guest);
    project.types(VERSION).stdout(RELEASE).succeeds();
    guest.changes("systemctl stop ssh.socket ssh.service", "systemctl start ssh.service");
    project.has("Vagrantfile", "# changed\n");
    project.starts(0, || {
        project
            .types(&format!("{VERSION} 2>&1 | head --lines=3"))
            .stdout(
                "
                warning: Vagrant would run `[HOME]/project/Vagrantfile`, which has changed since you allowed it
                hint: `service-manager machines allow [..]project[..]`, if you trust it
                error: could not connect to [ADDRESS]:22
                ",
            )
            .succeeds();
        project.types(&format!("{VERSION} 2>/dev/null")).fails(3);
        project.types("service-manager -q machines deny").succeeds();
        project.types(&format!("{VERSION} 2>/dev/null")).fails(3);
    });
}
