//! `service-manager doctor`: why `env` fails, or that it would not. Each step is broken once.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::time::{Duration, Instant};

use crate::tunnel::sets_sshd;
use serde_json::Value;
use service_manager_test_support::{Guest, Port, UNTIL_READY, User};

/// Puts a `kubectl` that fits the server first on the PATH, so that nothing is to be said about it.
fn has_fitting_client(user: User<'_>) -> User<'_> {
    let says = r#"{"clientVersion": {"gitVersion": "v1.36.0"}}"#;
    user.writes_script("bin/kubectl", &format!("echo '{says}'"));
    user
}

const DOCTOR: &str = "PATH=$HOME/bin:$PATH service-manager";

/// Where `env` fails, `doctor` ends with the same code, and one of its problems begins as the error does. Where `env` works, so
/// does `doctor`.
#[track_caller]
pub(crate) fn agrees_with_env(user: &User, options: &str, service: &str) {
    user.types(format!(
        "service-manager {options} env {service} >out 2>said; code=$?
         service-manager {options} doctor {service} >found 2>warned; told=$?
         [ $code = $told ] || {{ echo env $code, doctor $told; cat said found; exit 9; }}
         first=$(sed -n 's/^error: //p' said | head -n 1)
         [ $code = 0 ] || grep '^problem: ' found | grep --quiet --fixed-strings \"$first\" || {{ cat said found; exit 9; }}"
    ))
    .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn says_one_line_when_all_is_well() {
    let guest = Guest::kubeadm();
    let user = has_fitting_client(User::of(&guest));
    let works = "kubernetes works: `eval \"$(service-manager env kubernetes)\"`\n";
    for _ in 0..2 {
        let begin = Instant::now();
        user.types(format!("{DOCTOR} doctor kubernetes")).stdout(works).succeeds();
        assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
        user.types("service-manager env kubernetes >out").succeeds();
    }
    user.types(format!("{DOCTOR} -m {} doctor docker kubernetes", guest.name()))
        .stdout("docker and kubernetes work: `eval \"$(service-manager env docker kubernetes -m [NAME])\"`\n")
        .succeeds();
    let all = user.types(format!("{DOCTOR} doctor --report --with-addresses kubernetes")).run_freely();
    for step in [
        "ok: `kubeadm` is vagrant@",
        "as you named it, used ",
        "ok: an SSH server answers at ",
        "is the one that was known\n",
        "ok: the clock of the guest shows the time of this host\n",
        "ok: no disk of the guest is full\n",
        "ok: sudo asks for no password",
        "ok: Kubernetes is there as kubeadm, by kubelet.service\n",
        "ok: its credentials are good for ",
        "and accepts the credentials\n",
    ] {
        assert!(all.contains(step), "{all}");
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn says_by_which_rule_a_machine_is_meant() {
    let guest = Guest::light();
    let user = User::near(&guest);
    let config = guest.folder().join("ssh_config");
    user.types(format!("service-manager --ssh-config {} status >out", config.display())).succeeds();
    let says = |options: &str, rule: &str| {
        let line = format!(
            "service-manager {options} doctor --report --with-addresses >found; grep '^ok: .light. is ' found"
        );
        let found = user.types(line).run_freely();
        assert!(found.contains(&format!(", {rule}, used ")), "{found}");
    };
    says("", "the only one that was used from here");
    says("-m light", "as you named it");
    user.types("service-manager machines use light >out 2>&1").succeeds();
    says("", "by `machines use`");
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn tells_why_the_machine_is_not_reached() {
    let guest = Guest::light();
    let user = User::near(&guest);
    let closed = Port::closed();
    user.types(format!("service-manager --host dev@{closed} doctor docker"))
        .stdout(&format!(
            "
            problem: could not connect to {closed}
            caused by: Connection refused (os error 111)
            hint: check host and port, and that an SSH server (sshd) runs there
            note: the host is there, and nobody listens at {closed}

            1 problem
            "
        ))
        .fails(3);
    let http = Port::answering("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    let said = user.types(format!("service-manager --host dev@{http} doctor docker"));
    said.stdout(&format!(
        "
        problem: could not agree with {http} on how to talk SSH
        caused by: [..]
        hint: check that an SSH server listens at {http}
        note: who listens at {http} is no SSH server; it says: HTTP/1.1 400 Bad Request

        1 problem
        "
    ))
    .fails(3);
    for port in [closed.to_string(), http.to_string()] {
        agrees_with_env(&user, &format!("--host dev@{port}"), "docker");
    }
    User::new().types("service-manager doctor").stdout("problem: [..]\nhint: [..]\n\n1 problem\n").fails(1);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn tells_which_keys_were_tried() {
    let guest = Guest::light();
    let user = User::near(&guest);
    let key = guest.folder().join("keys/stranger");
    let copy = user.writes("key", &fs::read_to_string(&key).unwrap());
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o644)).unwrap();
    let line = format!("--host vagrant@{} --identity {}", guest.address(), copy.display());
    user.types(format!("service-manager {line} doctor docker"))
        .stdout(
            "
            problem: no key of `vagrant` is accepted by [ADDRESS]:22 (tried [HOME]/key)
            hint: name the machine's key with `--identity FILE`
            note: the key `[HOME]/key` (SHA256:[..]) can be read by others
            hint: `chmod 600 [HOME]/key`
            note: [..]
            note: [ADDRESS]:22 offers `vagrant` these ways to log in: [..]publickey[..]

            1 problem
            ",
        )
        .fails(3);
    agrees_with_env(&user, &line, "docker");
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn tells_where_a_changed_host_key_stands() {
    let guest = Guest::light();
    let user = User::of(&guest);
    user.types("service-manager box ip").stdout("[ADDRESS]\n").succeeds();
    let known_hosts = user.machine_folder().join("known_hosts");
    let learnt = fs::read_to_string(&known_hosts).unwrap();
    let place = learnt.split(' ').next().unwrap();
    fs::write(&known_hosts, format!("{place} {OTHER_KEY}\n")).unwrap();
    user.types("service-manager doctor docker")
        .stdout(
            "
            problem: the host key of [ADDRESS]:22 is not the one learnt before: [..]
            hint: if the machine was rebuilt: [..]
            note: the key that was learnt of [..] stands in `[MACHINE]/known_hosts`, line 1

            1 problem
            ",
        )
        .fails(3);
    agrees_with_env(&user, "", "docker");
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn shows_the_last_words_of_a_failed_unit() {
    let guest = Guest::own("kubeadm", "address");
    let user = User::of(&guest);
    kubelet_fails(&guest);
    let found = user.types("service-manager doctor kubernetes >found; cat found").run_freely();
    assert!(found.contains("caused by: kubelet: out of luck\n"), "{found}");
    agrees_with_env(&user, "", "kubernetes");
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn what_was_stopped_in_an_orderly_way_has_no_last_words() {
    let guest = Guest::own("kubeadm", "address");
    let user = User::of(&guest);
    user.types("service-manager -q stop docker >/dev/null").succeeds();
    user.types("service-manager doctor docker")
        .stdout(
            "
            problem: docker is stopped in `[NAME]`
            hint: `service-manager start docker`

            1 problem
            ",
        )
        .fails(126);
    user.types("service-manager -q start docker").run_freely();
    agrees_with_env(&user, "", "docker");
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_server_that_takes_no_keys_is_named() {
    let guest = Guest::own("kubeadm", "address");
    let user = User::of(&guest);
    sets_sshd(&guest, "PubkeyAuthentication no\nPasswordAuthentication yes");
    user.types("service-manager doctor docker | tail -n 4")
        .stdout(
            "
            note: [ADDRESS]:22 offers `vagrant` these ways to log in: password[..]
            hint: let sshd in the machine accept keys: `PubkeyAuthentication yes`

            1 problem
            ",
        )
        .succeeds();
    agrees_with_env(&user, "", "docker");
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn names_what_is_wrong_with_credentials_and_certificates() {
    let guest = Guest::own("kubeadm", "address");
    let user = User::of(&guest);
    guest.lays_out_docker("expired");
    user.types("service-manager doctor docker")
        .stdout("problem: [..]\ncaused by: [..]\nhint: [..]\n\n1 problem\n")
        .fails(126);
    agrees_with_env(&user, "", "docker");
    guest.changes(
        "chmod 600 /etc/kubernetes/admin.conf; echo 'Defaults requiretty' >/etc/sudoers.d/requiretty",
        "rm /etc/sudoers.d/requiretty",
    );
    let found = user.types("service-manager doctor kubernetes >found; cat found").run_freely();
    assert!(found.contains("cannot use sudo without a password"), "{found}");
    agrees_with_env(&user, "", "kubernetes");
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn notes_a_full_disk() {
    let guest = Guest::own("kubeadm", "address");
    let user = has_fitting_client(User::of(&guest));
    guest.changes(
        "mount -t tmpfs -o size=64k tmpfs /tmp; cat /dev/zero >/tmp/full 2>/dev/null || true",
        "umount /tmp",
    );
    user.types(format!("{DOCTOR} doctor kubernetes"))
        .stdout(
            "
            note: the disk of `/tmp` in the guest is full: [..] KiB are left
            hint: in the machine: `sudo du [..]`

            kubernetes works: `eval \"$(service-manager env kubernetes)\"`
            ",
        )
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn notes_a_clock_that_is_wrong() {
    let guest = Guest::own("kubeadm", "address");
    let user = has_fitting_client(User::of(&guest));
    for (difference, direction) in [("+1 day", "ahead of"), ("-1 day", "behind")] {
        let date = format!(
            "printf '#!/bin/sh\\nexec /bin/date --date=\"{difference}\" \"$@\"\\n' >/usr/local/bin/date"
        );
        guest.changes(&format!("{date}; chmod 755 /usr/local/bin/date"), "rm /usr/local/bin/date");
        user.types(format!("{DOCTOR} doctor kubernetes"))
            .stdout(&format!(
                "
                note: the clock of the guest is [..] {direction} this one; certificates count by both
                hint: compare `date -u` here and in the machine; set the one that is wrong

                kubernetes works: `eval \"$(service-manager env kubernetes)\"`
                "
            ))
            .succeeds();
        guest.changes_last_back();
    }
}

/// The unit runs, and its last words may say why nobody answers.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn shows_the_last_words_of_a_unit_that_does_not_answer() {
    let guest = Guest::own("kubeadm", "address");
    let user = User::of(&guest);
    guest.stops("static-pod-kube-apiserver");
    let found = user.types("service-manager doctor kubernetes >found; cat found").run_freely();
    assert!(found.contains("problem: kubernetes does not answer at any address of "), "{found}");
    assert!(found.contains("caused by: kubelet: "), "{found}");
    agrees_with_env(&user, "", "kubernetes");
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn names_the_variables_that_win() {
    let guest = Guest::kubeadm();
    let user =
        has_fitting_client(User::of(&guest)).with("DOCKER_CONTEXT", "other").with("KUBECONFIG", "/other");
    user.types(format!("{DOCTOR} doctor -m [NAME] docker kubernetes").replace("[NAME]", guest.name()))
        .stdout(
            "
            note: DOCKER_CONTEXT is set, which clients of Docker heed instead of what `env` sets
            hint: `unset DOCKER_CONTEXT`; `service-manager exec docker -m [NAME]` does without it
            note: KUBECONFIG in this shell is not that of `[NAME]`, so clients talk to another server
            hint: `eval \"$(service-manager env -m [NAME])\"` sets it

            docker and kubernetes work: `eval \"$(service-manager env docker kubernetes -m [NAME])\"`
            ",
        )
        .succeeds();
    User::of(&guest)
        .with("HTTPS_PROXY", "http://user:secret@proxy.example:3128")
        .types("service-manager doctor docker")
        .stdout(
            "
            note: clients look for [ADDRESS] behind the proxy in HTTPS_PROXY
            hint: add [ADDRESS] to NO_PROXY, as `service-manager env --no-proxy` does

            docker works: `eval \"$(service-manager env docker)\"`
            ",
        )
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn tells_that_another_command_is_at_the_files() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    user.types("service-manager env kubernetes >out").succeeds();
    let line = "flock [MACHINE]/lock sh -c 'service-manager doctor kubernetes'"
        .replace("[MACHINE]", user.machine_folder().to_str().unwrap());
    let found = user
        .types(format!("{line}; [ $? = 1 ] && exit 0; exit 9"))
        .stdout("problem: [..]\nhint: [..]\nnote: it is locked by process [..], `flock`\n\n1 problem\n");
    found.succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn sees_what_keeps_a_tunnel_from_leading_there() {
    let guest = Guest::own("kubeadm", "address");
    guest.lays_out_docker("socket");
    let user = has_fitting_client(User::of(&guest));
    user.types("service-manager doctor docker").stdout("docker works: [..]\n").succeeds();
    user.types("service-manager env docker >out && service-manager tunnel stop").succeeds();
    user.types("service-manager doctor docker")
        .stdout("note: the tunnel of `[NAME]` has ended\nhint: [..]\n\ndocker works: [..]\n")
        .succeeds();
    agrees_with_env(&user, "--tunnel never", "docker");
    user.types("service-manager tunnel stop").run_freely();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn tells_which_user_may_not_open_the_socket() {
    let guest = Guest::own("kubeadm", "address");
    guest.lays_out_docker("socket");
    let user = User::near(&guest);
    let line =
        format!("--host nosudo@{} --identity {}/keys/ed25519", guest.address(), guest.folder().display());
    user.types(format!("service-manager {line} doctor docker | head -n 2"))
        .stdout(
            "problem: docker in `[ADDRESS]` cannot be reached through SSH: [..]\n\
             hint: in the machine: `sudo usermod --append --groups docker nosudo` lets [..]\n",
        )
        .succeeds();
    agrees_with_env(&user, &line, "docker");
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn tells_that_sshd_forbids_what_a_tunnel_needs() {
    let guest = Guest::own("kubeadm", "address");
    let rule = "INPUT --in-interface eth0 --protocol tcp --dport 6443 --jump REJECT --reject-with tcp-reset";
    guest.changes(&format!("iptables --insert {rule}"), &format!("iptables --delete {rule}"));
    sets_sshd(&guest, "AllowTcpForwarding no");
    let user = User::of(&guest);
    let found = user.types("service-manager doctor kubernetes >found; cat found").run_freely();
    assert!(found.starts_with("problem: kubernetes does not answer at any address of "), "{found}");
    assert!(found.contains("hint: in the machine, `sudo sshd -T | grep -i -e allowtcp "), "{found}");
    agrees_with_env(&user, "", "kubernetes");
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn tells_that_a_certificate_names_another_address() {
    let guest = Guest::own("kubeadm", "address");
    guest.lays_out_docker("other-names");
    let user = User::of(&guest);
    user.types("service-manager --tunnel never doctor docker | head -n 1")
        .stdout(
            "problem: the certificate of docker at [ADDRESS]:2376 is not valid for any address of `[NAME]` (it is for 10.0.2.15)\n",
        )
        .succeeds();
    agrees_with_env(&user, "--tunnel never", "docker");
}

/// Nothing that Vagrant would have to be started for is asked.
#[test]
fn tells_what_vagrants_files_say() {
    let user = User::new();
    user.writes("project/Vagrantfile", "");
    user.types("cd project && service-manager doctor")
        .stdout(
            "
            problem: no Vagrant machine of `[HOME]/project` is created
            hint: in `[HOME]/project`: `vagrant up`

            1 problem
            ",
        )
        .fails(3);
    fs::create_dir_all(user.home().join("project/.vagrant/machines/default/virtualbox")).unwrap();
    user.writes("project/.vagrant/machines/default/virtualbox/id", "0a1b");
    user.types("cd project && service-manager doctor | head -n 2")
        .stdout(
            "problem: Vagrant would run `[HOME]/project/Vagrantfile`, and you have not allowed that\n\
             hint: `service-manager machines allow [HOME]/project`, if you trust it\n",
        )
        .succeeds();
}

/// Vagrant leaves a machine there whose folder was removed without it.
#[test]
fn tells_that_vagrants_index_is_out_of_date() {
    let user = User::new();
    let home = user.home().display();
    user.writes(
        ".vagrant.d/data/machine-index/index",
        &format!(
            r#"{{"version":1,"machines":{{
            "05b4":{{"name":"moved","vagrantfile_path":"{home}/moved","local_data_path":"{home}/moved/.vagrant"}},
            "04a3":{{"name":"lost","vagrantfile_path":"{home}/lost","local_data_path":"{home}/lost/.vagrant"}}}}}}"#
        ),
    );
    user.writes("lost/Vagrantfile", "");
    for name in ["moved", "lost"] {
        user.types(format!("service-manager doctor -m {name}"))
            .stdout(&format!(
                "
                problem: `{name}` is in Vagrant's index, and its project is gone or has it no more: `[HOME]/{name}`
                hint: `vagrant global-status --prune` takes it out of there; if you moved the project, go to its new folder

                1 problem
                "
            ))
            .fails(1);
        agrees_with_env(&user, &format!("-m {name}"), "docker");
    }
}

/// It is a program of somebody else, and the folder below it is the user's.
#[test]
fn tells_that_a_vagrantfile_is_somebody_elses() {
    let user = User::new();
    user.writes("sticky/.vagrant/machines/default/virtualbox/id", "0a1b");
    let vagrantfile = user.writes("sticky/Vagrantfile", "");
    user.types("mkdir sticky/mine && chmod 1777 sticky").succeeds();
    chown(&vagrantfile, Some(12345), None).unwrap();
    user.types("cd sticky/mine && service-manager doctor")
        .stdout(
            "
            problem: the Vagrantfile `[HOME]/sticky/Vagrantfile` is a program that belongs to somebody else
            hint: `cd [HOME]/sticky`, if you trust it

            1 problem
            ",
        )
        .fails(1);
    // There it is still one that nobody has allowed.
    user.types("cd sticky && service-manager doctor | head -n 1")
        .stdout("problem: Vagrant would run `[HOME]/sticky/Vagrantfile`, and you have not allowed that\n")
        .succeeds();
}

/// A server that accepts and says nothing.
#[test]
fn tells_that_nobody_answers_in_time() {
    let silent = Port::silent();
    let user = User::new();
    let begin = Instant::now();
    let found = user
        .types(format!("service-manager --host dev@{silent} doctor docker --timeout 2 >found; cat found"))
        .run_freely();
    assert!(found.starts_with("problem: "), "{found}");
    assert!(found.contains(&format!("{silent}")) && found.ends_with("\n1 problem\n"), "{found}");
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
}

/// Nothing that is learnt could be kept safe there.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn tells_that_others_can_write_its_folder() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    user.types("service-manager -q env kubernetes >out").succeeds();
    fs::set_permissions(user.machine_folder(), fs::Permissions::from_mode(0o777)).unwrap();
    user.types("service-manager doctor kubernetes | head -n 1")
        .stdout("problem: [..][MACHINE][..]\n")
        .succeeds();
    agrees_with_env(&user, "", "kubernetes");
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn nothing_to_export_is_a_problem() {
    let guest = Guest::light();
    let user = User::of(&guest);
    agrees_with_env(&user, "", "");
    agrees_with_env(&user, "", "openshift");
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_report_has_no_names_and_no_secrets() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest)
        .with("HTTPS_PROXY", "http://user:topsecret@proxy.example:3128")
        .with("USER", "somebody");
    let report = user.types("service-manager doctor --report").run_freely();
    let token = fs::read_to_string(user.machine_folder().join("services.json")).unwrap_or_default();
    for hidden in [
        guest.address().as_str(),
        "vagrant@",
        "topsecret",
        "proxy.example",
        "somebody",
        user.home().to_str().unwrap(),
    ] {
        assert!(!report.contains(hidden), "{hidden}: {report}");
    }
    assert!(report.contains("variables that are set: HTTPS_PROXY, SERVICE_MANAGER_SSH_CONFIG\n"), "{report}");
    assert!(token.is_empty(), "nothing is kept of a service");
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn the_document_has_a_finding_for_each_step() {
    let guest = Guest::kubeadm();
    let user = has_fitting_client(User::of(&guest));
    let text = user.types(format!("{DOCTOR} doctor kubernetes --output json")).run_freely();
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&document["version"], &document["works"]), (&1.into(), &true.into()));
    let steps: Vec<&str> = document["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| {
            assert_eq!(finding["state"], "ok", "{finding}");
            finding["step"].as_str().unwrap()
        })
        .collect();
    for step in ["machine", "state", "cache", "login", "guest", "endpoint", "host"] {
        assert!(steps.contains(&step), "{steps:?}");
    }
}

/// What a guest says is shown, cut and made harmless.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn the_words_of_a_hostile_guest_are_harmless() {
    let guest = Guest::own("kubeadm", "address");
    let user = User::of(&guest);
    let shell = "#!/bin/bash\n\
        [[ $2 = 'env LC_ALL=C sh -s' ]] || exec /bin/bash \"$@\"\n\
        read -r line; [[ $line =~ @([0-9a-f]{32}) ]]; n=${BASH_REMATCH[1]}\n\
        frame() { printf '@%s %s %s\\n%s\\n' $n \"$1\" ${#2} \"$2\"; }\n\
        echo; frame begin ''; frame clock 1; frame systemd $'\\e]0;owned\\a'\n\
        frame 'lines 0' \"$(yes $'\\e[2J' | head -c 4000)\"; frame end ''\n";
    guest.changes("true", "usermod --shell /bin/bash vagrant; rm --force /usr/local/bin/liar");
    guest.run_with("cat >/usr/local/bin/liar; chmod 755 /usr/local/bin/liar", shell);
    guest.run("usermod --shell /usr/local/bin/liar vagrant");
    kubelet_fails(&guest);
    let found = user.types("service-manager doctor kubernetes --report >found 2>&1; cat found").run_freely();
    assert!(!found.chars().any(|c| c.is_control() && c != '\n'), "{found}");
    assert!(found.contains("the clock of the guest is") && found.len() < 20_000, "{found}");
}

/// Has its unit fail, with a word.
pub(crate) fn kubelet_fails(guest: &Guest) {
    let broken =
        "s|^ExecStart=.*|ExecStart=/bin/sh -c \"echo out of luck; exit 3\"|; s|^Restart=.*|Restart=no|";
    guest.changes(
        &format!(
            "systemctl stop kubelet; cp /etc/systemd/system/kubelet.service /tmp/kubelet.original; \
             sed --in-place '{broken}' /etc/systemd/system/kubelet.service; systemctl daemon-reload; \
             systemctl start kubelet || true; timeout 20 sh -c 'until systemctl is-failed --quiet kubelet; do sleep 0.1; done'; \
             systemctl stop 'static-pod-*'"
        ),
        &format!(
            "mv /tmp/kubelet.original /etc/systemd/system/kubelet.service; systemctl daemon-reload; \
             systemctl reset-failed; systemctl restart kubelet; {UNTIL_READY}"
        ),
    );
}

const OTHER_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
