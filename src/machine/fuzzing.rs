//! See [`crate::fuzzing`].

#![allow(clippy::missing_panics_doc, reason = "panicking is how they say what they found")]

use super::address::{Address, parse_port};
use super::ssh_config::{HostSettings, SshConfig};
use crate::base::fuzzing::assert_plain;
use crate::base::types::{SshHost, SshUser};

/// An ssh config: its values come from lines of their keywords, whatever else the file holds changes nothing, and
/// those of them that are accepted are plain.
pub fn ssh_config(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let config = SshConfig::parse(&text);
    let again = SshConfig::parse(&text);
    assert_eq!(config.aliases(), again.aliases());
    let commands = SshConfig::parse(&format!(
        "KnownHostsCommand id\nLocalCommand id\n{text}\nMatch exec id\nHostName evil\nUser evil\n\
         Port 1\nIdentityFile evil\nIdentitiesOnly yes\nProxyJump evil\nProxyCommand id\n"
    ));
    assert_eq!(config.aliases(), commands.aliases());
    for alias in config.aliases().into_iter().take(MOST_ALIASES).chain(["default"]) {
        let settings = config.settings(alias);
        assert_eq!(settings, again.settings(alias));
        assert_eq!(settings, commands.settings(alias));
        for (keyword, value) in said(&settings) {
            assert!(text.lines().any(|line| is_said(line, keyword, value)), "{keyword} {value:?}");
        }
        assert_accepted(&settings);
    }
}

fn said(settings: &HostSettings) -> Vec<(&'static str, &str)> {
    let options = [
        ("hostname", &settings.host_name),
        ("port", &settings.port),
        ("user", &settings.user),
        ("identitiesonly", &settings.identities_only),
        ("identityagent", &settings.identity_agent),
        ("proxyjump", &settings.proxy_jump),
        ("proxycommand", &settings.proxy_command),
        ("stricthostkeychecking", &settings.strict_host_key_checking),
        ("hostkeyalias", &settings.host_key_alias),
    ];
    let files = settings.identity_files.iter().map(|file| ("identityfile", file.as_str()));
    let certificates = settings.certificate_files.iter().map(|file| ("certificatefile", file.as_str()));
    options
        .into_iter()
        .filter_map(|(keyword, value)| Some((keyword, value.as_deref()?)))
        .chain(files)
        .chain(certificates)
        .collect()
}

fn is_said(line: &str, keyword: &str, value: &str) -> bool {
    let line = line.trim();
    let after = line.get(keyword.len()..);
    line.get(..keyword.len()).is_some_and(|word| word.eq_ignore_ascii_case(keyword))
        && after.is_some_and(|rest| {
            rest.starts_with(|c: char| c == '=' || c.is_whitespace()) && rest.contains(value)
        })
}

/// What becomes a route is plain.
fn assert_accepted(settings: &HostSettings) {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    if let Ok(host) = SshHost::parse(&text(&settings.host_name)) {
        assert_plain(host.as_str());
    }
    if let Ok(user) = SshUser::parse(&text(&settings.user)) {
        assert_plain(user.as_str());
        assert!(!user.as_str().starts_with('-'));
    }
    if let Ok(port) = parse_port(&text(&settings.port)) {
        assert_ne!(port, 0);
    }
    if let Ok(Address { user, host, port }) = text(&settings.proxy_jump).parse::<Address>() {
        assert_plain(host.as_str());
        assert!(!host.as_str().starts_with('-'));
        let user = user.map(|user| format!("{user}@")).unwrap_or_default();
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let same = Address { user: None, host: host.clone(), port: None };
        assert_eq!(host.as_str().parse().as_ref(), Ok(&same));
        assert!(format!("{user}[{host}]{port}").parse::<Address>().is_ok());
    }
}

/// Each of them is looked up in the whole file.
const MOST_ALIASES: usize = 20;
