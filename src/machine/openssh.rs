//! OpenSSH's own answer to how it would reach a host (`ssh -G`): the reader that everybody's config was written for. It
//! resolves `Include`, `Match` and canonical names, and leaves `~` and tokens in paths as they stand.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::ssh_config::HostSettings;
use crate::base::deadline::Deadline;
use crate::base::env::Env;
use crate::base::platform::home_of_user;
use crate::base::program::{self, ProgramOutput};
use crate::base::text::sanitize;
use crate::base::timeouts;

/// The user's `ssh`.
pub(super) struct OpenSsh {
    program: PathBuf,
    /// The keys that it lists where nobody has named one: each release has others.
    defaults: OnceCell<Vec<String>>,
}

impl OpenSsh {
    /// None where there is none.
    pub(super) fn find(env: &Env) -> Option<Self> {
        env.path
            .as_deref()
            .and_then(|path| program::find("ssh", path))
            .map(|program| Self { program, defaults: OnceCell::new() })
    }

    /// What the config `file` says of `alias`. Of the user's own config, `own` is true: then the system's one counts too,
    /// as for `ssh`.
    ///
    /// Errors: `ssh` refuses the config, cannot be started, or is not done in time.
    pub(super) fn settings(
        &self,
        alias: &str,
        file: &Path,
        own: bool,
        env: &Env,
        deadline: Deadline,
    ) -> Result<HostSettings, Error> {
        // `ssh` finds the user's own config by the account's home folder, whatever `HOME` says.
        let named = (!own || env.home != home_of_user()).then_some(file);
        let output = self.ask(alias, named, deadline)?;
        if !output.status.success() {
            let first = output.stderr.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
            return Err(Error::SshConfigRefused { path: file.to_owned(), said: sanitize(first.trim()) });
        }
        let mut settings = parse(&output.stdout);
        leave_out(&mut settings, || self.defaults(deadline).to_owned());
        Ok(settings)
    }

    fn ask(&self, alias: &str, file: Option<&Path>, deadline: Deadline) -> Result<ProgramOutput, Error> {
        let mut command = program::command(&self.program);
        command.arg("-G");
        if let Some(file) = file {
            command.arg("-F").arg(file);
        }
        command.arg("--").arg(alias);
        log::debug!("asking `ssh -G` about `{alias}`");
        let output = program::run(command, "ssh -G", deadline.at_most(timeouts::OPENSSH));
        output.map_err(|error| match error {
            program::Error::Timeout(timeout) => Error::Timeout(timeout),
            program::Error::NotStarted(source) => Error::NotStarted { path: self.program.clone(), source },
        })
    }

    /// The keys that it lists where no config names one.
    fn defaults(&self, deadline: Deadline) -> &[String] {
        self.defaults.get_or_init(|| match self.ask("localhost", Some(Path::new("none")), deadline) {
            Ok(output) if output.status.success() => parse(&output.stdout).identity_files,
            _ => Vec::new(),
        })
    }
}

/// Reads a line `keyword value` each: the value is the rest of the line, without quotes.
fn parse(text: &str) -> HostSettings {
    let mut settings = HostSettings::default();
    for (keyword, value) in text.lines().filter_map(|line| line.split_once(' ')) {
        let values: Vec<String> = if keyword.ends_with("knownhostsfile") {
            value.split(' ').map(ToOwned::to_owned).collect()
        } else {
            vec![value.to_owned()]
        };
        settings.add(keyword, &values);
    }
    settings
}

/// Leaves out the keys that OpenSSH lists where no config names one, which are its `defaults`.
fn leave_out(settings: &mut HostSettings, defaults: impl FnOnce() -> Vec<String>) {
    let files = &settings.identity_files;
    let may_be = !files.is_empty() && files.iter().all(|file| file.starts_with(BEGINNING_OF_DEFAULTS));
    if may_be && *files == defaults() {
        settings.identity_files.clear();
    }
}

/// OpenSSH: pathnames.h, readconf.c `fill_default_options`.
const BEGINNING_OF_DEFAULTS: &str = "~/.ssh/id_";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_to_the_end_of_their_line() {
        let text = "host vm\nuser dev\nhostname 192.0.2.10\nport 22\nidentityfile ~/my keys/id\nidentityfile /k\n\
            proxycommand ssh -W \"%h:%p\" gate # x\nstricthostkeychecking true\nuserknownhostsfile /a /b\n";
        assert_eq!(
            parse(text),
            HostSettings {
                host_name: Some("192.0.2.10".into()),
                port: Some("22".into()),
                user: Some("dev".into()),
                identity_files: vec!["~/my keys/id".into(), "/k".into()],
                proxy_command: Some("ssh -W \"%h:%p\" gate # x".into()),
                strict_host_key_checking: Some("true".into()),
                user_known_hosts: vec!["/a".into(), "/b".into()],
                ..HostSettings::default()
            }
        );
    }

    /// As OpenSSH 10.5 has them; 9.2 has seven.
    const DEFAULTS: &str = "id_rsa id_ecdsa id_ecdsa_sk id_ed25519 id_ed25519_sk id_mldsa44_ed25519";

    #[test]
    fn its_default_keys_are_not_chosen_ones() {
        let listed = |names: &str| -> String {
            names.split(' ').map(|name| format!("identityfile ~/.ssh/{name}\n")).collect()
        };
        let chosen = |names: &str| {
            let mut settings = parse(&listed(names));
            leave_out(&mut settings, || parse(&listed(DEFAULTS)).identity_files);
            settings.identity_files.len()
        };
        assert_eq!(chosen(DEFAULTS), 0);
        for names in ["id_rsa", "id_work", "id_rsa id_ed25519", "id_mldsa44_ed25519 id_rsa", "key"] {
            assert_eq!(chosen(names), names.split(' ').count(), "{names}");
        }
    }

    #[test]
    fn it_is_not_asked_for_its_defaults_where_other_keys_are_named() {
        for text in ["identityfile ~/.ssh/id_rsa\nidentityfile /k\n", "port 1\n"] {
            leave_out(&mut parse(text), || panic!("it is asked"));
        }
    }
}
