//! What a terminal shows while a machine is waited for.

use std::net::TcpListener;

use service_manager_test_support::User;

/// Somebody who listens, and never says a word.
fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap().to_string();
    (listener, place)
}

#[test]
fn a_terminal_shows_what_is_connected_to() {
    let (_listener, place) = silent();
    let user = User::new().with("NO_COLOR", "1");
    for command in [
        "status",
        "env",
        "doctor",
        "start docker",
        "box ip",
        "logs docker",
        "ssh",
        "kubeconfig",
        "status --watch",
    ] {
        let typed = user.types(format!("service-manager --host dev@{place} {command} --timeout 3"));
        let mut terminal = typed.in_a_terminal(80);
        terminal.shows(&format!("[..] connecting to {place} (0s)"));
        terminal.shows_somewhere(" (1s)");
        terminal.presses_ctrl_c();
        assert_eq!(terminal.ends(), 130);
    }
}

#[test]
fn the_line_fits_the_terminal_and_goes_when_it_is_over() {
    let (_listener, place) = silent();
    let user = User::new().with("NO_COLOR", "1");
    for (columns, line) in
        [(120, format!("connecting to {place} (0s)")), (24, "connecting to .. (0s)".into())]
    {
        let typed = user.types(format!("service-manager --host dev@{place} status --timeout 1"));
        let mut terminal = typed.in_a_terminal(columns);
        terminal.shows(&format!("[..] {line}"));
        terminal.begins_with("error: ");
        assert_eq!(terminal.ends(), 3);
    }
}

#[test]
fn nothing_is_shown_to_programs_and_the_quiet() {
    let (_listener, place) = silent();
    let user = User::new().with("NO_COLOR", "1");
    for line in [
        "service-manager --host dev@{} status --quiet --timeout 1",
        "bash -c \"service-manager --host dev@{} status --timeout 1 2>said; cat said\"",
    ] {
        let typed = user.types(line.replace("{}", &place));
        let mut terminal = typed.in_a_terminal(200);
        terminal.begins_with("error: ");
        assert!(!terminal.has_ever_shown("connecting"));
    }
}
