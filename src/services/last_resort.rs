//! Kubeconfigs of the guest that are the only sign of a service: where they lead. Pure.

use std::net::IpAddr;

use super::error::Error;
use crate::access::credentials::CredentialError;
use crate::access::kubeconfig::{GuestContexts, ServerPlace, guest_contexts};
use crate::base::types::{GuestPath, HostName, KubeContextName};
use crate::catalogue::{Flavour, Service};
use crate::guest::probe::{Facts, FileFact};
use crate::machine::Machine;

/// Where the kubeconfig leads that is the only sign of a flavour.
#[derive(Debug)]
pub(super) struct KubeconfigLead {
    pub(super) path: GuestPath,
    pub(super) destination: Destination,
}

/// Where a kubeconfig leads.
#[derive(Debug)]
pub(super) enum Destination {
    /// To the guest itself.
    Guest {
        context: KubeContextName,
        /// All contexts of it that do.
        of_guest: Vec<KubeContextName>,
    },
    /// Not to the guest itself.
    Elsewhere {
        context: KubeContextName,
        place: Option<ServerPlace>,
        /// Contexts of it that do.
        of_guest: Vec<KubeContextName>,
    },
    /// It has no context of the wanted name, or of that which it calls the current one.
    Unknown {
        wanted: KubeContextName,
        known: Vec<KubeContextName>,
    },
    /// It has no context that counts.
    Nowhere {
        /// Contexts of it that lead to the guest itself.
        of_guest: Vec<KubeContextName>,
    },
    /// It cannot be read.
    Denied,
    Refused(CredentialError),
}

impl KubeconfigLead {
    /// That of the context `chosen`, else of the current one. None where there is no such file.
    pub(super) fn of(flavour: &Flavour, facts: &Facts, chosen: Option<&KubeContextName>) -> Option<Self> {
        let paths = flavour.access.files();
        let path = paths
            .iter()
            .find_map(|pattern| facts.files.keys().find(|path| pattern.matches(path)).cloned())?;
        let destination = match facts.files.get(&path)? {
            FileFact::Text { content, .. } => match guest_contexts(content.bytes()) {
                Ok(contexts) => Destination::of(contexts, facts, chosen),
                Err(error) => Destination::Refused(error),
            },
            _ => Destination::Denied,
        };
        Some(Self { path, destination })
    }

    /// Why `service` cannot be used this way, unless it can, or nothing speaks for it.
    pub(super) fn refusal(self, service: &Service, machine: &Machine) -> Option<Error> {
        let (path, machine_name) = (self.path.to_string(), machine.name.to_string());
        let (service, machine_user) = (service.name.to_string(), machine.route().target.user.to_string());
        Some(match self.destination {
            Destination::Guest { .. } => return None,
            Destination::Nowhere { of_guest } if of_guest.is_empty() => return None,
            Destination::Nowhere { of_guest } => {
                Error::NoContext { service, machine: machine_name, path, of_guest: names(&of_guest) }
            }
            Destination::Elsewhere { context, place, of_guest } => Error::LeadsElsewhere {
                service,
                machine: machine_name,
                path,
                context: context.to_string(),
                place: place.map(|place| place.to_string()),
                of_guest: names(&of_guest),
            },
            Destination::Unknown { wanted, known } => Error::UnknownContext {
                service,
                machine: machine_name,
                path,
                context: wanted.to_string(),
                known: names(&known),
            },
            Destination::Denied => Error::NotReadable { user: machine_user, machine: machine_name, path },
            Destination::Refused(source) => Error::Kubeconfig { path, machine: machine_name, source },
        })
    }
}

fn names(contexts: &[KubeContextName]) -> Vec<String> {
    contexts.iter().map(ToString::to_string).collect()
}

impl Destination {
    fn of(contexts: GuestContexts, facts: &Facts, chosen: Option<&KubeContextName>) -> Self {
        let GuestContexts { leads, current } = contexts;
        let leads_to_guest = |place: &Option<ServerPlace>| {
            place.as_ref().is_some_and(|place| is_guest(&place.host, &facts.addresses))
        };
        let known = leads.iter().map(|lead| lead.name.clone()).collect();
        let of_guest = || {
            let own = leads.iter().filter(|lead| leads_to_guest(&lead.place));
            own.map(|lead| lead.name.clone()).collect()
        };
        let Some(context) = chosen.or(current.as_ref()) else {
            return Self::Nowhere { of_guest: of_guest() };
        };
        match leads.iter().find(|lead| lead.name == *context) {
            None if chosen.is_some() => Self::Unknown { wanted: context.clone(), known },
            // Where nothing else leads to the guest, the file speaks for nothing there.
            None => match of_guest() {
                known if known.is_empty() => Self::Nowhere { of_guest: known },
                known => Self::Unknown { wanted: context.clone(), known },
            },
            Some(lead) if leads_to_guest(&lead.place) => {
                Self::Guest { context: lead.name.clone(), of_guest: of_guest() }
            }
            Some(lead) => Self::Elsewhere {
                context: lead.name.clone(),
                place: lead.place.clone(),
                of_guest: of_guest(),
            },
        }
    }
}

/// True when `host` is the guest itself, seen from there. A server that listens everywhere is written down with the address
/// that means that.
fn is_guest(host: &HostName, addresses: &[IpAddr]) -> bool {
    match host.as_str().parse::<IpAddr>() {
        Ok(address) => address.is_loopback() || address.is_unspecified() || addresses.contains(&address),
        Err(_) => host.as_str().trim_end_matches('.').eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guest_is_known_by_its_addresses() {
        let addresses: Vec<IpAddr> = vec!["192.0.2.7".parse().unwrap(), "2001:db8::7".parse().unwrap()];
        for (host, expected) in [
            ("127.0.0.1", true),
            ("127.0.0.53", true),
            ("0.0.0.0", true),
            ("::1", true),
            ("::", true),
            ("localhost", true),
            ("LocalHost.", true),
            ("192.0.2.7", true),
            ("2001:db8:0:0::7", true),
            ("192.0.2.8", false),
            ("172.18.0.2", false),
            ("localhost.example", false),
            ("api.example.com", false),
        ] {
            assert_eq!(is_guest(&host.parse().unwrap(), &addresses), expected, "{host}");
        }
    }
}
