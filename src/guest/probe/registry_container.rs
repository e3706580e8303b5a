//! A container of the guest in which an image registry is, as `docker inspect` or `podman inspect` describes it.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::file_content::FileContent;
use crate::base::types::{ContainerName, Port};

/// A container with a registry that is published at a port of the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RegistryContainer {
    pub(crate) name: ContainerName,
    pub(crate) is_running: bool,
    /// The guest's port that leads to it.
    pub(crate) port: Port,
    /// It talks TLS, with a certificate that is asked for beside it.
    pub(crate) has_tls: bool,
    /// That certificate, if the engine has shown it.
    pub(crate) certificate: Option<FileContent>,
}

impl RegistryContainer {
    /// Reads what the engine says. None when it is not understood, or leads nowhere.
    pub(super) fn parse(json: &[u8]) -> Option<Self> {
        let inspected: InspectedContainer = serde_json::from_slice(json).ok()?;
        let setting = |name: &str| {
            let own = |line: &String| Some(line.strip_prefix(name)?.strip_prefix('=')?.to_owned());
            inspected.config.env.iter().flatten().find_map(own)
        };
        let inside = setting("REGISTRY_HTTP_ADDR").and_then(|addr| addr.rsplit(':').next()?.parse().ok());
        let inside: u16 = inside.unwrap_or(USUAL_PORT);
        let published = |ports: Option<&PortMap>| {
            let bindings = ports?.get(&format!("{inside}/tcp"))?.as_ref()?;
            bindings.iter().find_map(|binding| binding.port.parse().ok().filter(|port: &u16| *port != 0))
        };
        let host = inspected.host_config.unwrap_or_default();
        let now = published(inspected.network.as_ref().and_then(|network| network.ports.as_ref()));
        let on_host = host.network_mode.is_some_and(|mode| mode == "host").then_some(inside);
        let port = now.or_else(|| published(host.bindings.as_ref())).or(on_host)?;
        Some(Self {
            name: ContainerName::parse(inspected.name.trim_start_matches('/')).ok()?,
            is_running: inspected.state.is_running,
            port: Port::try_from(port).ok()?,
            has_tls: setting("REGISTRY_HTTP_TLS_CERTIFICATE").is_some_and(|path| !path.is_empty()),
            certificate: None,
        })
    }
}

type PortMap = BTreeMap<String, Option<Vec<PortBinding>>>;

/// <https://docs.docker.com/reference/api/engine/version/v1.41/>, `ContainerInspect`; Podman's has the same names.
#[derive(Deserialize)]
struct InspectedContainer {
    #[serde(rename = "Name")]
    name: String,
    #[serde(rename = "State")]
    state: ContainerState,
    #[serde(rename = "Config")]
    config: ContainerConfig,
    #[serde(rename = "HostConfig")]
    host_config: Option<HostConfig>,
    #[serde(rename = "NetworkSettings")]
    network: Option<NetworkSettings>,
}

#[derive(Deserialize)]
struct ContainerState {
    #[serde(rename = "Running")]
    is_running: bool,
}

#[derive(Deserialize)]
struct ContainerConfig {
    #[serde(rename = "Env")]
    env: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
struct HostConfig {
    #[serde(rename = "NetworkMode")]
    network_mode: Option<String>,
    /// What is wanted, also of one that does not run.
    #[serde(rename = "PortBindings")]
    bindings: Option<PortMap>,
}

#[derive(Deserialize)]
struct NetworkSettings {
    #[serde(rename = "Ports")]
    ports: Option<PortMap>,
}

#[derive(Deserialize)]
struct PortBinding {
    #[serde(rename = "HostPort")]
    port: String,
}

/// At which the image listens (distribution/distribution: cmd/registry/config-example.yml).
const USUAL_PORT: u16 = 5000;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, running: bool, env: &str, host: &str, network: &str) -> Option<(String, u16, bool)> {
        let json = format!(
            r#"{{"Id":"ab","Name":{name:?},"State":{{"Running":{running},"Pid":1}},"Config":{{"Image":"registry:2","Env":{env}}},
            "HostConfig":{host},"NetworkSettings":{network}}}"#
        );
        let read = RegistryContainer::parse(json.as_bytes())?;
        assert_eq!(read.is_running, running);
        Some((read.name.to_string(), read.port.number(), read.has_tls))
    }

    #[test]
    fn the_port_of_the_guest_is_read() {
        let published = r#"{"Ports":{"5000/tcp":[{"HostIp":"0.0.0.0","HostPort":"41905"}],"443/tcp":null}}"#;
        let wanted =
            r#"{"NetworkMode":"default","PortBindings":{"5000/tcp":[{"HostIp":"","HostPort":"5001"}]}}"#;
        let tls = r#"["REGISTRY_HTTP_ADDR=0.0.0.0:443","REGISTRY_HTTP_TLS_CERTIFICATE=/certs/c.pem"]"#;
        let named = |port, tls| Some(("k3d-registry".to_owned(), port, tls));
        assert_eq!(read("/k3d-registry", true, "[]", "{}", published), named(41905, false));
        assert_eq!(read("k3d-registry", false, "null", wanted, r#"{"Ports":{}}"#), named(5001, false));
        assert_eq!(read("k3d-registry", true, "[]", r#"{"NetworkMode":"host"}"#, "{}"), named(5000, false));
        assert_eq!(read("k3d-registry", true, tls, r#"{"NetworkMode":"host"}"#, "{}"), named(443, true));
        assert_eq!(read("k3d-registry", true, tls, "{}", published), None, "443 is not published");
        assert_eq!(read("k3d-registry", true, "[]", "{}", "{}"), None, "nothing leads there");
    }

    #[test]
    fn what_the_guest_makes_up_is_refused() {
        let host = r#"{"NetworkMode":"host"}"#;
        for name in ["", "-x", "a b", "a`id`", "$(id)", "../x", "\u{1b}[2J"] {
            assert_eq!(read(name, true, "[]", host, "{}"), None, "{name:?}");
        }
        let port = |port: &str| format!(r#"{{"Ports":{{"5000/tcp":[{{"HostPort":{port:?}}}]}}}}"#);
        for odd in ["0", "", "70000", "-1", "5000; id"] {
            assert_eq!(read("x", true, "[]", "{}", &port(odd)), None, "{odd}");
        }
        for json in ["", "{}", "[", "null"] {
            assert_eq!(RegistryContainer::parse(json.as_bytes()), None, "{json}");
        }
    }
}
