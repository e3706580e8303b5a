//! What container engines and clusters say about the ports that they publish. They are in the guest, so their answers are read
//! into numbers at once, and nothing else of them is kept.

use std::collections::BTreeSet;
use std::fmt;
use std::net::Ipv4Addr;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};

use crate::access::endpoint::Api;
use crate::base::types::Port;
use crate::guest::tunnel::{PortReach, PublishedPort};

/// The path that lists what publishes ports; none where nothing does.
pub(super) fn list_path(api: Api) -> Option<&'static str> {
    match api {
        Api::Docker => Some("/containers/json"),
        Api::Kubernetes => Some("/api/v1/services"),
        Api::Registry => None,
    }
}

/// The path of a stream that says something whenever that list may have changed.
pub(super) fn watch_path(api: Api) -> Option<&'static str> {
    Some(match api {
        // `{"type":["container"]}`
        Api::Docker => "/events?filters=%7B%22type%22%3A%5B%22container%22%5D%7D",
        // From any version: without one, a server whose services do not change answers that it has no version as new as its newest
        // object, and ends the stream (<https://kubernetes.io/docs/reference/using-api/api-concepts/>, "Semantics for watch").
        Api::Kubernetes => "/api/v1/services?watch=true&resourceVersion=0",
        Api::Registry => return None,
    })
}

/// The ports in the list `body`.
///
/// Errors: it is not of the form that the API has.
pub(super) fn read(api: Api, body: &[u8]) -> serde_json::Result<BTreeSet<PublishedPort>> {
    Ok(match api {
        Api::Docker => serde_json::from_slice::<Flat<Container>>(body)?.0,
        Api::Kubernetes => serde_json::from_slice::<ServiceList>(body)?.items.0,
        Api::Registry => BTreeSet::new(),
    })
}

/// True when the `line` of the stream tells of something that changes no ports: a program that is run in a container, as health
/// checks are every few seconds.
pub(super) fn is_noise(api: Api, line: &[u8]) -> bool {
    let is_noise = |action: &str| NOISE.iter().any(|noise| action.starts_with(noise));
    api == Api::Docker
        && serde_json::from_slice::<ContainerEvent>(line).is_ok_and(|event| is_noise(&event.action))
}

/// An event (<https://docs.docker.com/reference/api/engine/version/v1.41/>, `SystemEvents`).
#[derive(Deserialize)]
struct ContainerEvent {
    #[serde(rename = "Action")]
    action: String,
}

/// What has ports of its own to publish.
trait Publishes {
    fn publish(self, ports: &mut BTreeSet<PublishedPort>);
}

/// The ports of a list, whose entries are not kept: there may be very many.
struct Flat<T>(BTreeSet<PublishedPort>, std::marker::PhantomData<T>);

impl<T> Default for Flat<T> {
    fn default() -> Self {
        Self(BTreeSet::new(), std::marker::PhantomData)
    }
}

impl<'de, T: Deserialize<'de> + Publishes> Deserialize<'de> for Flat<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de> + Publishes> Visitor<'de> for Entries<T> {
            type Value = Flat<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("a list")
            }

            // As an empty list is written in Go.
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Flat::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
                let mut flat = Flat::default();
                while let Some(entry) = entries.next_element::<T>()? {
                    entry.publish(&mut flat.0);
                }
                Ok(flat)
            }
        }
        deserializer.deserialize_any(Entries(std::marker::PhantomData))
    }
}

/// A container (<https://docs.docker.com/reference/api/engine/version/v1.41/>, `ContainerSummary`).
#[derive(Deserialize)]
struct Container {
    #[serde(rename = "Ports", default)]
    ports: Flat<ContainerPort>,
}

impl Publishes for Container {
    fn publish(self, ports: &mut BTreeSet<PublishedPort>) {
        ports.extend(self.ports.0);
    }
}

/// One of its ports (`Port` there).
#[derive(Deserialize)]
struct ContainerPort {
    #[serde(rename = "IP", default)]
    address: String,
    /// None for one that is not published.
    #[serde(rename = "PublicPort", default)]
    port: Option<u16>,
    #[serde(rename = "Type", default)]
    protocol: String,
}

