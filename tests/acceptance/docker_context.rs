//! `docker-context`: what `docker --context NAME` and all that read docker's files are given, with a real `docker`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use service_manager_test_support::{Guest, User};

use crate::tunnel::{behind_a_nat, end, kill, ssh_port_of, user_of};

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn docker_takes_it_by_name() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    user.types("umask 0; service-manager docker-context")
        .stdout("kubeadm-docker\n")
        .stderr(
            "
            note: added the docker context `kubeadm-docker`
            note: `docker --context kubeadm-docker` uses it
            ",
        )
        .succeeds();
    user.types("docker --context kubeadm-docker info --format '{{.Name}}'").stdout("[NAME]\n").succeeds();
    user.types("service-manager completions fish -- 3 service-manager docker-context --name kube")
        .stdout("kubeadm-docker\tleads to kubeadm\n")
        .succeeds();
    // Nothing else of docker's is touched.
    user.types("docker context show; ls .docker").stdout("default\ncontexts\n").succeeds();
    let tls = "docker context inspect kubeadm-docker --format '{{.Storage.TLSPath}}'";
    user.types(format!("find $({tls}) -mindepth 1 -printf '%m %f\\n' | sort"))
        .stdout(
            "
            600 ca.pem
            600 cert.pem
            600 key.pem
            700 docker
            ",
        )
        .succeeds();
    user.types("service-manager docker-context --quiet; service-manager docker-context")
        .stdout("kubeadm-docker\nkubeadm-docker\n")
        .stderr(
            "
            note: already as it should be: the docker context `kubeadm-docker`
            note: `docker --context kubeadm-docker` uses it
            ",
        )
        .succeeds();
}

