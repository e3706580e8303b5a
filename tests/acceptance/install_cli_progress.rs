//! `install-cli`: what people see of a download; programs see nothing of it.

use service_manager_test_support::download::{Download, INSTALL, KUBECTL};
use service_manager_test_support::publisher::{Fault, script};

#[test]
fn a_terminal_shows_a_bar_until_the_download_ends() {
    let download = Download::new();
    download.publisher.fails(KUBECTL, [Fault::Holds(100_000)]);
    let line = INSTALL.replace(" -q", "");
    let typed = download.user.types(&line);
    let mut terminal = typed.in_a_terminal(200);
    terminal.shows("kubectl [[..]] [..]/293.01 KiB [..]/s [..]s");
    download.publisher.goes_on();
    let done = format!(
        "
        # Binary now available at [HOME]/.local/share/service-manager/bin/kubernetes/1.36.3/kubectl
        # run binary as:
        # kubectl <command>
        export PATH=[HOME]/.local/share/service-manager/bin/kubernetes/1.36.3:$PATH

        # run following command to configure your shell:
        # eval \"$({line})\"
        note: kubectl 1.36.3, 293.01 KiB: its checksum is the one in `{KUBECTL}.sha256`
        "
    );
    terminal.shows(&done);
    assert_eq!(terminal.ends(), 0);
}

#[test]
fn a_narrow_terminal_shows_a_bar_too() {
    let download = Download::new();
    download.publisher.fails(KUBECTL, [Fault::Holds(100_000)]);
    let typed = download.user.types(INSTALL.replace(" -q", ""));
    let mut terminal = typed.in_a_terminal(40);
    terminal.shows("kubectl [[..]] 33% [..]s");
    terminal.presses_ctrl_c();
    assert_eq!(terminal.ends(), 130);
}

#[test]
fn a_bar_takes_one_line_of_the_terminal() {
    for columns in [120, 80] {
        let download = Download::new();
        download.publisher.fails(KUBECTL, [Fault::Holds(100_000)]);
        let typed = download.user.types(INSTALL.replace(" -q", ""));
        let mut terminal = typed.in_a_terminal(columns);
        terminal.shows("kubectl [[..]] [..]/293.01 KiB [..]/s [..]s");
        assert_eq!(terminal.lines(), 1);
        terminal.presses_ctrl_c();
        assert_eq!(terminal.ends(), 130);
    }
}

#[test]
fn a_failed_download_removes_the_bar() {
    let download = Download::new();
    download.publisher.fails(KUBECTL, vec![Fault::Ends(1000); 4]);
    let line = INSTALL.replace(" -q", "");
    let typed = download.user.types(&line);
    let mut terminal = typed.in_a_terminal(200);
    let again = format!("note: trying again: `{KUBECTL}`: the connection broke off\n");
    terminal.shows(&format!(
        "{}error: could not download `{KUBECTL}`\ncaused by: the connection broke off\nhint: try again: it goes on from where it ended; behind a proxy set HTTPS_PROXY, without a network name a mirror in SERVICE_MANAGER_MIRROR",
        again.repeat(3)
    ));
    assert_eq!(terminal.ends(), 126);
}

#[test]
fn ctrl_c_restores_the_terminal() {
    let download = Download::new();
    download.publisher.fails(KUBECTL, [Fault::Holds(100_000)]);
    let typed = download.user.types(INSTALL.replace(" -q", ""));
    let mut terminal = typed.in_a_terminal(120);
    // Nor does the cursor vanish.
    terminal.shows("kubectl [[..]] [..]/293.01 KiB [..]/s [..]s");
    terminal.presses_ctrl_c();
    assert_eq!(terminal.ends(), 130);
    download.publisher.goes_on();
    download.succeeds();
}

#[test]
fn prints_a_line_per_quarter_into_a_file() {
    let download = Download::new();
    download.publisher.offers_with_checksum(KUBECTL, script("kubectl", 4 << 20));
    download
        .user
        .types(format!("{} >out", INSTALL.replace(" -q", "")))
        .stderr(
            "
            downloading kubectl (4.00 MiB)
            25 %
            50 %
            75 %
            100 %
            note: kubectl 1.36.3, 4.00 MiB: its checksum is the one in `[..]`
            ",
        )
        .succeeds();
}

#[test]
fn a_resumed_download_continues_the_percentage() {
    let download = Download::new();
    download.publisher.offers_with_checksum(KUBECTL, script("kubectl", 4 << 20));
    download.publisher.fails(KUBECTL, [Fault::Ends(3_300_000)]);
    download
        .user
        .types(format!("{} >out", INSTALL.replace(" -q", "")))
        .stderr(&format!(
            "
            downloading kubectl (4.00 MiB)
            25 %
            50 %
            75 %
            note: trying again: `{KUBECTL}`: the connection broke off
            downloading the rest of kubectl (4.00 MiB)
            100 %
            note: kubectl 1.36.3, 4.00 MiB: its checksum is the one in `{KUBECTL}.sha256`
            "
        ))
        .succeeds();
}

#[test]
fn quiet_shows_no_progress() {
    let download = Download::new();
    download.publisher.fails(KUBECTL, [Fault::Ends(1000), Fault::Status(500, "")]);
    download.user.types(format!("{INSTALL} >out")).succeeds();
    let typed = download.user.types(format!("{INSTALL} --output json >out"));
    let mut terminal = typed.in_a_terminal(80);
    assert_eq!(terminal.ends(), 0);
    terminal.shows("");
}