impl Publishes for ContainerPort {
    fn publish(self, ports: &mut BTreeSet<PublishedPort>) {
        let reach = || match self.address.parse() {
            _ if !is_tcp(&self.protocol) => PortReach::OtherProtocol,
            // Podman's word for all of them.
            Err(_) if self.address.is_empty() => PortReach::Loopback,
            // Where forwards lead to. At 127.0.0.2 or `::1` it may be another program that has the port there.
            Ok(Ipv4Addr::LOCALHOST | Ipv4Addr::UNSPECIFIED) => PortReach::Loopback,
            Ok(_) | Err(_) => PortReach::OtherAddress,
        };
        ports.extend(published(self.port, reach));
    }
}

/// The services of a cluster (<https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.36/>, `ServiceList`).
#[derive(Deserialize)]
struct ServiceList {
    items: Flat<ClusterService>,
}

#[derive(Deserialize)]
struct ClusterService {
    #[serde(default)]
    spec: ServiceSpec,
    #[serde(default)]
    status: ServiceStatus,
}

#[derive(Default, Deserialize)]
struct ServiceSpec {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    ports: Vec<ServicePort>,
}

#[derive(Deserialize)]
struct ServicePort {
    #[serde(default)]
    port: Option<u16>,
    #[serde(rename = "nodePort", default)]
    node_port: Option<u16>,
    #[serde(default)]
    protocol: String,
}

#[derive(Default, Deserialize)]
struct ServiceStatus {
    #[serde(rename = "loadBalancer", default)]
    load_balancer: LoadBalancer,
}

#[derive(Default, Deserialize)]
struct LoadBalancer {
    #[serde(default)]
    ingress: Vec<IgnoredAny>,
}

impl Publishes for ClusterService {
    /// Those on every node. A balancer has its own port too, once there is one, which in k3s is on the nodes as well
    /// (<https://docs.k3s.io/networking/networking-services>).
    fn publish(self, ports: &mut BTreeSet<PublishedPort>) {
        let is_balanced = self.spec.kind == "LoadBalancer" && !self.status.load_balancer.ingress.is_empty();
        for port in self.spec.ports {
            let is_default = port.protocol.is_empty();
            let reach = || {
                if is_default || is_tcp(&port.protocol) {
                    PortReach::Loopback
                } else {
                    PortReach::OtherProtocol
                }
            };
            if matches!(self.spec.kind.as_str(), "NodePort" | "LoadBalancer") {
                ports.extend(published(port.node_port, reach));
            }
            ports.extend(published(port.port.filter(|_| is_balanced), reach));
        }
    }
}

/// Zero means none.
fn published(port: Option<u16>, reach: impl FnOnce() -> PortReach) -> Option<PublishedPort> {
    Some(PublishedPort { port: Port::try_from(port?).ok()?, reach: reach() })
}

fn is_tcp(protocol: &str) -> bool {
    protocol.eq_ignore_ascii_case("tcp")
}

