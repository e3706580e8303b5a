//! `.service-manager.yaml`: what a project says of its machine, its services and its clients, once the user has allowed it.

use std::fs;

use crate::multiple_machines::user_of_both;
use service_manager_test_support::download::{Download, KUBECTL, kubectl};
use service_manager_test_support::publisher::{script, sha256};
use service_manager_test_support::{Guest, User};

const NOT_ALLOWED: &str = "note: [HOME]/project/.service-manager.yaml does not count, since you have not allowed it; if you trust it: \
     `service-manager machines allow [HOME]/project/.service-manager.yaml`\n";
const ALLOW: &str = "service-manager machines allow .service-manager.yaml";
const COUNTS: &str = "note: [HOME]/project/.service-manager.yaml counts, as it is now\n";

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn env_status_and_hook_follow_it_once_it_is_allowed() {
    let guests = [Guest::kubeadm(), Guest::nat()];
    let user = user_of_both(&guests);
    user.writes("project/.service-manager.yaml", "machine: nat\nservices: [kubernetes]\n");
    user.types("mkdir project/below").succeeds();
    let several = "error: several machines are known here: kubeadm, nat\nhint: [..]\n";
    user.types("cd project/below && service-manager env")
        .stdout("(exit 1)\n")
        .stderr(&format!("{NOT_ALLOWED}{several}"))
        .fails(1);
    user.types(format!("cd project && {ALLOW}")).stderr(COUNTS).succeeds();
    let readable =
        "cd project/below && service-manager -q env --script-readable | sed 's/-[0-9a-f]\\{32\\}//'";
    let of_nat = "KUBECONFIG=[HOME]/.local/state/service-manager/machines/nat/kubernetes/kubeconfig\n";
    user.types(readable).stdout(of_nat).succeeds();
    user.types("cd project/below && eval \"$(service-manager hook bash --now)\" && echo $KUBECONFIG | grep --count /nat-")
        .stdout("1\n")
        .stderr("note: [..]nat[..]\n")
        .succeeds();
    // What is typed, or in a variable, counts more.
    for line in ["-m kubeadm", "SERVICE_MANAGER_MACHINE=kubeadm"] {
        let (before, after) = if line.starts_with('-') { ("", line) } else { (line, "") };
        user.types(format!(
            "cd project && {before} service-manager env docker --script-readable {after} | grep HOST"
        ))
        .stdout(&format!("DOCKER_HOST=tcp://{}:2376\n", guests[0].address()))
        .succeeds();
    }
    // Somebody has changed it.
    user.writes("project/.service-manager.yaml", "machine: kubeadm\n");
    user.types("cd project && service-manager env")
        .stdout("(exit 1)\n")
        .stderr(&format!("{}{several}", NOT_ALLOWED.replace("count,", "count as it is now,")))
        .fails(1);
    // A hook, which runs again and again, says it once.
    for stderr in [NOT_ALLOWED.replace("count,", "count as it is now,"), String::new()] {
        user.types("cd project && service-manager hook bash --now").stderr(&stderr).succeeds();
    }
    // Who denies it hears no more of it.
    user.types("cd project && service-manager machines deny .service-manager.yaml")
        .stderr("note: [HOME]/project/.service-manager.yaml does not count\n")
        .succeeds();
    user.types("cd project && service-manager env").stdout("(exit 1)\n").stderr(several).fails(1);
}

#[test]
fn install_cli_takes_its_versions() {
    let download = Download::new();
    let helm = script("helm 3.15.2", 1000);
    let archive = service_manager_test_support::publisher::tgz(&[("linux-amd64/helm", &helm)]);
    let url = "https://get.helm.sh/helm-v3.15.2-linux-amd64.tar.gz";
    download.publisher.offers(url, archive.clone());
    download.publisher.offers(
        &format!("{url}.sha256sum"),
        format!("{}  helm-v3.15.2-linux-amd64.tar.gz\n", sha256(&archive)),
    );
    let user = &download.user;
    user.types("service-manager install-cli")
        .stdout("(exit 126)\n")
        .stderr(
            "error: no client is named\nhint: name one, as in `service-manager install-cli kubernetes`[..]\n",
        )
        .fails(126);
    user.writes("project/.service-manager.yaml", "clients:\n  kubernetes: 1.36.3\n  helm: 3.15.2\n");
    user.types("cd project && service-manager install-cli helm")
        .stdout("(exit 126)\n")
        .stderr(&format!("{NOT_ALLOWED}error: [..]\nhint: [..]\n"))
        .fails(126);
    user.types(format!("cd project && {ALLOW}")).stderr(COUNTS).succeeds();
    user.types("cd project && eval \"$(service-manager -q install-cli)\" && helm && kubectl")
        .stdout("helm 3.15.2\nkubectl 1.36.3\n")
        .succeeds();
    // The form does not depend on how many clients the file has.
    for clients in ["kubernetes: 1.36.3", "kubernetes: 1.36.3, helm: 3.15.2"] {
        user.writes("project/.service-manager.yaml", &format!("clients: {{{clients}}}"));
        user.types(format!("cd project && {ALLOW} -q && service-manager -q install-cli -o json"))
            .stdout("{\"version\":1,\"clients\":[[..]],\"failed\":[]}\n")
            .succeeds();
    }
    // What is typed counts more.
    let newer = KUBECTL.replace("1.36.3", "1.36.4");
    download.publisher.offers_with_checksum(&newer, kubectl());
    user.types("cd project && service-manager -q install-cli kubectl --cli-version 1.36.4 | grep --count 1.36.4/kubectl")
        .stdout("1\n")
        .succeeds();
}

