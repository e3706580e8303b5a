//! `vagrant service-manager`: the program behind Vagrant's plugin, as the plugin is installed by its users.

use std::fs;
use std::path::Path;

use service_manager_test_support::publisher::Publisher;
use service_manager_test_support::{Defined, Guest, Project, Proxy, User, free_port, program};

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn runs_commands_that_need_no_machine_without_one() {
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
fn finds_the_program() {
    let user = User::new().with_plugin();
    let project = Project::real(&user, "project");
    let version = "vagrant service-manager -- --version";
    let twice = "vagrant service-manager -- --version --version";
    let path = "PATH=$HOME/bin:/usr/bin:/bin";
    project
        .types(&format!("{path} {version}"))
        .stderr(
            "
        The program `service-manager`, which does the work of this plugin, was not
        found: SERVICE_MANAGER_BIN names none, there is none on the PATH, and this
        gem came without it. Install service-manager 2.0.0, or name it in
        SERVICE_MANAGER_BIN.
        ",
        )
        .fails(1);
    user.writes_script(
        "own program",
        "[ $# = 1 ] && echo service-manager 2.3.4 || { echo \"own $*\"; exit 7; }",
    );
    project
        .types(&format!("SERVICE_MANAGER_BIN='../own program' {twice}"))
        .stdout("own --version --version\n")
        .fails(7);
}

/// Vagrantfiles written for the old plugin ask for one of its versions.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn succeeds_the_plugin_1_5() {
    let user = User::new().with_plugin();
    let project = Project::real(&user, "project");
    let asks = "raise 'too old' unless Vagrant.has_plugin?('vagrant-service-manager', '>= 1.5')";
    project.defines_with(asks, &[Defined::light("box")]);
    project.types("vagrant validate").stdout("Vagrantfile validated successfully.\n").succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn plugin_and_program_share_the_machine() {
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

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn destroy_keeps_a_machine_of_the_same_name_elsewhere() {
    let guest = Guest::light();
    let user = User::near(&guest).with_plugin();
    user.writes("config", &Project::block(&guest));
    user.types("service-manager --ssh-config config box version").stdout(RELEASE).succeeds();
    let namesake = user.machine_folder();
    let project = Project::real(&user, "project");
    project.defines(&[Defined::light("default")]);
    project.vagrant("up");
    project.vagrant("destroy --force");
    assert_eq!(user.machine_folder(), namesake);
}

/// Every line of it, in the order in which somebody would type it.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn matches_the_announcement_word_for_word() {
    let publisher = Publisher::start();
    publisher.offers_with_checksum(KUBECTL_RELEASE, program("kubectl"));
    let user = User::new().with_plugin().with_publisher(&publisher);
    let project = Project::real(&user, "my box's \"project\"");
    project.defines_with("config.servicemanager.services = 'kubernetes'", &[Defined::whole("default")]);
    project
        .types("vagrant up >$HOME/log 2>&1; grep --count 'Services: kubernetes$' $HOME/log; grep --only-matching 'Kubernetes service .*' $HOME/log")
        .patiently()
        .stdout("1\nKubernetes service configured successfully...\n")
        .succeeds();
    project
        .types("vagrant service-manager env kubernetes")
        .stdout(
            "
            # Set the following environment variables to enable access to the
            # kubernetes server running inside of the vagrant virtual machine:
            export KUBECONFIG=[MACHINE]/kubernetes/kubeconfig

            # run following command to configure your shell:
            # eval \"$(vagrant service-manager env kubernetes)\"
            ",
        )
        .succeeds();
    let install = |word: &str| {
        format!(
            "
            # Binary {word} available at {CLIENTS}/kubernetes/1.36.3/kubectl
            # run binary as:
            # kubectl <command>
            export PATH={CLIENTS}/kubernetes/1.36.3:$PATH

            # run following command to configure your shell:
            # eval \"$(vagrant service-manager install-cli kubernetes)\"
            "
        )
    };
    project
        .types("vagrant service-manager install-cli kubernetes 2>/dev/null")
        .stdout(&install("now"))
        .succeeds();
    project
        .types(
            "eval \"$(vagrant service-manager env kubernetes)\" && \
             eval \"$(vagrant service-manager install-cli kubernetes)\" && \
             command -v kubectl && kubectl get namespace default --output name && \
             vagrant service-manager status",
        )
        .stdout(&format!(
            "{CLIENTS}/kubernetes/1.36.3/kubectl\nnamespace/default\ndocker - running\nopenshift - not installed\n\
             kubernetes - running\n"
        ))
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn starts_configured_services_on_up_and_resume() {
    let user = User::new().with_plugin();
    let project = Project::real(&user, "project");
    project
        .defines_with("config.servicemanager.services = ['kubernetes', 'docker']", &[Defined::whole("box")]);
    project.vagrant("up");
    let processes = || {
        ["docker", "kubelet", "static-pod-kube-apiserver"]
            .map(|unit| project.runs_in("box", &format!("systemctl show --property=MainPID {unit}")))
    };
    let folder = project.folder().display();
    let name = project.container("box").replace("svcmgr-", "");
    project
        .types(
            "eval \"$(vagrant service-manager env)\" && docker info --format '{{.Name}}' && \
             kubectl get namespace default --output name",
        )
        .stdout(&format!("{name}\nnamespace/default\n"))
        .succeeds();

    let before = processes();
    project
        .types("vagrant service-manager restart kubernetes")
        .stdout("Kubernetes service restarted successfully...\n")
        .succeeds();
    let after = processes();
    assert!(after[0] == before[0] && after[1] != before[1] && after[2] != before[2], "{before:?} {after:?}");
    project
        .types("vagrant service-manager stop kubernetes")
        .stdout("Kubernetes service stopped successfully...\n")
        .succeeds();
    // What it did, and what it knows, is one with what the program alone does.
    project.types("service-manager status kubernetes").stdout("kubernetes - stopped\n").succeeds();
    project
        .types("vagrant service-manager env kubernetes")
        .stdout("(exit 126)\n")
        .stderr("error: kubernetes is stopped in `box`\nhint: `vagrant service-manager start kubernetes`\n")
        .fails(126);

    project.vagrant("reload");
    project
        .types("service-manager status docker kubernetes")
        .stdout("docker - running\nkubernetes - running\n")
        .succeeds();
    let known = user.machine_folder();
    project.vagrant("halt");
    project.starts(1, || {
        project
            .types("vagrant service-manager status")
            .stderr(&format!(
                "error: the Vagrant machine `box` of `{folder}` is not running\nhint: in `{folder}`: `vagrant up box`\n"
            ))
            .fails(3);
    });
    assert_eq!(user.machine_folder(), known);
    project.vagrant("destroy --force");
    assert!(user.machine_folders().is_empty());
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn the_tunnel_ends_with_the_machine() {
    let user = User::new().with_plugin();
    let project = Project::real(&user, "project");
    let setting = "machine.servicemanager.services = 'docker'";
    project.defines(&[Defined { setting, ..Defined::light("default") }]);
    let tunnels = || user.types("service-manager tunnel --quiet | grep --count docker || true").run_freely();
    project.vagrant("up");
    project.types("service-manager --quiet --tunnel always env docker >/dev/null").succeeds();
    assert_eq!(tunnels(), "1\n");
    // What the user has asked for is there again after the machine is.
    let port = free_port();
    project
        .types(&format!("service-manager --quiet forward {port}:22"))
        .stdout("127.0.0.1:[..]\n")
        .succeeds();
    let is_here = || {
        let forwards = "service-manager tunnel --quiet | grep --count --word-regexp 127.0.0.1:22 || true";
        user.types(forwards).run_freely() == "1\n"
    };
    assert!(is_here());
    project.vagrant("halt");
    assert_eq!(tunnels(), "0\n");
    assert!(!is_here());
    project.vagrant("up");
    project.types("service-manager --quiet env docker >/dev/null").succeeds();
    assert!(is_here());
    user.types("service-manager tunnel stop --all").succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_failing_service_stops_no_other_service_or_machine() {
    let user = User::new().with_plugin();
    let project = Project::real(&user, "project");
    let web = Defined { setting: "machine.servicemanager.services = 'docker'", ..Defined::light("web") };
    let db =
        Defined { setting: "machine.servicemanager.services = 'openshift,docker'", ..Defined::light("db") };
    project.defines(&[web, db]);
    project
        .types(
            "vagrant up >$HOME/log 2>&1 || { grep -A4 --no-group-separator 'Not every' $HOME/log; false; }",
        )
        .patiently()
        .stdout(
            "
            Not every service of the machine 'db' is running:

            error: openshift in `db` is not there, and cannot be installed, since MicroShift has no packages for this distribution
            hint: [..]
            ",
        )
        .fails(1);
    for name in ["web", "db"] {
        assert_eq!(project.runs_in(name, "systemctl is-active docker"), "active\n", "{name}");
    }
    // The machines are still there, and each is the one that is named.
    let several = "error: several machines may be meant: db, web\nhint: name one, as with `--machine db`\n";
    project.starts(1, || {
        project.types("vagrant service-manager status docker").stderr(several).fails(1);
    });
    for name in ["web", "db"] {
        let line = format!(
            "eval \"$(vagrant service-manager --machine {name} env docker)\" && docker info --format '{{{{.Name}}}}'"
        );
        project
            .types(&line)
            .stdout(&format!("{}\n", project.container(name).replace("svcmgr-", "")))
            .succeeds();
    }
    assert_eq!(user.machine_folders().len(), 2);
    project.vagrant("destroy --force web");
    let left = user.machine_folder();
    assert!(left.file_name().unwrap().to_str().unwrap().starts_with("db-"), "{left:?}");
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn leaves_an_unconfigured_machine_alone() {
    let spy = "[ $1 != --version ] || exec service-manager --version\necho \"$@\" >>\"$HOME/called\"";
    let user = User::new().with_plugin();
    let spy = user.writes_script("bin/spy", spy);
    let user = user.with("SERVICE_MANAGER_BIN", spy.to_str().unwrap());
    let project = Project::real(&user, "project");
    let called = || fs::read_to_string(user.home().join("called")).unwrap_or_default();
    let (plain, definition) = (Defined::light("plain"), Defined::light("box"));
    let port = definition.port.clone();
    project.defines(&[plain, definition]);
    let look = |name: &str| {
        let logins = project.runs_in(name, "journalctl --unit=ssh --output=cat | grep --count Accepted");
        let units =
            project.runs_in(name, "systemctl list-units --all --no-legend --plain 'docker*' 'kube*' 'etcd*'");
        let files = String::from_utf8(project.docker(&["diff", &project.container(name)]).stdout).unwrap();
        let mut files: Vec<String> = files.lines().map(ToOwned::to_owned).collect();
        files.sort();
        (logins, units, files)
    };
    // Whatever Vagrant does by itself, with a machine that is made and with one that runs.
    project.types("VAGRANT_NO_PLUGINS=1 vagrant up plain >/dev/null 2>&1").patiently().succeeds();
    project.vagrant("up box");
    let before = look("box");
    assert_eq!(before, look("plain"));
    project.vagrant("provision box");
    assert_eq!(look("box"), before);
    assert_eq!(called(), "");

    // With a word about services it is another matter.
    project.defines_with("config.servicemanager.services = ''", &[Defined { port, ..Defined::light("box") }]);
    project.vagrant("provision");
    assert_eq!(called(), "box version --script-readable\n");
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn adb_starts_docker_in_any_case() {
    let user = User::new().with_plugin();
    let project = Project::real(&user, "project");
    let port = free_port();
    let bundle =
        |setting| Defined { flavour: "adb", setting, port: port.clone(), ..Defined::whole("bundle") };
    project.defines(&[bundle("machine.servicemanager.services = ''")]);
    project.vagrant("up");
    let docker = "Services: docker\nDocker service configured successfully...\n";
    let told = "grep --only-matching -e 'Services: .*' -e 'Docker service .*' $HOME/log";
    project.types(told).stdout(docker).succeeds();
    // What is as it should be is not worth a note.
    project
        .types("vagrant up | grep --only-matching -e 'note: .*' -e 'Services: .*' -e 'Docker service .*'")
        .patiently()
        .stdout(docker)
        .succeeds();
}

/// Which box it is, only the machine tells: until it was asked there is a warning.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn adb_has_openshift_or_kubernetes() {
    let user = User::new().with_plugin();
    let project = Project::real(&user, "project");
    let bundle = Defined { flavour: "adb", ..Defined::whole("bundle") };
    project.defines_with("config.servicemanager.services = %i[kubernetes openshift]", &[bundle]);
    project
        .types("vagrant validate")
        .stdout(
            "
            ==> bundle: kubernetes and openshift cannot both be started where `sccli` does it (the Atomic Developer Bundle, the Container Development Kit)
            Vagrantfile validated successfully.
            ",
        )
        .succeeds();
    project
        .types("vagrant up >$HOME/log")
        .patiently()
        .stderr(
            "
            Not every service of the machine 'bundle' is running:

            error: kubernetes and openshift cannot both be started in `bundle`: kubernetes stops openshift
            hint: `vagrant service-manager start kubernetes`, or `vagrant service-manager start openshift`
            ",
        )
        .fails(1);
    // What is in nobody's way is started.
    project
        .types("grep --only-matching 'Docker service .*' $HOME/log; service-manager status docker openshift")
        .stdout("Docker service configured successfully...\ndocker - running\nopenshift - stopped\n")
        .succeeds();
    for command in ["validate", "reload", "provision"] {
        project
            .types(&format!("vagrant {command} | grep sccli"))
            .stderr(
                "
                There are errors in the configuration of this machine. Please fix
                the following errors and try again:

                servicemanager:
                * kubernetes and openshift cannot both be started in `bundle`: kubernetes stops openshift

                ",
            )
            .fails(1);
    }
    project.vagrant("destroy --force");
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn adb_takes_a_changed_image_and_proxy_on_reload() {
    let user = User::new().with_plugin();
    let project = Project::real(&user, "project");
    let port = free_port();
    let define = |settings: &str| {
        let bundle = Defined { flavour: "adb", port: port.clone(), ..Defined::whole("bundle") };
        let services = "config.servicemanager.services = 'openshift'";
        project.defines_with(&format!("{services}\n{settings}"), &[bundle]);
    };
    // The bundle that the tests have starts with Kubernetes.
    define("");
    project.types("vagrant up >/dev/null 2>&1").patiently().fails(1);
    project.types("service-manager -q start openshift --replace >/dev/null").succeeds();
    let there = || {
        project.runs_in("bundle", "grep ^IMAGE_TAG /etc/sysconfig/openshift_option; docker info --format '{{.HTTPProxy}}'; systemctl is-active openshift")
    };

    define(
        "config.servicemanager.openshift_image_tag = 'v1.4.1'\nconfig.servicemanager.proxy = 'proxy.example:3128'",
    );
    project.vagrant("reload");
    assert_eq!(there(), "IMAGE_TAG=\"v1.4.1\"\nhttp://proxy.example:3128\nactive\n");
    define(
        "config.servicemanager.openshift_image_tag = 'v9'\nconfig.servicemanager.proxy = 'other.example:3128'",
    );
    project
        .types("vagrant reload 2>&1 | grep --extended-regexp 'error|caused|configured'; exit ${PIPESTATUS[0]}")
        .patiently()
        .stdout(
            "
            [..]Docker service configured successfully...
            error: could not start openshift in `bundle`: the image could not be pulled (`sccli` ended with 111)
            caused by: docker pull docker.io/openshift/origin:v9
            ",
        )
        .fails(1);
    assert_eq!(there(), "IMAGE_TAG=\"v1.4.1\"\nhttp://other.example:3128\nactive\n");
    define("config.servicemanager.openshift_image_tag = 'v1.4.1'");
    project.vagrant("reload");
    assert_eq!(there(), "IMAGE_TAG=\"v1.4.1\"\n\nactive\n");
}

/// What the user has set for downloads counts.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn install_cli_goes_through_the_proxy_of_the_vagrantfile() {
    let publisher = Publisher::start();
    publisher.offers_with_checksum(KUBECTL_RELEASE, program("kubectl"));
    let proxy = Proxy::for_only("me:p@ss/word");
    let user = User::new().with_plugin().with_publisher(&publisher).with("NO_PROXY", "");
    let project = Project::real(&user, "project");
    let settings = |machine: &str| {
        format!(
            "{machine}.servicemanager.proxy = '{proxy}'; {machine}.servicemanager.proxy_user = 'me'; {machine}.servicemanager.proxy_password = 'p@ss/word'"
        )
    };
    let install = "vagrant service-manager install-cli kubernetes --cli-version 1.36.3";
    project.defines_with(&settings("config"), &[Defined::light("web"), Defined::light("db")]);
    // A pipe gets no lines of progress.
    project.types(&format!("{install} 2>&1 | grep --invert-match -e '^#' -e '^export' -e '^$'")).fails(1);
    assert_eq!(proxy.places().len(), 2);

    let remove = "service-manager -q clients uninstall kubernetes >/dev/null";
    project.types(&format!("{remove} && HTTPS_PROXY= HTTP_PROXY= {install} >/dev/null 2>&1")).succeeds();
    assert_eq!(proxy.places(), [""; 0]);
    // Of several machines, the one that is named.
    let own = settings("machine");
    project.defines(&[Defined { setting: own.leak(), ..Defined::light("web") }, Defined::light("db")]);
    project.types(&format!("{remove} && {install} --machine db >/dev/null 2>&1")).succeeds();
    assert_eq!(proxy.places(), [""; 0]);
    project.types(&format!("{remove} && {install} --machine web >/dev/null 2>&1")).succeeds();
    assert_eq!(proxy.places().len(), 2);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn needs_a_program_that_fits_for_all_but_destroy() {
    let user = User::new().with_plugin();
    let project = Project::real(&user, "project");
    project.defines_with("config.servicemanager.services = 'docker'", &[Defined::light("box")]);
    project.vagrant("up");
    user.writes_script("old", "echo \"$*\" >>\"$HOME/called\"\necho service-manager 1.5.0");
    let too_old = "'[HOME]/old' is service-manager 1.5.0, which is too old for this plugin.\n\
                   Install service-manager 2.0.0, or name it in SERVICE_MANAGER_BIN.\n";
    let old = "SERVICE_MANAGER_BIN=~/old";
    for _ in 0..2 {
        project.types(&format!("{old} vagrant service-manager status")).stderr(too_old).fails(1);
    }
    assert_eq!(fs::read_to_string(user.home().join("called")).unwrap(), "--version\n");
    project
        .types(&format!("{old} vagrant up 2>&1 | grep --extended-regexp 'too old|Install'; exit ${{PIPESTATUS[0]}}"))
        .stdout("'[HOME]/old' is service-manager 1.5.0, which is too old for this plugin.\nInstall service-manager 2.0.0, or name it in SERVICE_MANAGER_BIN.\n")
        .fails(1);
    project.types("SERVICE_MANAGER_BIN=/nowhere vagrant destroy --force >/dev/null").succeeds();
    assert!(project.docker(&["inspect", &project.container("box")]).stdout.starts_with(b"[]"));
}

/// Old scripts switch colours off so.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn vagrants_variable_switches_colours_off() {
    let user = User::new().with_plugin();
    for (variable, options, colours) in [
        ("VAGRANT_NO_COLOR=1", "", "0"),
        ("VAGRANT_NO_COLOR=", "", "0"),
        ("", "", "1"),
        ("VAGRANT_NO_COLOR=1", "--color always", "1"),
    ] {
        let line = format!(
            "script --quiet --return --command '{variable} vagrant service-manager {options} clients list' /dev/null | grep --count $'\\e\\[.*note' || true"
        );
        user.types(line).stdout(&format!("{colours}\n")).succeeds();
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn reports_every_mistake_in_a_vagrantfile() {
    let user = User::new().with_plugin();
    let project = Project::real(&user, "project");
    let settings =
        "config.servicemanager.services = 'kubernets, helm'; config.servicemanager.openshift_image_tag = 3
        config.servicemanager.proxy_user = 'dev'; config.servicemanager.service = 'docker'";
    project.defines_with(settings, &[Defined::light("box")]);
    project
        .types("vagrant up | tail --lines=+2")
        .stdout(
            "
            ==> box: No proxy is used: the Vagrantfile says who uses it, in `proxy_user` or
            ==> box: `proxy_password`, but not where it is, in `proxy`.
            ",
        )
        .stderr(
            "
            There are errors in the configuration of this machine. Please fix
            the following errors and try again:

            servicemanager:
            * The following settings shouldn't exist: service
            * `openshift_image_tag` has to be text that is not empty.
            * there is no service `kubernets`; did you mean `kubernetes`?
            * `helm` is a client only, so nothing of it is in a machine; `vagrant service-manager install-cli helm`

            ",
        )
        .succeeds();
    assert!(project.docker(&["inspect", &project.container("box")]).stdout.starts_with(b"[]"));
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn examples_are_valid() {
    let user = User::new().with_plugin();
    let project = Project::real(&user, "project");
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    for example in ["docker", "kubernetes", "openshift", "two-machines"] {
        let text = fs::read_to_string(examples.join(example).join("Vagrantfile")).unwrap();
        project.writes("Vagrantfile", &text);
        project
            .types("vagrant validate --ignore-provider | tail --lines=1")
            .stdout("Vagrantfile validated successfully.\n")
            .succeeds();
    }
    assert_eq!(fs::read_dir(examples).unwrap().count(), 4);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn passes_the_terminal_to_the_program() {
    let user = User::new().with_plugin();
    let folder = user.home().join("tmp");
    fs::create_dir(&folder).unwrap();
    let user = user.with("TMPDIR", folder.to_str().unwrap());
    let project = Project::real(&user, "project");
    project.defines(&[Defined::light("box")]);
    project.vagrant("up");
    let line = user.types("env VAGRANT_CWD=project vagrant service-manager status docker --watch");
    let mut terminal = line.in_a_terminal(80);
    terminal.shows(
        "
        [..]:[..]:[..], every 2 s, q ends
        box  [..], Vagrant in [..]
        SERVICE  STATE      FLAVOUR  VERSION  ENDPOINT
        docker   o stopped  tls      -        -
        ",
    );
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    terminal.presses_ctrl_c();
    assert_eq!(terminal.ends(), 130);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}

/// As `VirtualBox` boots the bundle: Docker's certificate is for an address that nobody reaches.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn up_and_reload_replace_dockers_certificate_for_another_address() {
    let user = User::new().with_plugin();
    let project = Project::real(&user, "project");
    let setting = "machine.servicemanager.services = 'docker'";
    project.defines(&[Defined { flavour: "adb", setting, port: free_port(), ..Defined::whole("bundle") }]);
    let docker = "env VAGRANT_CWD=project vagrant service-manager env docker --script-readable >settings && \
        set -a && . ./settings && docker info --format '{{.Name}}'";
    project.vagrant("up");
    for verb in ["up", "reload"] {
        project.runs_in("bundle", "lay-out-docker other-names");
        project.vagrant(verb);
        user.types(docker).stdout("[..]-bundle\n").succeeds();
    }
    let keys =
        || project.runs_in("bundle", "systemctl show --property=MainPID docker; sha256sum /etc/docker/*.pem");
    let before = keys();
    project.vagrant("up");
    assert_eq!(keys(), before);
}

const RELEASE: &str = "Debian GNU/Linux 12 (bookworm)\n";
const KUBECTL_RELEASE: &str = "https://dl.k8s.io/release/v1.36.3/bin/linux/amd64/kubectl";
const CLIENTS: &str = "[HOME]/.local/share/service-manager/bin";
