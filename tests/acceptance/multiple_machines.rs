//! Several machines at once: `env` and `status`.

use std::fmt::Write;
use std::fs;
use std::time::{Duration, Instant};

use service_manager_test_support::{Guest, Port, User};

/// Somebody who has used both guests.
pub(crate) fn user_of_both(guests: &[Guest; 2]) -> User<'_> {
    let user = User::near(&guests[0]);
    for guest in guests {
        let config = guest.folder().join("ssh_config");
        user.types(format!("service-manager --ssh-config {} box ip", config.display()))
            .stdout(&format!("{}\n", guest.address()))
            .succeeds();
    }
    user
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn joins_the_kubeconfigs_of_several_machines() {
    let guests = [Guest::kubeadm(), Guest::nat()];
    let user = user_of_both(&guests);
    let line = "service-manager -q env kubernetes -m kubeadm --machine nat";
    // The first time it asks them, the second time it does not.
    for more in ["", "", "--cached"] {
        user.types(format!(
            "eval \"$({line} {more})\" && for name in kubeadm nat; do \
             kubectl --context $name-kubernetes get namespace default -o name; done"
        ))
        .stdout("namespace/default\nnamespace/default\n")
        .succeeds();
    }
    let [one, other] = user.machine_folders().try_into().unwrap();
    let path = |folder: &std::path::PathBuf| folder.join("kubernetes/kubeconfig").display().to_string();
    user.types(format!("{line} --script-readable"))
        .stdout(&format!("KUBECONFIG={}:{}\n", path(&one), path(&other)))
        .succeeds();
    user.types(format!("{line} --output json | python3 -c 'import json, sys; print(*[m[\"machine\"] for m in json.load(sys.stdin)[\"machines\"]])'"))
        .stdout("kubeadm nat\n")
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn refuses_exports_that_cannot_be_joined() {
    let guests = [Guest::kubeadm(), Guest::nat()];
    let user = user_of_both(&guests);
    let both = "-m kubeadm -m nat";
    user.types(format!("service-manager -q env docker {both}"))
        .stdout("(exit 1)\n")
        .stderr("error: DOCKER_HOST can only be that of one machine, not of `kubeadm` and `nat`\n")
        .fails(1);
    user.types(format!("service-manager box ip {both}"))
        .stderr("error: several machines are named: kubeadm, nat\nhint: name one; only `env`, `exec` and `status` take several\n")
        .fails(1);
    // What is to be typed is about the one that it is wrong with.
    user.types("service-manager env kubernetes openshift -m nat -m kubeadm")
        .stdout("(exit 126)\n")
        .stderr("error: there is no openshift in `nat`\nhint: `service-manager status -m nat` shows what the machine has\n")
        .fails(126);
    user.types("service-manager env kubernetes -m nat -m kubadm")
        .stdout("(exit 1)\n")
        .stderr("error: no machine `kubadm` is known here\nhint: did you mean `kubeadm`?\n")
        .fails(1);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn status_all_shows_every_machine() {
    let guests = [Guest::kubeadm(), Guest::light()];
    let user = user_of_both(&guests);
    let lines = "
        kubeadm kubernetes - running
        light kubernetes - not installed
        ";
    user.types("service-manager status kubernetes --all").stdout(lines).succeeds();
    user.types("service-manager status kubernetes -m kubeadm -m light").stdout(lines).succeeds();
    user.types("service-manager status kubernetes --all --output json | python3 -m json.tool --compact")
        .stdout(
            "{\"version\":1,\"machines\":[\
             {\"machine\":\"kubeadm\",\"problem\":null,\"services\":[{\"service\":\"kubernetes\",\"state\":\"running\",[..]}]},\
             {\"machine\":\"light\",\"problem\":null,\"services\":[{\"service\":\"kubernetes\",\"state\":\"not installed\",[..]}]}]}\n",
        )
        .succeeds();
    user.types("service-manager status kubernets --all")
        .stderr("error: [..]\nhint: did you mean `kubernetes`?\n")
        .fails(126);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn the_table_of_all_fits_the_terminal() {
    let guests = [Guest::kubeadm(), Guest::nat()];
    let user = user_of_both(&guests).with("NO_COLOR", "1");
    let typed = user.types("service-manager status kubernetes --all");
    for (columns, head, row) in [
        (120, "FLAVOUR  VERSION[..]ENDPOINT", "kubeadm  v1.[..]https://[..]:6443"),
        (80, "FLAVOUR  VERSION[..]ENDPOINT", "kubeadm  v1.[..]https://[..]"),
        (40, "VERSION", "v1.[..]"),
    ] {
        let mut terminal = typed.in_a_terminal(columns);
        terminal.shows(&format!(
            "
            MACHINE  SERVICE     STATE      {head}
            kubeadm  kubernetes  * running  {row}
            nat      kubernetes  * running  {row}
            "
        ));
        assert_eq!(terminal.ends(), 0);
    }
}

#[test]
fn all_without_machines_prints_nothing() {
    User::new()
        .types("service-manager status --all")
        .stderr("note: no machine was used from here yet; `service-manager status` uses one\n")
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn unreachable_machines_share_one_timeout() {
    let guests = [Guest::kubeadm(), Guest::light()];
    let user = user_of_both(&guests);
    let silent = Port::silent();
    let elapsed = |line: &str, stdout: &str, warnings: usize| {
        let begin = Instant::now();
        user.types(line)
            .stdout(stdout)
            .stderr(&"warning: `[..]` cannot be asked\ncaused by: [..]\nhint: [..]\nhint: `service-manager doctor -m [..]` says more\n".repeat(warnings))
            .succeeds();
        begin.elapsed()
    };
    let line = "service-manager status kubernetes --all --timeout 2";
    let alive = "kubeadm kubernetes - running\nlight kubernetes - not installed\n";
    let without = elapsed(line, alive, 0);
    // Five more that are there no more, as if they had been used before.
    let folder = user.machine_folders().pop().unwrap();
    let record = fs::read_to_string(folder.join("machine.json")).unwrap();
    let mut states = alive.to_owned();
    for number in 1..=5 {
        let name = format!("silent{number}");
        let record = record.replace("\"light\"", &format!("\"{name}\""));
        let record = record.replace(&guests[1].address(), "127.0.0.1");
        let record = record.replace(
            "\"port\": 22",
            &format!("\"port\": {}", silent.to_string().rsplit(':').next().unwrap()),
        );
        assert!(record.contains("127.0.0.1") && record.contains(&name), "{record}");
        let folder = folder.with_file_name(format!("{name}-00000000"));
        user.types(format!("mkdir -m 700 {}", folder.display())).succeeds();
        fs::write(folder.join("machine.json"), record).unwrap();
        let _ = writeln!(states, "{name} kubernetes - unknown");
    }
    let with = elapsed(line, &states, 5);
    // One after the other they would take ten seconds.
    assert!(with < without + Duration::from_secs(6), "{with:?} instead of {without:?}");
}
