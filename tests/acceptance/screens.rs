//! What fits a terminal of any width, where no other file has the screen.

use crate::tunnel::{behind_a_nat, end, ssh_port_of, user_of};
use service_manager_test_support::{Guest, User};

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn doctor_fits_the_terminal() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    let typed = user.types("service-manager doctor kubernetes");
    for columns in [120, 80, 40] {
        let mut terminal = typed.in_a_terminal(columns);
        terminal.shows_somewhere("kubernetes works: `eval \"$(service-manager env kubernetes)\"`");
        assert_eq!(terminal.ends(), 0);
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn what_doctor_finds_is_readable_at_any_width() {
    let guest = Guest::light();
    let user = User::of(&guest);
    let typed = user.types("service-manager doctor kubernetes");
    for columns in [120, 80, 40] {
        let mut terminal = typed.in_a_terminal(columns);
        terminal.shows_somewhere("\n1 problem");
        terminal.begins_with("problem: there is no kubernetes in ");
        assert_eq!(terminal.ends(), 126);
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn the_list_of_tunnels_fits_the_terminal() {
    let guest = behind_a_nat("socket");
    let port = ssh_port_of(&guest);
    let user = user_of(&guest, &port);
    user.types("service-manager -q env >exported").succeeds();
    let typed = user.types("service-manager tunnel");
    for (columns, parts) in [
        (120, &["HERE", "THERE", "SSH", "LAST ERROR"][..]),
        (80, &["HERE", "THERE", "LAST ERROR"]),
        (40, &["HERE"]),
    ] {
        let mut terminal = typed.in_a_terminal(columns);
        for part in parts.iter().chain(&["kubernetes", "docker"]) {
            terminal.shows_somewhere(part);
        }
        assert_eq!(terminal.ends(), 0);
        assert_eq!(terminal.lines(), 3, "a line for each service, and the head");
    }
    end(&user);
}
