//! Kubeconfigs of the guest that are the only sign of a service: where they lead. Pure.

use std::net::IpAddr;

use super::error::Error;
use crate::access::credentials::CredentialError;
use crate::access::kubeconfig::{CurrentContext, GuestContexts, ServerPlace, guest_contexts};
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
        /// How many more it has, with names that cannot be typed.
        unnameable: usize,
    },
    /// The name of the current one cannot be typed, and something in the file leads to the guest itself.
    Unnameable {
        /// Contexts of it that do, and can be named.
        of_guest: Vec<KubeContextName>,
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
    /// That of the context `chosen`, else of the current one. Of several files the first that leads to the guest itself, else
    /// the first that says more than nothing. None where there is no such file.
    pub(super) fn of(flavour: &Flavour, facts: &Facts, chosen: Option<&KubeContextName>) -> Option<Self> {
        let paths = flavour.access.files();
        let files =
            paths.iter().flat_map(|pattern| facts.files.iter().filter(|(path, _)| pattern.matches(path)));
        let mut leads: Vec<Self> = files
            .map(|(path, file)| Self {
                path: path.clone(),
                destination: Destination::of_file(file, facts, chosen),
            })
            .collect();
        let best = leads.iter().enumerate().min_by_key(|(_, lead)| lead.destination.rank())?.0;
        Some(leads.swap_remove(best))
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
            Destination::Unknown { wanted, known, unnameable } => Error::UnknownContext {
                service,
                machine: machine_name,
                path,
                context: wanted.to_string(),
                known: names(&known),
                unnameable,
            },
            Destination::Unnameable { of_guest } => {
                Error::ContextUnnameable { service, machine: machine_name, path, of_guest: names(&of_guest) }
            }
            Destination::Denied => Error::NotReadable { user: machine_user, machine: machine_name, path },
            Destination::Refused(source) => Error::Kubeconfig { path, machine: machine_name, source },
        })
    }
}

fn names(contexts: &[KubeContextName]) -> Vec<String> {
    contexts.iter().map(ToString::to_string).collect()
}

impl Destination {
    fn of_file(file: &FileFact, facts: &Facts, chosen: Option<&KubeContextName>) -> Self {
        let FileFact::Text { content, .. } = file else { return Self::Denied };
        match guest_contexts(content.bytes()) {
            Ok(contexts) => Self::of(contexts, facts, chosen),
            Err(error) => Self::Refused(error),
        }
    }

    /// How much it says: the less, the more.
    fn rank(&self) -> u8 {
        match self {
            Self::Guest { .. } => 0,
            Self::Nowhere { of_guest } if of_guest.is_empty() => 2,
            _ => 1,
        }
    }

