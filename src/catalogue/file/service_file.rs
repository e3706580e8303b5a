//! A service file as it is written: a new service, or what is different about a known one.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::base::types::{ServiceName, VariableName};
use crate::catalogue::client::Client;
use crate::catalogue::installation::InstallMethod;
use crate::catalogue::types::{ExportTemplate, Flavour, Service};

/// A service: how it comes, and what the host's programs need to use it.
///
/// With the name of a service that is known already everything else may be left out: what is given replaces what
/// was known, and the flavours stand before those that were.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(title = "A service of service-manager")]
#[serde(deny_unknown_fields)]
pub(crate) struct ServiceFile {
    /// The name that users type.
    pub(crate) name: ServiceName,
    /// The name in sentences.
    title: Option<String>,
    /// The lines above the exports.
    comment: Option<String>,
    /// It counts only where it is named: without a name, commands mean the others.
    only_by_name: Option<bool>,
    /// The variables to export, in this order.
    #[schemars(length(min = 1))]
    exports: Option<Vec<ExportTemplate>>,
    /// Other variables that its clients would heed instead of those: `exec` takes them away, `doctor` names them.
    overrides: Option<Vec<VariableName>>,
    /// The ways it comes, the more specific ones first. One with the name of a known flavour replaces it.
    #[schemars(length(min = 1))]
    flavours: Option<Vec<Flavour>>,
    /// Services that are this one too. Where it has no flavour of its own in the machine, theirs count, with this one's exports.
    provided_by: Option<Vec<ServiceName>>,
    /// The ways to install it where it is not, the more specific ones first. One with the name of a known way replaces it.
    #[schemars(length(min = 1))]
    install: Option<Vec<InstallMethod>>,
    /// The program that uses it from the host. A service with a client may do without exports and flavours.
    #[serde(default)]
    #[schemars(with = "Client")]
    client: Option<Client>,
}

impl ServiceFile {
    /// The service that is meant, which adds to `known` or is new.
    pub(crate) fn merge_into(self, known: Option<&Service>) -> Service {
        let known = known.cloned().unwrap_or_else(|| Service {
            name: self.name.clone(),
            title: String::new(),
            comment: String::new(),
            only_by_name: false,
            exports: Vec::new(),
            overrides: Vec::new(),
            flavours: Vec::new(),
            provided_by: Vec::new(),
            provided: Vec::new(),
            install: Vec::new(),
            client: None,
        });
        let mut flavours = self.flavours.unwrap_or_default();
        let is_replaced = |old: &Flavour| flavours.iter().any(|new| new.name == old.name);
        let kept: Vec<Flavour> = known.flavours.into_iter().filter(|old| !is_replaced(old)).collect();
        flavours.extend(kept);
        let mut install = self.install.unwrap_or_default();
        let is_replaced = |old: &InstallMethod| install.iter().any(|new| new.name == old.name);
        let kept: Vec<InstallMethod> = known.install.into_iter().filter(|old| !is_replaced(old)).collect();
        install.extend(kept);
        Service {
            name: known.name,
            title: self.title.unwrap_or(known.title),
            comment: self.comment.unwrap_or(known.comment),
            only_by_name: self.only_by_name.unwrap_or(known.only_by_name),
            exports: self.exports.unwrap_or(known.exports),
            overrides: self.overrides.unwrap_or(known.overrides),
            flavours,
            provided_by: self.provided_by.unwrap_or(known.provided_by),
            provided: Vec::new(),
            install,
            client: self.client.or(known.client),
        }
    }
}
