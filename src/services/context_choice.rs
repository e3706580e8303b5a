//! Which context of a kubeconfig in the guest is meant, where that has several.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::base::types::{Invalid, KubeContextName, ServiceName};

/// What the user has said about contexts, now and before.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChosenContexts {
    pub(crate) typed: Option<ContextChoice>,
    /// What was chosen before, by service.
    pub(crate) remembered: BTreeMap<ServiceName, KubeContextName>,
}

/// A choice as it is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ContextChoice {
    /// This one.
    Named(KubeContextName),
    /// The one that is current in the guest.
    Current,
}

impl ChosenContexts {
    /// The context that is chosen for `service`; none for the one that is current in the guest.
    pub(super) fn of(&self, service: &ServiceName) -> Option<&KubeContextName> {
        match &self.typed {
            Some(ContextChoice::Named(name)) => Some(name),
            Some(ContextChoice::Current) => None,
            None => self.remembered.get(service),
        }
    }
}

impl FromStr for ContextChoice {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text == NONE { Ok(Self::Current) } else { KubeContextName::parse(text).map(Self::Named) }
    }
}

/// As `machines use` has it.
const NONE: &str = "-";