/// Also what the user says of it.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn what_has_changed_is_made_good() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    user.types("service-manager docker-context --quiet").stdout("kubeadm-docker\n").succeeds();
    user.types("docker context update kubeadm-docker --description mine --docker host=tcp://192.0.2.1:1 >/dev/null 2>&1")
        .succeeds();
    user.types("service-manager docker-context")
        .stdout("kubeadm-docker\n")
        .stderr("note: replaced the docker context `kubeadm-docker`\nnote: [..]\n")
        .succeeds();
    user.types("docker --context kubeadm-docker info --format '{{.Name}}'").stdout("[NAME]\n").succeeds();
    user.types("docker context ls --format '{{.Description}}' | tail -n 1").stdout("mine\n").succeeds();
    // Another name for it.
    user.types("service-manager docker-context --name vm")
        .stdout("vm\n")
        .stderr(
            "
            note: removed the docker context `kubeadm-docker`
            note: added the docker context `vm`
            note: `docker --context vm` uses it
            ",
        )
        .succeeds();
    user.types("service-manager docker-context --quiet; docker context ls --quiet")
        .stdout("vm\ndefault\nvm\n")
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn the_current_context_is_what_it_was_when_it_is_removed() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    user.types("docker context create work --docker host=tcp://192.0.2.1:1 >/dev/null 2>&1; docker context use work >/dev/null 2>&1")
        .succeeds();
    user.types("service-manager docker-context --use")
        .stdout("kubeadm-docker\n")
        .stderr(
            "
            note: added the docker context `kubeadm-docker`
            note: the current docker context is `kubeadm-docker` now; it was `work`
            ",
        )
        .succeeds();
    user.types("docker info --format '{{.Name}}'").stdout("[NAME]\n").succeeds();
    user.types("DOCKER_HOST=unix:///x service-manager docker-context --use; DOCKER_CONTEXT=work service-manager docker-context --use")
        .stdout("kubeadm-docker\nkubeadm-docker\n")
        .stderr(
            "
            note: already as it should be: the docker context `kubeadm-docker`
            note: the current docker context is `kubeadm-docker`
            note: DOCKER_HOST is set in this shell, so docker takes no context there; `service-manager env docker --unset` prints what unsets it
            note: already as it should be: the docker context `kubeadm-docker`
            note: the current docker context is `kubeadm-docker`
            note: DOCKER_CONTEXT is set in this shell, so docker takes `work` there; `unset DOCKER_CONTEXT`
            ",
        )
        .succeeds();
    user.types("service-manager docker-context --remove -m kubeadm; docker context show")
        .stdout("work\n")
        .stderr(
            "
            note: removed the docker context `kubeadm-docker`
            note: the current docker context is `work`
            ",
        )
        .succeeds();
    user.types("service-manager docker-context --remove -m kubeadm; docker context ls --quiet; ls .docker/contexts/tls")
        .stdout("default\nwork\n")
        .stderr("note: no docker context leads to `kubeadm`\n")
        .succeeds();
    // Of all that is forgotten with the machine.
    user.types("DOCKER_CONFIG=elsewhere service-manager docker-context --use --quiet")
        .stdout("kubeadm-docker\n")
        .succeeds();
    user.types("service-manager machines forget kubeadm; DOCKER_CONFIG=elsewhere docker context ls --quiet")
        .stdout("default\n")
        .stderr(
            "
            note: removed the docker context `kubeadm-docker`
            note: the current docker context is `default`
            ",
        )
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn where_only_ssh_leads_to_a_socket_the_tunnel_is_used() {
    let guest = behind_a_nat("socket");
    let port = ssh_port_of(&guest);
    let user = user_of(&guest, &port);
    let name = format!("{}-docker", guest.name());
    user.types("service-manager docker-context --quiet").stdout(&format!("{name}\n")).succeeds();
    let works = || {
        user.types(format!("docker --context {name} info --format '{{{{.Name}}}}'"))
            .stdout("[NAME]\n")
            .succeeds();
    };
    works();
    user.types(format!("docker context inspect {name} --format '{{{{.Endpoints.docker.Host}}}}'"))
        .stdout("unix://[HOME]/.local/state/service-manager/run/[..]/docker.sock\n")
        .succeeds();
    // Whatever starts the tunnel again, the context is good.
    kill(&user);
    user.types("service-manager docker-context --quiet").stdout(&format!("{name}\n")).succeeds();
    works();
    user.types(format!("service-manager --quiet docker-context --remove -m {}", guest.name())).succeeds();
    end(&user);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn what_is_not_from_here_is_left_alone() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    user.types("docker context create kubeadm-docker --docker host=tcp://192.0.2.1:1 >/dev/null 2>&1")
        .succeeds();
    let list = || user.types("docker context inspect kubeadm-docker; ls --recursive .docker").run_freely();
    let before = list();
    let taken = "
        error: there is a docker context `kubeadm-docker` already, which is not from here
        hint: choose another name: `service-manager docker-context --name kubeadm-docker-2`; or `docker context rm kubeadm-docker`
        ";
    user.types("service-manager docker-context --use").stderr(taken).fails(1);
    assert_eq!(list(), before);
    user.types("service-manager docker-context --name kubeadm-docker-2 --quiet")
        .stdout("kubeadm-docker-2\n")
        .succeeds();
    // One that took the place of ours.
    user.types("docker context rm kubeadm-docker-2 >/dev/null; docker context create kubeadm-docker-2 --docker host=tcp://192.0.2.1:1 >/dev/null 2>&1")
        .succeeds();
    user.types("service-manager machines forget kubeadm; docker context ls --quiet")
        .stdout("default\nkubeadm-docker\nkubeadm-docker-2\n")
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_config_that_cannot_be_changed_is_named() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    let config = user.writes(".docker/config.json", "{\"auths\": ");
    let made = "
        note: added the docker context `kubeadm-docker`
        error: the current context of docker stays as it is: `[HOME]/.docker/config.json` is not as docker writes it
        caused by: EOF while parsing a value at line 1 column 10
        hint: correct `[HOME]/.docker/config.json`, which docker passes over meanwhile
        ";
    user.types("service-manager docker-context --use").stderr(made).fails(1);
    assert_eq!(fs::read_to_string(&config).unwrap(), "{\"auths\": ");
    // Without it, the file does not matter.
    user.types("service-manager docker-context --quiet").stdout("kubeadm-docker\n").succeeds();
    user.types("service-manager machines forget kubeadm")
        .stderr(
            "
            error: could not remove the docker context `kubeadm-docker`
            caused by: the current context of docker stays as it is: `[HOME]/.docker/config.json` is not as docker writes it
            caused by: EOF while parsing a value at line 1 column 10
            hint: it is left: `docker context use default` and `docker context rm kubeadm-docker` remove it
            ",
        )
        .fails(1);
    user.types("docker context rm kubeadm-docker 2>&1 | grep --invert-match WARNING")
        .stdout("kubeadm-docker\n")
        .succeeds();

    // As dotfiles are kept: the link stays. Read-only is meant so.
    fs::remove_file(&config).unwrap();
    let dotfile = user.writes("dotfiles/docker", "{\"psFormat\": \"x\"}");
    symlink("../dotfiles/docker", &config).unwrap();
    fs::set_permissions(&dotfile, fs::Permissions::from_mode(0o444)).unwrap();
    user.types("service-manager docker-context --use")
        .stderr(
            "
            note: added the docker context `kubeadm-docker`
            error: the current context of docker stays as it is
            caused by: `[HOME]/dotfiles/docker` is read-only
            hint: see to it that you can read and write `[HOME]/.docker/config.json`; docker does too
            ",
        )
        .fails(1);
    fs::set_permissions(&dotfile, fs::Permissions::from_mode(0o640)).unwrap();
    user.types(
        "service-manager docker-context --use --quiet; cat dotfiles/docker; stat --format %a dotfiles/docker",
    )
    .stdout("kubeadm-docker\n{\n\t\"psFormat\": \"x\",\n\t\"currentContext\": \"kubeadm-docker\"\n}640\n")
    .succeeds();
    assert!(fs::symlink_metadata(&config).unwrap().is_symlink());
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_folder_that_cannot_be_used_is_named() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    user.writes(".docker", "a file");
    user.types("service-manager docker-context")
        .stderr(
            "
            error: docker's folder `[HOME]/.docker` cannot be used
            caused by: could not change `[HOME]/.docker/contexts`
            caused by: Not a directory (os error 20)
            hint: set DOCKER_CONFIG to a folder of your own, for docker too
            ",
        )
        .fails(1);
    user.types("DOCKER_CONFIG='a b' service-manager docker-context --quiet; DOCKER_CONFIG='a b' docker --context kubeadm-docker info --format '{{.Name}}'")
        .stdout("kubeadm-docker\n[NAME]\n")
        .succeeds();
}