/// Actions that change no ports, or how their names begin.
const NOISE: [&str; 8] =
    ["exec_", "health_status", "top", "attach", "detach", "resize", "archive-path", "extract-to-dir"];

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(api: Api, body: &str) -> Vec<(u16, PortReach)> {
        let read = read(api, body.as_bytes()).unwrap();
        read.into_iter().map(|published| (published.port.number(), published.reach)).collect()
    }

    #[test]
    fn engines_tell_the_ports_of_containers() {
        use PortReach::{Loopback, OtherAddress, OtherProtocol};
        assert_eq!(ports(Api::Docker, "[]"), []);
        let body = r#"[
            {"Id":"1","Ports":[
                {"IP":"0.0.0.0","PrivatePort":80,"PublicPort":8080,"Type":"tcp"},
                {"IP":"::","PrivatePort":80,"PublicPort":8080,"Type":"tcp"},
                {"IP":"127.0.0.1","PrivatePort":81,"PublicPort":8081,"Type":"tcp"},
                {"IP":"127.0.0.2","PrivatePort":82,"PublicPort":8084,"Type":"tcp"},
                {"IP":"::1","PrivatePort":82,"PublicPort":8085,"Type":"tcp"},
                {"IP":"::","PrivatePort":82,"PublicPort":8086,"Type":"tcp"},
                {"IP":"::ffff:127.0.0.1","PrivatePort":82,"PublicPort":8087,"Type":"tcp"},
                {"PrivatePort":443,"Type":"tcp"}]},
            {"Id":"2","Ports":[
                {"IP":"192.0.2.7","PrivatePort":80,"PublicPort":8082,"Type":"tcp"},
                {"IP":"0.0.0.0","PrivatePort":53,"PublicPort":5353,"Type":"udp"},
                {"IP":"","PrivatePort":80,"PublicPort":8083,"Type":"tcp"},
                {"IP":"","PrivatePort":80,"PublicPort":0,"Type":"tcp"}]},
            {"Id":"3","Ports":null},{"Id":"4"}]"#;
        assert_eq!(
            ports(Api::Docker, body),
            [
                (5353, OtherProtocol),
                (8080, Loopback),
                (8080, OtherAddress),
                (8081, Loopback),
                (8082, OtherAddress),
                (8083, Loopback),
                (8084, OtherAddress),
                (8085, OtherAddress),
                (8086, OtherAddress),
                (8087, OtherAddress)
            ]
        );
    }

    #[test]
    fn clusters_tell_the_ports_of_nodes_and_balancers() {
        use PortReach::{Loopback, OtherProtocol};
        let service = |kind: &str, ingress: &str| {
            let ports = r#"[{"port":8443,"targetPort":"x","nodePort":30443,"protocol":"TCP"},
                {"port":53,"nodePort":30053,"protocol":"UDP"}]"#;
            let status = format!(r#"{{"loadBalancer":{{{ingress}}}}}"#);
            format!(
                r#"{{"kind":"ServiceList","items":[{{"spec":{{"type":"{kind}","ports":{ports}}},"status":{status}}}]}}"#
            )
        };
        assert_eq!(ports(Api::Kubernetes, &service("ClusterIP", "")), []);
        let nodes = [(30053, OtherProtocol), (30443, Loopback)];
        assert_eq!(ports(Api::Kubernetes, &service("NodePort", "")), nodes);
        assert_eq!(ports(Api::Kubernetes, &service("LoadBalancer", "")), nodes);
        assert_eq!(
            ports(Api::Kubernetes, &service("LoadBalancer", r#""ingress":[{"ip":"192.0.2.7"}]"#)),
            [(53, OtherProtocol), (8443, Loopback), (30053, OtherProtocol), (30443, Loopback)]
        );
        assert_eq!(ports(Api::Kubernetes, r#"{"items":null}"#), []);
    }

    #[test]
    fn what_is_no_list_is_refused() {
        let odd = [
            "",
            "{",
            "{}",
            "7",
            "\"x\"",
            r#"[{"Ports":7}]"#,
            r#"[{"Ports":[{"PublicPort":65536,"Type":"tcp"}]}]"#,
            r#"[{"Ports":[{"PublicPort":-1,"Type":"tcp"}]}]"#,
            r#"[{"Ports":[{"PublicPort":"22; id","Type":"tcp"}]}]"#,
            r#"{"items":7}"#,
            r#"{"items":[{"spec":{"type":["NodePort"]}}]}"#,
            r#"{"items":[{"spec":{"type":"NodePort","ports":[{"nodePort":1e9}]}}]}"#,
        ];
        for body in odd {
            assert!(read(Api::Docker, body.as_bytes()).is_err(), "{body}");
            assert!(read(Api::Kubernetes, body.as_bytes()).is_err(), "{body}");
        }
        let odd_address = r#"[{"Ports":[{"IP":"$(id)","PublicPort":8080,"Type":"tcp"}]}]"#;
        assert_eq!(ports(Api::Docker, odd_address), [(8080, PortReach::OtherAddress)]);
        let deep = "[".repeat(100_000);
        assert!(read(Api::Docker, deep.as_bytes()).is_err());
    }

    #[test]
    fn health_checks_are_no_news() {
        for (line, expected) in [
            (r#"{"status":"start","Type":"container","Action":"start"}"#, false),
            (r#"{"Action":"die"}"#, false),
            (r#"{"Action":"exec_create: /bin/true"}"#, true),
            (r#"{"Action":"health_status: healthy"}"#, true),
            ("{}", false),
            ("\u{1b}[2J", false),
            (r#"{"Action":["exec_"]}"#, false),
        ] {
            assert_eq!(is_noise(Api::Docker, line.as_bytes()), expected, "{line}");
        }
        assert!(!is_noise(Api::Kubernetes, br#"{"Action":"exec_create"}"#));
    }
}
