//! What a shell makes of `env` when it fails, and what a terminal shows.

use crate::env::{ANNOUNCED, SHELLS};
use service_manager_test_support::{Guest, Port, User};

#[test]
fn eval_returns_the_exit_code() {
    for shell in SHELLS {
        User::new()
            .types(r#"eval "$(service-manager env kubernetes)"; echo $?"#)
            .to(shell)
            .stdout("1\n")
            .stderr(NO_MACHINE)
            .succeeds();
    }
}

#[test]
fn eval_returns_3_for_an_unreachable_machine() {
    let port = Port::closed();
    for shell in SHELLS {
        User::new()
            .types(format!(
                r#"eval "$(service-manager --host dev@{port} env kubernetes 2>/dev/null)"; echo $?"#
            ))
            .to(shell)
            .stdout("3\n")
            .succeeds();
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn eval_returns_126_for_a_missing_service() {
    let guest = Guest::light();
    for shell in SHELLS {
        User::of(&guest)
            .types(r#"eval "$(service-manager env kubernetes 2>/dev/null)"; echo $?"#)
            .to(shell)
            .stdout("126\n")
            .succeeds();
    }
}

#[test]
fn set_e_ends_the_script() {
    for shell in SHELLS {
        User::new()
            .types(r#"set -e; eval "$(service-manager env kubernetes)"; echo still here"#)
            .to(shell)
            .stderr(NO_MACHINE)
            .fails(1);
    }
}

#[test]
fn a_failure_prints_one_statement() {
    User::new().types("service-manager env kubernetes").stdout("(exit 1)\n").stderr(NO_MACHINE).fails(1);
}

#[test]
fn script_readable_output_is_empty_on_failure() {
    User::new().types("service-manager env kubernetes --script-readable").stderr(NO_MACHINE).fails(1);
}

#[test]
fn wrong_usage_makes_eval_fail() {
    User::new().types("service-manager env --nonsense 2>/dev/null").stdout("(exit 1)\n").fails(1);
    User::new().types("service-manager env --script-readable --nonsense 2>/dev/null").fails(1);
}

#[test]
fn a_terminal_shows_no_failing_statement() {
    let user = User::new().with("NO_COLOR", "1");
    user.types(on_a_terminal("service-manager env kubernetes")).stdout(NO_MACHINE).fails(1);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn unwritable_output_is_a_failure() {
    let guest = Guest::kubeadm();
    for line in ["service-manager env", "service-manager env --script-readable", "service-manager status"] {
        User::of(&guest)
            .types(format!("{line} >/dev/full"))
            .stderr(
                "
                error: could not write to standard output
                caused by: No space left on device (os error 28)
                ",
            )
            .fails(1);
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_closed_pipe_is_no_failure() {
    let guest = Guest::kubeadm();
    User::of(&guest).types("set -o pipefail; service-manager env | true").succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_terminal_shows_what_eval_reads() {
    let guest = Guest::kubeadm();
    User::of(&guest).types(on_a_terminal("service-manager env kubernetes")).stdout(ANNOUNCED).succeeds();
}

#[test]
fn colours_go_to_a_terminal_only() {
    let error = "\x1b[31m\x1b[1merror\x1b[0m: no machine is given\n\x1b[32m\x1b[1mhint\x1b[0m: [..]\n";
    User::new().types(on_a_terminal("service-manager status")).stdout(error).fails(1);
    User::new().types("service-manager --color always status").stderr(error).fails(1);
    User::new().types("service-manager status").stderr(NO_MACHINE).fails(1);
    User::new().types(on_a_terminal("service-manager --color never status")).stdout(NO_MACHINE).fails(1);
}

/// The line with a terminal as both streams; what that shows comes as standard output.
pub(crate) fn on_a_terminal(line: &str) -> String {
    format!("set -o pipefail; script --quiet --return --command '{line}' /dev/null | tr -d '\\r'")
}

const NO_MACHINE: &str = "
    error: no machine is given
    hint: go to the folder of a Vagrant machine, or name a machine: `--host USER@HOST`, or `-m NAME` for a `Host` of ~/.ssh/config and for each that `service-manager machines` lists
    ";