/// Somebody who has allowed it may have removed a service file since.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_service_in_it_that_is_gone_is_told_by_every_command() {
    let guest = Guest::kubeadm();
    let user = User::near(&guest);
    let config = guest.folder().join("ssh_config");
    user.types(format!("service-manager --ssh-config {} box ip", config.display()))
        .stdout("[ADDRESS]\n")
        .succeeds();
    user.types(
        "mkdir -p .config/service-manager/services && service-manager services show kubernetes \
         | sed 's/^name: .*/name: mine/; s/^title: .*/title: Mine/' >mine.yaml && mv mine.yaml .config/service-manager/services",
    )
    .succeeds();
    user.writes("project/.service-manager.yaml", "services: [kubernetes, mine]\n");
    user.types(format!("cd project && {ALLOW}")).stderr(COUNTS).succeeds();
    user.types("rm .config/service-manager/services/mine.yaml").succeeds();
    let fault = "the project file `[HOME]/project/.service-manager.yaml` is not valid\n\
                 caused by: `services[1]`: there is no service `mine`\nhint: known services: [..]\n";
    user.types("cd project && service-manager status kubernetes >/dev/null && service-manager status")
        .stdout("docker - running\nopenshift - not installed\nkubernetes - running\n")
        .stderr(&format!("warning: {fault}"))
        .succeeds();
    user.types("cd project && service-manager env")
        .stdout("(exit 1)\n")
        .stderr(&format!("error: {fault}"))
        .fails(1);
    user.types("cd project && service-manager doctor >found; code=$?; head -n 3 found; exit $code")
        .stdout(&format!("problem: {fault}"))
        .fails(1);
}

#[test]
fn what_is_wrong_with_it_is_told_and_never_allowed() {
    let user = User::new();
    for (text, error) in [
        ("machin: a", "there is no key `machin`\nhint: did you mean `machine`?"),
        ("command: id", "there is no key `command`\nhint: it may have: machine, services, clients"),
        ("clients: {docker: 27.3}", "`clients.docker` is a number to YAML\nhint: put it between quotes"),
        ("machine: $(id)", "`machine` is [..]\nhint: write a name as [..]: `machine: default`"),
        ("machine: ../../x", "`machine` is [..]\nhint: write a name as [..]: `machine: default`"),
        ("machine: [a]", "`machine` is not text\nhint: write a name as [..]: `machine: default`"),
        ("machine: 1", "`machine` is a number to YAML\nhint: write a name as [..]: `machine: default`"),
        ("services: docker", "`services` is not a list[..]\nhint: write names as [..]"),
        ("services: [\"\\e[2J\"]", "`services[0]` is [..]\nhint: write names as [..]"),
        ("services: [dokcer]", "`services[0]`: there is no service `dokcer`\nhint: did you mean `docker`?"),
        ("services: [xyzzy]", "`services[0]`: there is no service `xyzzy`\nhint: known services: [..]"),
        (
            "services: [docker, helm]",
            "`services[1]`: `helm` is a client only, [..]\nhint: `service-manager install-cli helm`",
        ),
        (
            "clients: {kubectl: 1.31.5}",
            "`clients.kubectl` names a program; the key is the service that it is for\n\
            hint: write `kubernetes: VERSION` in place of `kubectl: VERSION`",
        ),
        (
            "clients: {oc: 4.16.1}",
            "`clients.oc` names a program; [..]\nhint: write `openshift: VERSION` [..]",
        ),
        (
            "clients: {xyzzy: 1.2.3}",
            "`clients.xyzzy`: there is no service `xyzzy`\nhint: known services: [..]",
        ),
        (
            "clients: {kubernetes: stable}",
            "`clients.kubernetes` is [..]\nhint: write versions of services' clients: [..]",
        ),
        (
            "clients: {kubernetes: $(id)}",
            "`clients.kubernetes` is [..]\nhint: write versions of services' clients: [..]",
        ),
        ("clients: [kubernetes]", "`clients` is not a list of versions[..]\nhint: write versions of [..]"),
        ("- a", "it has no keys: [..]\nhint: write `machine: default`, [..]"),
        ("machine: a\nmachine: b", "duplicate [..]\nhint: write `machine: default`, [..]"),
    ] {
        user.writes("project/.service-manager.yaml", text);
        user.types(format!("cd project && {ALLOW}"))
            .stderr(&format!(
                "error: the project file `[HOME]/project/.service-manager.yaml` is not valid\ncaused by: {error}\n"
            ))
            .fails(1);
    }
    // A machine that there is not is found out when it is used.
    user.writes("project/.service-manager.yaml", "machine: nowhere");
    user.types(format!("cd project && {ALLOW}")).stderr(COUNTS).succeeds();
    user.types("cd project && service-manager status")
        .stderr("error: [..]`nowhere`[..], which `machine` in `[HOME]/project/.service-manager.yaml` names\nhint: [..]\n")
        .fails(1);
    // What lies behind a link is not looked at, nor what is too long.
    user.writes("secret", "machine: a");
    user.types("cd project && ln -sf ../secret .service-manager.yaml && service-manager machines allow")
        .stderr(
            "error: there is no Vagrantfile in `[HOME]/project`, nor above it\nhint: name the project's folder: \
             `service-manager machines allow FOLDER`, or `deny FOLDER`\n",
        )
        .fails(1);
    user.types("cd project && rm .service-manager.yaml && yes '#' | head -c 20000 >.service-manager.yaml; service-manager machines allow")
        .stderr(
            "error: there is no Vagrantfile in `[HOME]/project`, nor above it\nhint: name the project's folder: \
             `service-manager machines allow FOLDER`, or `deny FOLDER`\n",
        )
        .fails(1);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_hook_follows_the_file_at_the_next_prompt() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    user.types("service-manager -q env >/dev/null").succeeds();
    let prompt = "eval \"$(service-manager -q hook bash --now)\"; echo ${KUBECONFIG:+kubernetes} ${DOCKER_HOST:+docker}";
    let says = |services: &str| {
        format!("echo 'services: [{services}]' >.service-manager.yaml; {ALLOW} --quiet; {prompt}")
    };
    user.types(format!("mkdir project; cd project; {prompt}; {}; {}", says("kubernetes"), says("docker")))
        .stdout("kubernetes docker\nkubernetes\ndocker\n")
        .succeeds();
}

