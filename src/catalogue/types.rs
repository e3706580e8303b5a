//! Services are data: these types are the form of `services/*.yaml`. Rust knows only the mechanisms they name.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_yaml::with::{singleton_map, singleton_map_recursive};

use super::client::Client;
use super::installation::InstallMethod;
use super::template::Template;
use crate::base::types::{
    ApiPath, ContainerPattern, GuestPath, GuestPattern, JsonPointer, KubeContextPattern, Port, ServiceName,
    UnitName, ValueName, VariableName, VariantId,
};

/// One service: how it comes, and what the host's programs need to use it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Service {
    /// The name that users type.
    pub name: ServiceName,
    /// The name in sentences.
    pub title: String,
    /// The lines above the exports.
    #[serde(default)]
    pub comment: String,
    /// It counts only where it is named: without a name, commands mean the others.
    #[serde(default)]
    pub only_by_name: bool,
    /// The variables to export, in this order.
    #[serde(default)]
    pub exports: Vec<ExportTemplate>,
    /// Other variables that its clients would heed instead of those: `exec` takes them away, `doctor` names them.
    #[serde(default)]
    pub overrides: Vec<VariableName>,
    /// The ways it comes, the more specific ones first. Without any it is nothing in the guest, only a client.
    #[serde(default)]
    pub flavours: Vec<Flavour>,
    /// Services that are this one too. Where it has no flavour of its own in the machine, theirs count, with this one's exports.
    #[serde(default)]
    pub provided_by: Vec<ServiceName>,
    /// The flavours of those services, as the catalogue has them.
    #[serde(skip)]
    pub provided: Vec<ProvidedFlavour>,
    /// The ways to install it where it is not, the more specific ones first.
    #[serde(default)]
    pub install: Vec<InstallMethod>,
    /// The program that uses it from the host.
    pub client: Option<Client>,
}

/// A flavour of another service that counts for this one.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ProvidedFlavour {
    /// The other service.
    pub by: ServiceName,
    /// The flavour, with those of its values that this service exports: the others are about the other service.
    pub flavour: Flavour,
}

/// A variable to export. It is left out when a placeholder in its value has none.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportTemplate {
    /// Its name.
    pub name: VariableName,
    /// Its value.
    pub value: Template,
    /// What to tell the user when it is left out.
    #[serde(default)]
    pub missing: Option<String>,
    /// `--script-readable` puts it between single quotes.
    #[serde(default)]
    pub quoted: bool,
    /// It is a list of paths with `:` between them: with several machines it has those of all.
    #[serde(default)]
    pub list: bool,
    /// Where it is left out, the shell must not have it from before either.
    #[serde(default)]
    pub clear: bool,
}

/// A way a service comes.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Flavour {
    /// Its name.
    pub name: ServiceName,
    /// What is there when this flavour is.
    #[serde(rename = "signs")]
    pub detect: Detect,
    /// The systemd units that must be active for the service to run. With neither units nor sockets the
    /// service itself is asked whether it runs.
    #[serde(default)]
    pub units: Vec<UnitName>,
    /// The sockets that exist while the service runs, where systemd's own instance does not manage it.
    #[serde(default)]
    pub sockets: Vec<GuestPath>,
    /// Its control plane is pods that go on when the units are down, so that the service itself is asked then.
    #[serde(default)]
    pub static_pods: bool,
    /// Its kubeconfig is its only sign. It counts where nothing else of the service is in the machine, and where that kubeconfig
    /// leads to the machine itself.
    #[serde(default)]
    pub last_resort: bool,
    /// How it is started and stopped.
    #[serde(default, with = "singleton_map")]
    #[schemars(with = "Control")]
    pub control: Control,
    /// How the host gets in.
    #[serde(with = "singleton_map")]
    #[schemars(with = "Access")]
    pub access: Access,
    /// What placeholders stand for, besides those of the mechanism.
    #[serde(default, with = "singleton_map_recursive")]
    #[schemars(with = "BTreeMap<ValueName, Source>")]
    pub values: BTreeMap<ValueName, Source>,
    /// What the user can do about a failure.
    #[serde(default, rename = "remedies")]
    pub hints: Hints,
}

/// What must be there, all of it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Detect {
    /// Files or folders that exist.
    #[serde(default)]
    pub files: Vec<GuestPath>,
    /// Units that systemd knows.
    #[serde(default)]
    pub units: Vec<UnitName>,
    /// `VARIANT_ID` of `/etc/os-release` is one of these, if there are any.
    #[serde(default)]
    pub variants: Vec<VariantId>,
    /// The context that is used of its kubeconfig is called so; for a flavour of last resort. `{cluster}` in its remedies is what `*`
    /// stands for.
    #[serde(default)]
    #[schemars(with = "KubeContextPattern")]
    pub context: Option<KubeContextPattern>,
    /// A container with an image registry in it is called so. `{container}` in the remedies is its name.
    #[serde(default)]
    #[schemars(with = "ContainerPattern")]
    pub container: Option<ContainerPattern>,
}

