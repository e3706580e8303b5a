//! Services are data: these types are the form of `services/*.yaml`. Rust knows only the mechanisms they name.

mod catalogue;

use serde::Deserialize;

pub use catalogue::Catalogue;

use crate::grammar::{GuestPath, ServiceName, UnitName, VariableName};

/// One service: how it comes, and what the host's programs need to use it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The name that users type.
    pub name: ServiceName,
    /// The name in sentences.
    pub title: String,
    /// The lines above the exports.
    pub comment: String,
    /// The variables to export, in this order.
    pub exports: Vec<ExportTemplate>,
    /// The ways it comes, the more specific ones first.
    pub flavours: Vec<Flavour>,
}

/// A variable to export.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportTemplate {
    /// Its name.
    pub name: VariableName,
    /// Its value; `{kubeconfig}` stands for the path of the kubeconfig on the host.
    pub value: String,
}

/// A way a service comes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flavour {
    /// Its name.
    pub name: ServiceName,
    /// What is there when this flavour is.
    pub signs: Signs,
    /// The systemd units that must be active for the service to run.
    pub units: Vec<UnitName>,
    /// The admin's kubeconfig.
    pub kubeconfig: Kubeconfig,
    /// What the user can do about a failure.
    pub remedies: Remedies,
}

/// What must be there, all of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signs {
    /// Files that exist.
    #[serde(default)]
    pub files: Vec<GuestPath>,
    /// Units that systemd knows.
    #[serde(default)]
    pub units: Vec<UnitName>,
}

/// A kubeconfig in the guest.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kubeconfig {
    /// Where it is.
    pub path: GuestPath,
    /// Only root can read it.
    #[serde(default)]
    pub root: bool,
}

/// Hints; `{address}` stands for the address that the host uses.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remedies {
    /// How to add an address to the server's certificate.
    pub names: String,
    /// How to renew certificates.
    pub expired: String,
}
