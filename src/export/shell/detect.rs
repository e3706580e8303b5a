//! Which shell evaluates the output, when nobody says.

use std::ffi::OsStr;
use std::path::Path;

use clap::ValueEnum;

use super::Shell;
use crate::base::env::Env;
use crate::base::platform::USUAL_SHELL;

/// The shell, and how it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Detected {
    /// This one.
    Known(Shell),
    /// This one; `SERVICE_MANAGER_SHELL` asks for one that is not known.
    Instead(Shell, String),
    /// None of the names that were found is a known shell's; the names, for a note.
    Assumed(Shell, Vec<String>),
}

impl Detected {
    /// The shell to write for.
    pub(crate) fn shell(&self) -> Shell {
        match self {
            Self::Known(shell) | Self::Instead(shell, _) | Self::Assumed(shell, _) => *shell,
        }
    }
}

/// Finds the shell: `SERVICE_MANAGER_SHELL`, the nearest ancestor process that is a shell, `SHELL`. The login
/// shell in `SHELL` comes last, since another one may have been started from it. `ancestors` are the names of
/// those processes, the nearest first.
pub(crate) fn detect(env: &Env, ancestors: impl IntoIterator<Item = String>) -> Detected {
    let mut unknown = Vec::new();
    let mut known = |name: &str| {
        let shell = named(name);
        if shell.is_none() {
            unknown.push(name.to_owned());
        }
        shell
    };
    let found = env.shell_override.as_deref().and_then(&mut known);
    // Most ancestors are no shells, which is nothing to wonder about.
    let found = found.or_else(|| ancestors.into_iter().find_map(|name| named(&name)));
    match found.or_else(|| env.shell.as_deref().and_then(&mut known)) {
        Some(shell) => unknown.pop().map_or(Detected::Known(shell), |name| Detected::Instead(shell, name)),
        None => Detected::Assumed(named(USUAL_SHELL).unwrap_or_default(), unknown),
    }
}

/// The shell of a program's name or path: `-zsh`, `/usr/bin/fish`, `pwsh.exe`, `ksh93`.
fn named(program: &str) -> Option<Shell> {
    let name = Path::new(program).file_name().and_then(OsStr::to_str).unwrap_or(program);
    let name = name.trim_start_matches('-').to_ascii_lowercase();
    let name = name.strip_suffix(".exe").unwrap_or(&name);
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-'));
    Shell::from_str(name, false).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_known_by_their_names() {
        for (program, shell) in [
            ("-zsh", Some(Shell::Posix)),
            ("/usr/bin/fish", Some(Shell::Fish)),
            ("pwsh.exe", Some(Shell::PowerShell)),
            ("powershell", Some(Shell::PowerShell)),
            ("CMD.EXE", Some(Shell::Cmd)),
            ("ksh93", Some(Shell::Posix)),
            ("bash-5.2", Some(Shell::Posix)),
            ("csh", Some(Shell::Tcsh)),
            ("nu", Some(Shell::Nushell)),
            ("ruby", None),
            ("", None),
            ("$(id)", None),
        ] {
            assert_eq!(named(program), shell, "{program}");
        }
    }

    #[test]
    fn the_variable_comes_before_everything_else() {
        let env =
            Env { shell_override: Some("fish".into()), shell: Some("/bin/tcsh".into()), ..Env::default() };
        assert_eq!(detect(&env, ["bash".into()]), Detected::Known(Shell::Fish));
    }

    #[test]
    fn a_variable_that_names_no_shell_is_mentioned() {
        let env =
            Env { shell_override: Some("fisch".into()), shell: Some("/bin/sh".into()), ..Env::default() };
        let instead = |shell| Detected::Instead(shell, "fisch".into());
        assert_eq!(detect(&env, ["tcsh".into()]), instead(Shell::Tcsh));
        assert_eq!(detect(&env, []), instead(Shell::Posix));
    }

    #[test]
    fn the_login_shell_comes_last() {
        let env = Env { shell: Some("/bin/tcsh".into()), ..Env::default() };
        let started = |names: &[&str]| detect(&env, names.iter().map(ToString::to_string));
        assert_eq!(started(&["make", "fish", "tcsh"]), Detected::Known(Shell::Fish));
        assert_eq!(started(&["make", "tmux: server"]), Detected::Known(Shell::Tcsh));
    }

    #[test]
    fn an_unknown_shell_is_assumed_to_read_posix() {
        let env = Env { shell: Some("/bin/odd".into()), ..Env::default() };
        assert_eq!(detect(&env, []), Detected::Assumed(Shell::Posix, vec!["/bin/odd".into()]));
        assert_eq!(detect(&Env::default(), []), Detected::Assumed(Shell::Posix, vec![]));
    }
}