/// Once, not at each prompt.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_hook_tells_once_what_is_gone_that_the_file_names() {
    let guest = Guest::kubeadm();
    let user = User::near(&guest);
    let config = guest.folder().join("ssh_config");
    user.types(format!("service-manager --ssh-config {} -q env >/dev/null", config.display())).succeeds();
    user.types(
        "mkdir -p .config/service-manager/services && service-manager services show kubernetes \
         | sed 's/^name: .*/name: mine/; s/^title: .*/title: Mine/' >mine.yaml && mv mine.yaml .config/service-manager/services",
    )
    .succeeds();
    user.writes("project/.service-manager.yaml", "machine: kubeadm\nservices: [mine]\n");
    user.types(format!("cd project && {ALLOW}")).stderr(COUNTS).succeeds();
    user.types("rm .config/service-manager/services/mine.yaml").succeeds();
    let prompt = "eval \"$(service-manager hook bash --now)\"";
    user.types(format!("cd project && {prompt} && {prompt} && bash -c '{}'", prompt.replace('\'', "'\\''")))
        .stderr(
            "warning: the project file `[HOME]/project/.service-manager.yaml` is not valid\n\
             caused by: `services[0]`: there is no service `mine`\nhint: known services: [..]\n",
        )
        .succeeds();
    user.types("service-manager -q machines forget kubeadm").succeeds();
    user.types(format!("cd project && {prompt} && {prompt}"))
        .stderr("warning: no machine `kubeadm` is known here, which `machine` in `[HOME]/project/.service-manager.yaml` names\nhint: [..]\n")
        .succeeds();
    let home = user.home().display();
    user.writes(
        ".vagrant.d/data/machine-index/index",
        &format!(
            r#"{{"version":1,"machines":{{"05b4":{{"name":"kubeadm","vagrantfile_path":"{home}/moved","local_data_path":"{home}/moved/.vagrant"}}}}}}"#
        ),
    );
    user.types(format!("cd project && {prompt} && {prompt}"))
        .stderr(
            "warning: `kubeadm` is in Vagrant's index, and its project is gone or has it no more: `[HOME]/moved`, which `machine` in \
             `[HOME]/project/.service-manager.yaml` names\nhint: [..]\n",
        )
        .succeeds();
}

/// What is named is one file, never another one, and never a Vagrantfile, which is a program.
#[test]
fn what_is_named_is_allowed_and_nothing_else() {
    let user = User::new();
    user.writes("Vagrantfile", "");
    user.writes(".service-manager.yaml", "machine: a\n");
    user.writes("project/other.yaml", "machine: b\n");
    fs::create_dir(user.home().join("project/folder")).unwrap();
    for target in ["other.yaml", "folder", "nowhere"] {
        let path = user.home().join("project/.service-manager.yaml");
        std::os::unix::fs::symlink(target, &path).unwrap();
        for verb in ["allow", "deny"] {
            user.types(format!("service-manager machines {verb} project/.service-manager.yaml"))
                .stderr(
                    "error: the project file `[HOME]/project/.service-manager.yaml` is not valid\n\
                     caused by: it is not there, a link, or longer than 16 KiB\n",
                )
                .fails(1);
        }
        fs::remove_file(path).unwrap();
    }
    assert!(!user.home().join(".local/state/service-manager/projects").exists());
}