/// The mechanisms by which a service is started and stopped.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Control {
    /// systemd, by root: the flavour's units in their order. A flavour without units cannot be started.
    System {
        /// The socket on which a container engine answers, where nothing else tells that it is ready.
        #[serde(default)]
        #[schemars(with = "GuestPath")]
        ping: Option<GuestPath>,
        /// The first of its units is a Docker daemon, which on request is made to talk TLS.
        #[serde(default)]
        tls: bool,
    },
    /// The login user's own systemd.
    User {
        /// The units to start, in this order.
        #[schemars(length(min = 1))]
        units: Vec<UnitName>,
        /// The socket on which a container engine answers, where nothing else tells that it is ready.
        #[serde(default)]
        #[schemars(with = "GuestPath")]
        ping: Option<GuestPath>,
    },
    /// `sccli` of the Atomic Developer Bundle and the Container Development Kit.
    Sccli {
        /// Its name for the service.
        service: ServiceName,
        /// The services that it stops when it starts this one.
        #[serde(default)]
        stops: Vec<ServiceName>,
    },
}

/// The mechanisms by which the host gets in.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Access {
    /// A kubeconfig in the guest.
    Kubeconfig {
        /// Where it is; of several the first that works is used.
        #[schemars(length(min = 1))]
        paths: Vec<GuestPattern>,
        /// Only root can read it.
        #[serde(default)]
        root: bool,
    },
    /// The token of the service account `default`, for clusters without any kubeconfig.
    ServiceAccount {
        /// The server's certificate, which vouches for itself.
        authority: GuestPath,
        /// The server's port.
        port: Port,
    },
    /// Docker's client certificate: `ca.pem`, `cert.pem` and `key.pem` in one folder.
    Docker {
        /// The folder.
        folder: GuestPath,
        /// The port on which the daemon talks TLS.
        port: Port,
        /// Old clients need to be told the API's version.
        #[serde(default)]
        api_version: bool,
        /// The folder of the daemon's own `ca.pem`, `server-cert.pem` and `server-key.pem`, where it makes all keys
        /// itself when it starts without that `ca.pem`. `start` replaces those that cannot be used.
        #[serde(default)]
        #[schemars(with = "GuestPath")]
        daemon: Option<GuestPath>,
    },
    /// An image registry. Where its settings name no certificate, it talks HTTP without TLS, and only a tunnel leads there.
    Registry {
        /// Its settings (`config.yml`), where it is no container. They say at which port it listens, and with which certificate.
        #[serde(default)]
        #[schemars(with = "GuestPath")]
        config: Option<GuestPath>,
        /// The port where nothing else tells it.
        port: Port,
    },
    /// A container engine's socket in the guest, to which only a tunnel through SSH leads.
    Socket {
        /// Where it is.
        path: GuestPath,
        /// Where the user may not open it and may use sudo: the program with `system dial-stdio` that connects to it.
        #[serde(default)]
        #[schemars(with = "EngineProgram")]
        engine: Option<EngineProgram>,
        /// Why it cannot be used without a tunnel.
        reason: Reason,
        /// Better reasons, each for a port that is open.
        #[serde(default)]
        ports: Vec<OpenPort>,
    },
    /// It cannot be used from outside the guest.
    #[serde(rename = "nothing")]
    Unsupported {
        /// Why.
        reason: Reason,
        /// Better reasons, each for a port that is open.
        #[serde(default)]
        ports: Vec<OpenPort>,
    },
}

/// A program that connects its standard input and output with the socket of its container engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum EngineProgram {
    Docker,
    Podman,
}

/// Why a service cannot be used from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reason {
    /// What is missing, after the service's name: `only listens on its socket`.
    pub because: String,
    /// What would help; `{ssh}` stands for the machine's address in the form `ssh://USER@HOST:PORT`.
    pub help: String,
}

/// What it means that a port is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpenPort {
    /// The port.
    pub port: Port,
    /// What that tells.
    pub reason: Reason,
}

/// Where the value of a placeholder comes from.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Source {
    /// Other values.
    Text(Template),
    /// The service's API: the first of these that it answers.
    Ask(#[schemars(length(min = 1))] Vec<ApiQuestion>),
}

/// A question to a service's API.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiQuestion {
    /// What to GET.
    pub path: ApiPath,
    /// Where the value is in the JSON that comes back (RFC 6901).
    pub pointer: JsonPointer,
}

/// Hints; `{address}` stands for the address that the host uses. Of a flavour of last resort `{context}` stands for the context
/// that is used, and `{cluster}` for the part of its name that `signs.context` leaves open.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Hints {
    /// How to add an address to the server's certificate.
    pub names: String,
    /// How to renew certificates.
    pub expired: String,
    /// How to start it, when that is not just starting its units.
    pub start: Option<String>,
    /// How to stop it, when nothing that this program knows can.
    pub stop: Option<String>,
}

