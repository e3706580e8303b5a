//! `vagrant service-manager`: the program behind Vagrant's plugin, as the plugin is installed by its users.

use std::fs;

use crate::support::{Defined, Project, User};

const RELEASE: &str = "Debian GNU/Linux 12 (bookworm)\n";

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn what_needs_no_machine_works_without_one() {
    let user = User::new().with_plugin();
    let project = Project::real(&user, "project");
    project.defines(&[Defined::light("web"), Defined::light("db")]);
    project.starts(3, || {
        project
            .types("vagrant service-manager env --unset kubernetes")
            .stdout(
                "
                unset KUBECONFIG

                # run following command to configure your shell:
                # eval \"$(vagrant service-manager env --unset kubernetes)\"
                ",
            )
            .succeeds();
        // What Vagrant takes for its own option comes back.
        project
            .types("vagrant service-manager clients list --color always 2>&1 | grep --count \"$(printf '\\33').*no clients\"")
            .stdout("1\n")
            .succeeds();
        let folder = project.folder().display();
        project
            .types("vagrant service-manager --machine db status")
            .stderr(&format!(
                "error: the Vagrant machine `db` of `{folder}` is not created\nhint: in `{folder}`: `vagrant up db`\n"
            ))
            .fails(3);
    });
    user.types("vagrant service-manager env -h | grep Usage")
        .stdout("Usage: vagrant service-manager env [OPTIONS] [SERVICE]...\n")
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn the_program_is_found_where_it_is() {
    let user = User::new().with_plugin();
    let project = Project::real(&user, "project");
    let version = "vagrant service-manager -- --version";
    let path = "PATH=$HOME/bin:/usr/bin:/bin";
    project
        .types(&format!("{path} {version}"))
        .stderr(
            "
        The program `service-manager`, which does the work of this plugin, was not
        found: SERVICE_MANAGER_BIN names none, there is none on the PATH, and this
        gem came without it. Install it, or name it in SERVICE_MANAGER_BIN.
        ",
        )
        .fails(1);
    let own = user.writes("own program", "#!/bin/sh\necho \"own $*\"; exit 7\n");
    fs::set_permissions(&own, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    project
        .types(&format!("SERVICE_MANAGER_BIN='../own program' {version}"))
        .stdout("own --version\n")
        .fails(7);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn it_is_the_same_machine_with_the_plugin_and_without() {
    let user = User::new().with_plugin();
    let project = Project::real(&user, "my box's \"project\"");
    project.defines(&[Defined::light("box")]);
    project.vagrant("up");
    project.starts(1, || {
        project.types("vagrant service-manager box version").stdout(RELEASE).succeeds();
        // It knows the way from then on.
        project.types("service-manager box version").stdout(RELEASE).succeeds();
    });
    let known_hosts = fs::read_to_string(user.machine_folder().join("known_hosts")).unwrap();
    project.types_in(".vagrant", "vagrant service-manager box version").stdout(RELEASE).succeeds();
    assert_eq!(fs::read_to_string(user.machine_folder().join("known_hosts")).unwrap(), known_hosts);
}
