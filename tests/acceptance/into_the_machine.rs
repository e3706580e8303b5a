//! `ssh`, `logs` and `console`: what leads into the machine and to its pages.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use service_manager_test_support::{Guest, User};

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn ssh_runs_a_command_with_the_machines_key() {
    let guest = Guest::light();
    let key = guest.folder().join("keys/ed25519");
    let user = User::near(&guest);
    let line = format!("service-manager --host vagrant@{} -i {}", guest.address(), key.display());
    user.types(format!("{line} ssh -- hostname")).stdout("[NAME]\n").succeeds();
    user.types(format!("{line} ssh -- echo -l")).stdout("-l\n").succeeds();
    user.types(format!("{line} ssh -- 'cat; exit 7' <<<typed")).stdout("typed\n").fails(7);
    // The very file of host keys that this program has learnt, and no other.
    user.types("ls -A .ssh 2>/dev/null || echo 'not written'").stdout("not written\n").succeeds();
    let known = user.machine_folder().join("known_hosts");
    let config = user.machine_folder().join("ssh_config");
    assert_eq!(fs::metadata(&config).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(fs::read_to_string(config).unwrap().contains(known.to_str().unwrap()));
}

#[test]
fn ssh_says_that_it_is_not_there() {
    User::new()
        .types("PATH=$(dirname \"$(command -v service-manager)\") service-manager ssh")
        .stderr("error: there is no `ssh` on the PATH\nhint: install OpenSSH's client, or put its folder on the PATH\n")
        .fails(1);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn logs_shows_the_journal_of_the_units() {
    let guest = Guest::own("kubeadm", "address");
    guest.lays_out_docker("tls");
    let user = User::of(&guest);
    user.types("service-manager logs docker | grep --count --max-count=1 dockerd").stdout("1\n").succeeds();
    user.types("service-manager logs docker --since '1 hour ago' | grep --count --max-count=1 dockerd")
        .stdout("1\n")
        .succeeds();
    // Nobody reads the second line, and so it ends.
    user.types("(sleep 1; service-manager -q restart docker >/dev/null) & service-manager logs docker --follow | head -1 | wc -l; wait")
        .stdout("1\n")
        .succeeds();
    user.types("service-manager logs docker --since 50m | grep --count --max-count=1 dockerd")
        .stdout("1\n")
        .succeeds();
    user.types("service-manager logs docker --since yesterdy 2>&1 | head -1")
        .stdout("error: invalid value `yesterdy` for `--since <TIME>`: [..]\n")
        .succeeds();
    user.types("service-manager logs openshift")
        .stderr("error: there is no openshift in `[NAME]`\nhint: `service-manager status` shows what the machine has\n")
        .fails(126);
    user.types("service-manager logs docker --since '$(id)' 2>&1 | head -1")
        .stdout("error: invalid value `$(id)` for `--since <TIME>`: [..]\n")
        .succeeds();
    guest.changes(
        "printf '#!/bin/sh\\nprintf \"\\\\033]0;owned\\\\007line\\\\n\"\\n' >/usr/local/bin/journalctl; chmod 755 /usr/local/bin/journalctl",
        "rm /usr/local/bin/journalctl",
    );
    user.types("service-manager logs docker").stdout("\\u{1b}]0;owned\\u{7}line\n").succeeds();
}

/// As where `ssh` itself was typed.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn ctrl_c_is_the_commands_in_a_terminal_of_the_machine_and_ends_what_has_none() {
    let guest = Guest::light();
    let user = User::of(&guest);
    let typed = user.types("service-manager ssh");
    let mut terminal = typed.in_a_terminal(80);
    terminal.shows_somewhere("$");
    terminal.presses("echo re''ady; cat\r");
    terminal.shows_somewhere("ready");
    terminal.presses_ctrl_c();
    // What is typed before the terminal there has heard of it is gone.
    terminal.shows_somewhere("^C\nvagrant@");
    terminal.presses("echo code $?\r");
    terminal.shows_somewhere("code 130");
    terminal.presses("exit 4\r");
    assert_eq!(terminal.ends(), 4);
    let typed = user.types("service-manager ssh -- 'echo ready; cat'");
    let mut terminal = typed.in_a_terminal(80);
    terminal.shows_somewhere("ready");
    terminal.presses_ctrl_c();
    // OpenSSH's own code for a signal that it was ended by.
    assert_eq!(terminal.ends(), 255);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn ctrl_c_ends_a_journal_that_is_followed() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    let typed = user.types(
        "bash -c 'trap : INT; service-manager logs kubernetes --follow; echo code $?; \
         stty --all | grep --only-matching --word-regexp icanon'",
    );
    let mut terminal = typed.in_a_terminal(120);
    terminal.shows_somewhere("kubelet");
    terminal.presses_ctrl_c();
    terminal.shows_somewhere("code 130\nicanon");
    terminal.ends();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn console_opens_the_page_of_openshift() {
    let guest = Guest::own("origin", "address");
    let user = User::of(&guest);
    let page = "https://[ADDRESS]:8443/console";
    user.types("service-manager console --print").stdout(&format!("{page}\n")).succeeds();
    let browser = user.writes("bin/xdg-open", "#!/bin/sh\necho \"$1\" >opened\n");
    fs::set_permissions(&browser, fs::Permissions::from_mode(0o700)).unwrap();
    user.types("PATH=$PWD/bin:$PATH service-manager console openshift; cat opened")
        .stdout(&format!("{page}\n"))
        .stderr(&format!("note: opened {page}\n"))
        .succeeds();
    user.types("service-manager console docker")
        .stderr("error: docker has no web console\nhint: `service-manager console openshift`\n")
        .fails(126);
    guest.stops("origin-master");
    user.types("service-manager console")
        .stderr("error: openshift is stopped in `[NAME]`\nhint: `service-manager start openshift`\n")
        .fails(126);
}

/// Nobody has to be asked about that.
#[test]
fn what_a_service_never_has_leads_to_those_that_have_it() {
    let user = User::new();
    user.types("service-manager console kubernetes")
        .stderr(
            "error: kubernetes has no web console\nhint: `service-manager console openshift`; a dashboard in the cluster is at \
             https://127.0.0.1:8443 while `service-manager exec kubernetes -- kubectl port-forward --namespace NAMESPACE \
             service/NAME 8443:443` runs\n",
        )
        .fails(126);
    user.types("service-manager kubeconfig docker -m box")
        .stderr(
            "error: docker has no kubeconfig\nhint: `service-manager kubeconfig openshift -m box`, \
             `service-manager kubeconfig kubernetes -m box`\n",
        )
        .fails(126);
}
