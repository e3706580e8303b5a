//! OpenSSH's own answer to how it would reach a host (`ssh -G`): the reader that everybody's config was written for. It
//! resolves `Include`, `Match` and canonical names, and leaves `~` and tokens in paths as they stand.

use std::path::{Path, PathBuf};

use super::error::Error;
use super::ssh_config::HostSettings;
use crate::base::deadline::Deadline;
use crate::base::env::Env;
use crate::base::platform::home_of_user;
use crate::base::program;
use crate::base::text::sanitize;
use crate::base::timeouts;

/// The user's `ssh`.
pub(super) struct OpenSsh {
    program: PathBuf,
}

impl OpenSsh {
    /// None where there is none.
    pub(super) fn find(env: &Env) -> Option<Self> {
        env.path.as_deref().and_then(|path| program::find("ssh", path)).map(|program| Self { program })
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
        let mut command = program::command(&self.program);
        command.arg("-G");
        // `ssh` finds the user's own config by the account's home folder, whatever `HOME` says.
        if !own || env.home != home_of_user() {
            command.arg("-F").arg(file);
        }
        command.arg("--").arg(alias);
        log::debug!("asking `ssh -G` about `{alias}`");
        let output = program::run(command, "ssh -G", deadline.at_most(timeouts::OPENSSH));
        let output = output.map_err(|error| match error {
            program::Error::Timeout(timeout) => Error::Timeout(timeout),
            program::Error::NotStarted(source) => Error::NotStarted { path: self.program.clone(), source },
        })?;
        if !output.status.success() {
            let first = output.stderr.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
            return Err(Error::SshConfigRefused { path: file.to_owned(), said: sanitize(first.trim()) });
        }
        Ok(parse(&output.stdout))
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
    if settings.identity_files.len() == DEFAULTS.len()
        && settings.identity_files.iter().all(|file| is_default(file))
    {
        // It lists its own default keys where the config names none.
        settings.identity_files.clear();
    }
    settings
}

fn is_default(file: &str) -> bool {
    file.strip_prefix("~/.ssh/").is_some_and(|name| DEFAULTS.contains(&name))
}

/// OpenSSH: pathnames.h, readconf.c `fill_default_options`.
const DEFAULTS: [&str; 7] =
    ["id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk", "id_xmss", "id_dsa"];

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

    #[test]
    fn its_default_keys_are_not_chosen_ones() {
        let listed: String = DEFAULTS.iter().map(|name| format!("identityfile ~/.ssh/{name}\n")).collect();
        assert!(parse(&listed).identity_files.is_empty());
        assert_eq!(parse("identityfile ~/.ssh/id_rsa\n").identity_files.len(), 1);
    }
}
