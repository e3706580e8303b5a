//! What fits a terminal of any width, where no other file has the screen.

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
