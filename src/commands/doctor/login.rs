//! What can be found out about a login that failed, besides what its error says.

use super::examination::Examination;
use super::finding::ChainStep;
use crate::base::files;
use crate::base::text::sh_path;
use crate::error::Error;
use crate::guest::ssh::{AgentChoice, Greeting, Hop, KeyCondition, KeyReport, greeting, key_reports};
use crate::machine::Machine;

/// Adds what explains `error`, with which the login to `machine` has ended.
pub(super) fn look_closer(error: &Error, machine: &Machine, examination: &mut Examination) {
    let route = machine.route();
    match ChainStep::of(error) {
        ChainStep::Connection if route.proxy_command.is_none() => {
            let first = route.jumps.first().unwrap_or(&route.target);
            connection(first, examination);
        }
        ChainStep::Login => {
            keys(&route.target, examination);
            methods(error, &route.target, examination);
        }
        ChainStep::HostKey => known_hosts(machine, examination),
        _ => {}
    }
}

fn connection(hop: &Hop, examination: &mut Examination) {
    let place = hop.place();
    let text = match greeting(hop, examination.context.deadline) {
        Greeting::UnknownName => format!("no name server knows `{}`", hop.host),
        Greeting::NoAnswer => {
            format!("nothing comes back from {place}: it is down, or a firewall drops what is sent there")
        }
        Greeting::Refused => format!("the host is there, and nobody listens at {place}"),
        Greeting::NoRoute(reason) => format!("{place} cannot be reached: {reason}"),
        Greeting::Silent => format!(
            "somebody listens at {place} and says nothing, as a forwarded port does whose machine is down or has no SSH server yet"
        ),
        Greeting::Other(words) => format!("who listens at {place} is no SSH server; it says: {words}"),
        Greeting::Ssh => format!("an SSH server listens at {place}"),
    };
    examination.note(ChainStep::Connection, &text, None);
}

fn keys(hop: &Hop, examination: &mut Examination) {
    let reports = key_reports(hop);
    if reports.is_empty() {
        examination.note(
            ChainStep::Login,
            "no key's file is named, and none of the usual ones is there",
            None,
        );
    }
    for report in &reports {
        key(report, examination);
    }
    let agent = match (&hop.agent, hop.identities_only) {
        (_, true) => "the agent is not asked for others: `IdentitiesOnly`".to_owned(),
        (AgentChoice::None, _) => "no agent is asked: `IdentityAgent none`".to_owned(),
        (AgentChoice::Socket(path), _) => format!("the agent at `{}` is asked", path.display()),
        (AgentChoice::Environment, _) => match examination.context.env.variable("SSH_AUTH_SOCK") {
            Some(path) if std::path::Path::new(path).exists() => {
                "the agent of SSH_AUTH_SOCK is asked".to_owned()
            }
            Some(_) => "SSH_AUTH_SOCK names a socket that is not there".to_owned(),
            None => "there is no agent: SSH_AUTH_SOCK is not set".to_owned(),
        },
    };
    examination.note(ChainStep::Login, &agent, None);
}

fn key(KeyReport { path, fingerprint, condition }: &KeyReport, examination: &mut Examination) {
    let shown = fingerprint.as_ref().map(|fingerprint| format!(" ({fingerprint})")).unwrap_or_default();
    let path_text = path.display();
    let (what, hint) = match condition {
        KeyCondition::Good => ("was offered", None),
        KeyCondition::Missing => ("is not there", None),
        KeyCondition::Shared => ("can be read by others", Some(format!("`chmod 600 {}`", sh_path(path)))),
        KeyCondition::Locked => {
            ("is protected by a passphrase", Some(format!("`ssh-add {}`", sh_path(path))))
        }
    };
    examination.note(ChainStep::Login, &format!("the key `{path_text}`{shown} {what}"), hint.as_deref());
}

fn login_methods(error: &Error) -> Option<&[String]> {
    let Error::Services(error) = error else { return None };
    error.login_methods()
}

/// How the server would let the user in.
fn methods(error: &Error, hop: &Hop, examination: &mut Examination) {
    let Some(methods) = login_methods(error).filter(|methods| !methods.is_empty()) else { return };
    let (place, user, list) = (hop.place(), &hop.user, methods.join(", "));
    let text = format!("{place} offers `{user}` these ways to log in: {list}");
    let takes_keys = methods.iter().any(|method| method == "publickey");
    let hint = "let sshd in the machine accept keys: `PubkeyAuthentication yes`";
    examination.note(ChainStep::Login, &text, (!takes_keys).then_some(hint));
}

/// Where the keys stand that were known.
fn known_hosts(machine: &Machine, examination: &mut Examination) {
    let path = machine.files.known_hosts();
    let text = files::read_text(&path, LONGEST_KNOWN_HOSTS).ok().flatten().unwrap_or_default();
    for (number, line) in text.lines().enumerate() {
        let name = line.split(' ').next().unwrap_or_default();
        let text =
            format!("the key that was learnt of {name} stands in `{}`, line {}", path.display(), number + 1);
        examination.note(ChainStep::HostKey, &text, None);
    }
}

const LONGEST_KNOWN_HOSTS: u64 = 64 << 10;