/// The value that says which version of the service runs, where it has one besides the API server's.
pub(crate) const VERSION: &str = "version";

/// The values that a placeholder can stand for whatever the flavour is.
pub(crate) const BUILT_IN_VALUES: [&str; 8] =
    ["url", "endpoint", "kubeconfig", "folder", "api_version", "docker_host", "tls", "logins"];

impl Service {
    /// True for a program of the host alone: nothing of it can be in a guest.
    pub(crate) fn is_client_only(&self) -> bool {
        self.flavours.is_empty()
    }

    /// Its own flavours, and those of services that are this one too.
    pub(crate) fn all_flavours(&self) -> impl Iterator<Item = &Flavour> {
        self.flavours.iter().chain(self.provided.iter().map(|provided| &provided.flavour))
    }

    /// What the flavours of this service are for one that it provides, and that exports `values`.
    pub(super) fn provides(&self, values: &[ValueName]) -> Vec<ProvidedFlavour> {
        let own = self.flavours.iter().filter(|flavour| !flavour.last_resort);
        let provided = own.map(|flavour| {
            let mut flavour = flavour.clone();
            flavour.values.retain(|name, _| values.contains(name));
            ProvidedFlavour { by: self.name.clone(), flavour }
        });
        provided.collect()
    }

    /// The names of the values in what it exports.
    pub(super) fn exported_values(&self) -> Vec<ValueName> {
        self.exports.iter().flat_map(|export| export.value.placeholders()).cloned().collect()
    }
}

impl Default for Control {
    fn default() -> Self {
        Self::System { ping: None, tls: false }
    }
}

impl Hints {
    /// The same with the `values` of placeholders.
    pub(crate) fn with(&self, values: &[(&str, &str)]) -> Self {
        let fill = |text: &String| fill(text, values);
        Self {
            names: fill(&self.names),
            expired: fill(&self.expired),
            start: self.start.as_ref().map(fill),
            stop: self.stop.as_ref().map(fill),
        }
    }
}

/// `text` with the `values` of its placeholders, in one pass: what looks like one in a value stays, as a value is quoted as it
/// is.
fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let (mut filled, mut rest) = (String::new(), text);
    while let Some(begin) = rest.find('{') {
        let (before, placeholder) = rest.split_at(begin);
        let value = values.iter().find_map(|(name, value)| {
            let after = placeholder[1..].strip_prefix(name)?.strip_prefix('}')?;
            Some((*value, after))
        });
        let (value, after) = value.unwrap_or(placeholder.split_at(1));
        filled.extend([before, value]);
        rest = after;
    }
    filled + rest
}

impl Access {
    /// The files of the guest that it reads.
    pub(crate) fn files(&self) -> Vec<GuestPattern> {
        match self {
            Self::Kubeconfig { paths, .. } => paths.clone(),
            Self::ServiceAccount { authority, .. } => vec![authority.into()],
            Self::Docker { folder, .. } => {
                DOCKER_FILES.iter().map(|name| (&folder.child(name)).into()).collect()
            }
            Self::Registry { config, .. } => config.iter().map(GuestPattern::from).collect(),
            Self::Socket { .. } | Self::Unsupported { .. } => Vec::new(),
        }
    }

    /// True when the host's clients are given a kubeconfig.
    pub(crate) fn has_kubeconfig(&self) -> bool {
        matches!(self, Self::Kubeconfig { .. } | Self::ServiceAccount { .. })
    }

    /// True when it is an image registry.
    pub(crate) fn is_registry(&self) -> bool {
        matches!(self, Self::Registry { .. })
    }

    /// True when the guest has keys for Docker's client.
    pub(crate) fn has_docker_keys(&self) -> bool {
        matches!(self, Self::Docker { .. })
    }

    /// The folder of the keys of a Docker daemon which `start` may replace.
    pub(crate) fn renewable_keys(&self) -> Option<&GuestPath> {
        match self {
            Self::Docker { daemon, .. } => daemon.as_ref(),
            Self::Kubeconfig { .. }
            | Self::ServiceAccount { .. }
            | Self::Registry { .. }
            | Self::Socket { .. }
            | Self::Unsupported { .. } => None,
        }
    }

    /// True when only root can read them.
    pub(crate) fn needs_root(&self) -> bool {
        match self {
            Self::Kubeconfig { root, .. } => *root,
            Self::ServiceAccount { .. } | Self::Registry { .. } => true,
            Self::Docker { .. } | Self::Socket { .. } | Self::Unsupported { .. } => false,
        }
    }
}

/// The files of Docker's client in its folder: the authority, the client's certificate and its key
/// (<https://docs.docker.com/engine/security/protect-access/>).
pub(crate) const DOCKER_FILES: [&str; 3] = ["ca.pem", "cert.pem", "key.pem"];

impl Flavour {
    /// True when neither units nor sockets tell whether it runs.
    pub(crate) fn must_be_asked(&self) -> bool {
        self.units.is_empty() && self.sockets.is_empty()
    }
}
