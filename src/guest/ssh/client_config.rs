//! A route → the config with which OpenSSH's `ssh` takes the very same way. Pure.

use std::path::Path;

use super::host_key;
use super::route::{AgentChoice, Hop, Route};

/// A path or a command that cannot stand in an ssh config.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` cannot be written into an ssh config")]
pub(crate) struct Unwritable(String);

/// What the last server of the route is called in the config.
pub(crate) const TARGET: &str = "machine";

/// The text of the config: every server of `route` with its keys, and only the host keys in `known_hosts`.
///
/// Errors: a path that an ssh config cannot carry.
pub(crate) fn client_config(route: &Route, known_hosts: &Path) -> Result<String, Unwritable> {
    let known_hosts = path(known_hosts)?;
    let mut text = String::new();
    for (index, hop) in route.jumps.iter().enumerate() {
        text += &host(hop, &format!("jump{index}"), &known_hosts)?;
        text += &way(route, index)?;
    }
    text += &host(&route.target, TARGET, &known_hosts)?;
    Ok(text + &way(route, route.jumps.len())?)
}

fn host(hop: &Hop, name: &str, known_hosts: &str) -> Result<String, Unwritable> {
    let mut lines = vec![
        format!("Host {name}"),
        format!("HostName {}", word(&hop.host.as_str().replace('%', "%%"))?),
        format!("Port {}", hop.port),
        format!("User {}", word(hop.user.as_str())?),
        format!("HostKeyAlias {}", word(&host_key::name(hop))?),
        format!("UserKnownHostsFile {known_hosts}"),
        "GlobalKnownHostsFile /dev/null".to_owned(),
        "StrictHostKeyChecking yes".to_owned(),
        "UpdateHostKeys no".to_owned(),
        "LogLevel ERROR".to_owned(),
    ];
    for identity in hop.identities.iter().chain(&hop.default_identities) {
        lines.push(format!("IdentityFile {}", path(identity)?));
    }
    for certificate in &hop.certificates {
        lines.push(format!("CertificateFile {}", path(certificate)?));
    }
    if hop.identities_only {
        lines.push("IdentitiesOnly yes".to_owned());
    }
    match &hop.agent {
        AgentChoice::Environment => {}
        AgentChoice::None => lines.push("IdentityAgent none".to_owned()),
        AgentChoice::Socket(socket) => lines.push(format!("IdentityAgent {}", path(socket)?)),
    }
    Ok(lines.join("\n  ") + "\n")
}

/// How the server with this `index` is reached: through the one before, or by the command for the first one.
fn way(route: &Route, index: usize) -> Result<String, Unwritable> {
    match (index.checked_sub(1), &route.proxy_command) {
        (Some(before), _) => Ok(format!("  ProxyJump jump{before}\n")),
        // It is a line for the shell, to its end.
        (None, Some(command)) if !command.contains(char::is_control) => {
            Ok(format!("  ProxyCommand {}\n", command.replace('%', "%%")))
        }
        (None, Some(command)) => Err(Unwritable(command.clone())),
        (None, None) => Ok("  ProxyCommand none\n".to_owned()),
    }
}

/// A path as one word, in which tokens and variables mean nothing.
fn path(path: &Path) -> Result<String, Unwritable> {
    let text = path.to_string_lossy();
    if text.contains("${") {
        return Err(Unwritable(text.into_owned()));
    }
    word(&text.replace('%', "%%"))
}

/// One word in quotes, in which a backslash is one unless something follows that it could escape (OpenSSH: misc.c, `argv_split`).
fn word(text: &str) -> Result<String, Unwritable> {
    let is_escape = |at: usize| text[at + 1..].chars().next().is_none_or(|c| matches!(c, '\\' | '\''));
    let has_escape = text.match_indices('\\').any(|(at, _)| is_escape(at));
    if has_escape || text.contains(|c: char| c.is_control() || c == '"') {
        return Err(Unwritable(text.to_owned()));
    }
    Ok(format!("\"{text}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(host: &str) -> Hop {
        Hop {
            identities: vec!["/home/dev/a key".into()],
            identities_only: true,
            ..Hop::new("dev".parse().unwrap(), host.parse().unwrap(), 2222)
        }
    }

    fn route(jumps: Vec<Hop>, proxy_command: Option<&str>) -> Route {
        Route { target: hop("vm"), jumps, proxy_command: proxy_command.map(ToOwned::to_owned) }
    }

    #[test]
    fn the_way_is_the_same() {
        let text =
            client_config(&route(vec![hop("gate")], Some("nc 100% x")), Path::new("/state/known_hosts"))
                .unwrap();
        let (gate, target) = text.split_once("Host machine\n").unwrap();
        assert!(gate.starts_with("Host jump0\n  HostName \"gate\"\n  Port 2222\n  User \"dev\"\n"), "{gate}");
        assert!(gate.ends_with("  ProxyCommand nc 100%% x\n"), "{gate}");
        assert!(target.contains("HostKeyAlias \"[vm]:2222\"\n"), "{target}");
        assert!(target.contains("IdentityFile \"/home/dev/a key\"\n"), "{target}");
        assert!(target.contains("StrictHostKeyChecking yes\n"), "{target}");
        assert!(target.ends_with("  ProxyJump jump0\n"), "{target}");
        let direct = client_config(&route(Vec::new(), None), Path::new("/k")).unwrap();
        assert!(direct.ends_with("  ProxyCommand none\n"), "{direct}");
    }

    #[test]
    fn users_and_hosts_are_those_that_log_in() {
        let target = Hop::new("CORP\\a".parse().unwrap(), "fe80::1%eth0".parse().unwrap(), 22);
        let text = client_config(&Route { target, ..route(Vec::new(), None) }, Path::new("/k")).unwrap();
        for line in
            ["User \"CORP\\a\"\n", "HostName \"fe80::1%%eth0\"\n", "HostKeyAlias \"[fe80::1%eth0]:22\"\n"]
        {
            assert!(text.contains(line), "{text}");
        }
        let target = Hop::new("CORP\\\\a".parse().unwrap(), "vm".parse().unwrap(), 22);
        assert!(client_config(&Route { target, ..route(Vec::new(), None) }, Path::new("/k")).is_err());
    }

    #[test]
    fn what_would_be_another_line_or_word_is_refused() {
        for odd in ["/a\nProxyCommand id", "/a\"b", "/a\\\\b", "/a\\'b", "/a\\", "/${HOME}/k"] {
            let target = Hop { identities: vec![odd.into()], ..hop("vm") };
            let route = Route { target, jumps: Vec::new(), proxy_command: None };
            assert!(client_config(&route, Path::new("/k")).is_err(), "{odd}");
            assert!(client_config(&self::route(Vec::new(), None), Path::new(odd)).is_err(), "{odd}");
        }
        assert!(client_config(&route(Vec::new(), Some("a\nb")), Path::new("/k")).is_err());
    }
}