    fn of(contexts: GuestContexts, facts: &Facts, chosen: Option<&KubeContextName>) -> Self {
        let GuestContexts { leads, current, unnameable } = contexts;
        let leads_to_guest = |place: &Option<ServerPlace>| {
            place.as_ref().is_some_and(|place| is_guest(&place.host, &facts.addresses))
        };
        let known = leads.iter().map(|lead| lead.name.clone()).collect();
        let of_guest = || {
            let own = leads.iter().filter(|lead| leads_to_guest(&lead.place));
            own.map(|lead| lead.name.clone()).collect()
        };
        let context = match (chosen, &current) {
            (Some(context), _) | (None, CurrentContext::Named(context)) => context,
            (None, CurrentContext::Missing) => return Self::Nowhere { of_guest: of_guest() },
            (None, CurrentContext::Unnameable { place }) => {
                let of_guest: Vec<KubeContextName> = of_guest();
                let says_something = leads_to_guest(place) || !of_guest.is_empty();
                return if says_something {
                    Self::Unnameable { of_guest }
                } else {
                    Self::Nowhere { of_guest }
                };
            }
        };
        match leads.iter().find(|lead| lead.name == *context) {
            None if chosen.is_some() => Self::Unknown { wanted: context.clone(), known, unnameable },
            // Where nothing else leads to the guest, the file speaks for nothing there.
            None => match of_guest() {
                known if known.is_empty() => Self::Nowhere { of_guest: known },
                known => Self::Unknown { wanted: context.clone(), known, unnameable },
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
    use std::collections::BTreeMap;

    use super::*;
    use crate::catalogue::{Access, Catalogue};

    /// A guest with these files, in each of which the first of the contexts is the current one.
    fn guest(files: &[(&str, &[(&str, &str)])]) -> (Facts, Flavour) {
        let text = |contexts: &[(&str, &str)]| {
            let lines = |line: &dyn Fn(&str, &str) -> String| {
                contexts.iter().map(|(name, server)| line(name, server)).collect::<String>()
            };
            format!(
                "clusters:\n{}contexts:\n{}current-context: {:?}\n",
                lines(&|name, server| format!("- {{name: {name:?}, cluster: {{server: {server:?}}}}}\n")),
                lines(&|name, _| format!("- {{name: {name:?}, context: {{cluster: {name:?}}}}}\n")),
                contexts[0].0
            )
        };
        let file =
            |contexts| FileFact::Text { content: text(contexts).into_bytes().into(), parts: BTreeMap::new() };
        let files = files.iter().map(|(path, contexts)| (path.parse().unwrap(), file(contexts))).collect();
        let catalogue = Catalogue::built_in().unwrap();
        let service = &catalogue.find("kubernetes").unwrap().service;
        let mut flavour = service.flavours.iter().find(|flavour| flavour.last_resort).unwrap().clone();
        let paths = ["~/.kube/config", "/root/.kube/config"].map(|path| path.parse().unwrap()).to_vec();
        if let Access::Kubeconfig { paths: known, .. } = &mut flavour.access {
            *known = paths;
        }
        (Facts { files, ..Facts::default() }, flavour)
    }

    const HERE: &str = "https://127.0.0.1:6443";
    const ELSEWHERE: &str = "https://api.example.com";

    #[test]
    fn of_several_files_the_one_counts_that_leads_to_the_guest() {
        for (first, second, expected) in [
            (("a", ELSEWHERE), ("b", HERE), "/root/.kube/config"),
            (("a", HERE), ("b", HERE), "~/.kube/config"),
            (("a", ELSEWHERE), ("b", ELSEWHERE), "~/.kube/config"),
        ] {
            let (facts, flavour) = guest(&[("~/.kube/config", &[first]), ("/root/.kube/config", &[second])]);
            let lead = KubeconfigLead::of(&flavour, &facts, None).unwrap();
            assert_eq!(lead.path.as_str(), expected, "{first:?} {second:?}");
        }
    }

    #[test]
    fn a_name_that_cannot_be_typed_is_not_called_absent() {
        let destination = |contexts: &[(&str, &str)], chosen: Option<&str>| {
            let (facts, flavour) = guest(&[("~/.kube/config", contexts)]);
            let chosen = chosen.map(|name| name.parse().unwrap());
            KubeconfigLead::of(&flavour, &facts, chosen.as_ref()).unwrap().destination
        };
        let odd = "-größe`";
        assert!(matches!(
            destination(&[(odd, HERE), ("b", HERE)], None),
            Destination::Unnameable { of_guest } if of_guest.len() == 1
        ));
        assert!(
            matches!(destination(&[(odd, HERE)], None), Destination::Unnameable { of_guest } if of_guest.is_empty())
        );
        // What leads elsewhere speaks for nothing here.
        assert!(matches!(destination(&[(odd, ELSEWHERE)], None), Destination::Nowhere { .. }));
        assert!(matches!(
            destination(&[("a", HERE), (odd, HERE)], Some("c")),
            Destination::Unknown { known, unnameable: 1, .. } if known.len() == 1
        ));
        assert!(matches!(destination(&[(odd, HERE), ("b", HERE)], Some("b")), Destination::Guest { .. }));
    }

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