/// `default` is what most machines are called, and docker's word for no context.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn names_are_those_that_docker_takes() {
    let guest = Guest::kubeadm();
    let user = User::near(&guest);
    let config = fs::read_to_string(guest.folder().join("ssh_config")).unwrap();
    for name in ["default", "x"] {
        user.writes(name, &config.replace(&format!("Host {}", guest.name()), &format!("Host {name}")));
        let context = format!("{name}-docker");
        user.types(format!(
            "service-manager docker-context --quiet --ssh-config {name}; docker --context {context} info --format '{{{{.Name}}}}'"
        ))
        .stdout(&format!("{context}\n[NAME]\n"))
        .succeeds();
    }
    // Another machine that is called so too.
    let port = ssh_port_of(&guest).to_string();
    let port = port.rsplit(':').next().unwrap();
    user.writes(
        "other",
        &format!(
            "Host default\n  HostName 127.0.0.1\n  Port {port}\n  User vagrant\n  IdentityFile {}/keys/ed25519\n",
            guest.folder().display()
        ),
    );
    user.types("service-manager docker-context --ssh-config other")
        .stderr(
            "
            error: there is a docker context `default-docker` already, which is of the machine `default-[..]`
            hint: choose another name: `service-manager docker-context --name default-docker-2 --ssh-config other`; or `service-manager docker-context --remove -m default-[..]`
            ",
        )
        .fails(1);
    user.types("service-manager docker-context --quiet --ssh-config other --name default-docker-2; service-manager machines | wc --lines")
        .stdout("default-docker-2\n3\n")
        .succeeds();
    for name in ["default", "-x", "a b", "$(id)", "a", ""] {
        user.types(format!("service-manager docker-context --name='{name}' --ssh-config x"))
            .stderr(&format!("error: invalid value `{name}` for `--name <NAME>`: not a valid name of a docker context ([..])\n\nFor more information, try `--help`.\n"))
            .fails(1);
    }
}
