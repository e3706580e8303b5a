//! One service at one address: the requests, and what their answers mean.

use std::error::Error as StdError;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::blocking::{Client, Response};
use rustls::{AlertDescription, CertificateError};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::json_pointer::text_at;
use crate::access::certificate::Names;
use crate::access::credentials::ClientAuth;
use crate::access::tls::{Material, Witness, tls_error};
use crate::base::causes::chain;
use crate::base::deadline::Deadline;
use crate::base::types::{ApiVersion, DnsName, Version};
use crate::catalogue::{Access, ApiQuestion};
use crate::error::Silence;

/// How an attempt to use a service at one address ended.
#[derive(Debug)]
pub(super) enum Outcome {
    Good(Box<(Caller, Answer)>),
    /// The certificate is good, but for other names.
    OtherNames(Names),
    /// The service does not answer there.
    Silent(Silence, String),
    BadCertificate(CertificateError),
    /// The credentials are not accepted.
    Refused(String),
    /// Something answers that is no such service.
    Odd(Box<dyn StdError + Send + Sync>),
}

/// What a service says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) version: Option<Version>,
    pub(super) api_version: Option<ApiVersion>,
}

/// The API a service speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Api {
    Kubernetes,
    Docker,
}

impl Api {
    pub(super) fn of(access: &Access) -> Self {
        match access {
            Access::Docker { .. } => Self::Docker,
            Access::Kubeconfig { .. } | Access::ServiceAccount { .. } | Access::Unsupported { .. } => {
                Self::Kubernetes
            }
        }
    }
}

/// What is the same for all addresses of one service.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) api: Api,
    pub(super) material: Material,
    pub(super) proof: ClientAuth,
    pub(super) deadline: Deadline,
}

impl Call {
    /// Uses the service at `place`. With a `name`, that one is expected in its certificate.
    pub(super) fn attempt(self, place: SocketAddr, name: Option<&DnsName>) -> Outcome {
        let witness = Witness::default();
        let api = self.api;
        let caller = match Caller::new(self, place, name, &witness) {
            Ok(caller) => caller,
            Err(error) => return Outcome::Odd(error),
        };
        match caller.prove(api) {
            Ok(Verdict::Good(answer)) => Outcome::Good(Box::new((caller, answer))),
            Ok(Verdict::Other(outcome)) => outcome,
            Err(error) => match tls_error(&error) {
                Some(tls) => judge_tls(tls, &witness),
                None if error.is_timeout() => Outcome::Silent(Silence::Lost, "no answer in time".to_owned()),
                None => judge_connection(&error),
            },
        }
    }
}

/// A client of one address.
#[derive(Debug)]
pub(crate) struct Caller {
    client: Client,
    base: String,
    proof: ClientAuth,
}

/// What the answers to a caller's requests mean.
enum Verdict {
    Good(Answer),
    Other(Outcome),
}

impl Caller {
    fn new(
        call: Call,
        place: SocketAddr,
        name: Option<&DnsName>,
        witness: &Witness,
    ) -> Result<Self, Box<dyn StdError + Send + Sync>> {
        let Call { material, proof, deadline, .. } = call;
        let client = Client::builder()
            .tls_backend_preconfigured(material.config(witness)?)
            // What goes to the machine never goes through a proxy.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(deadline.at_most(CONNECT_LIMIT).left())
            .timeout(deadline.at_most(ANSWER_LIMIT).left());
        let (client, host) = match name {
            Some(name) => (client.resolve(name.as_str(), place), format!("{name}:{}", place.port())),
            None => (client, place.to_string()),
        };
        Ok(Self { client: client.build()?, base: format!("https://{host}"), proof })
    }

    /// The value that the service's API has for `question`; none when it has none.
    pub(crate) fn ask(&self, question: &ApiQuestion) -> Option<String> {
        let response =
            self.get(question.path.as_str()).ok().filter(|response| response.status().is_success())?;
        let body = read_body(response, LONGEST_OBJECT).ok()?;
        text_at(&body, question.pointer.as_str())
    }

    fn prove(&self, api: Api) -> reqwest::Result<Verdict> {
        match api {
            Api::Kubernetes => self.prove_kubernetes(),
            Api::Docker => self.prove_docker(),
        }
    }

    /// The daemon lets nobody in without a certificate, so any answer proves it. The headers of `/_ping` tell the
    /// versions; only old daemons have to be asked for them, which takes ten times as long, since for `/version`
    /// the daemon starts programs.
    fn prove_docker(&self) -> reqwest::Result<Verdict> {
        let ping = self.get("/_ping")?;
        if let Some(answer) = docker_headers(&ping).filter(|_| ping.status().is_success()) {
            return Ok(Verdict::Good(answer));
        }
        // Read to its end, so that the connection can be used again.
        let _ = read_body(ping, LONGEST_BODY);
        Ok(judge::<DockerVersion>(self.get("/version")?))
    }

    /// Anybody may ask for the version, so it proves nothing; the list of APIs is for those who are logged in
    /// (`system:discovery` in <https://kubernetes.io/docs/reference/access-authn-authz/rbac/>). Both go over one
    /// connection.
    fn prove_kubernetes(&self) -> reqwest::Result<Verdict> {
        if matches!(self.proof, ClientAuth::Anonymous) {
            return self.look_at_kubernetes();
        }
        let apis = self.get("/api")?;
        if !apis.status().is_success() {
            return Ok(Verdict::Other(judge_status(apis.status())));
        }
        // Read to its end, so that the connection can be used again.
        let _ = read_body(apis, LONGEST_BODY);
        Ok(judge::<KubernetesVersion>(self.get("/version")?))
    }

    /// A server that turns a stranger away has answered too.
    fn look_at_kubernetes(&self) -> reqwest::Result<Verdict> {
        let response = self.get("/version")?;
        Ok(match response.status() {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Verdict::Good(Answer { version: None, api_version: None })
            }
            _ => judge::<KubernetesVersion>(response),
        })
    }

    fn get(&self, path: &str) -> reqwest::Result<Response> {
        let request = self.client.get(format!("{}{path}", self.base));
        let request = match &self.proof {
            ClientAuth::Certificate { .. } | ClientAuth::Anonymous => request,
            ClientAuth::Token(token) => request.bearer_auth(token.expose_secret()),
            ClientAuth::Password { user, password } => {
                request.basic_auth(user, Some(password.expose_secret()))
            }
        };
        request.send()
    }
}

/// The answer to `/version` (<https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.36/>, `Info`).
#[derive(Deserialize)]
struct KubernetesVersion {
    #[serde(rename = "gitVersion")]
    version: Version,
}

impl From<KubernetesVersion> for Answer {
    fn from(info: KubernetesVersion) -> Self {
        Self { version: Some(info.version), api_version: None }
    }
}

/// The answer to `/version` (<https://docs.docker.com/reference/api/engine/version/v1.41/>, `SystemVersion`).
#[derive(Deserialize)]
struct DockerVersion {
    #[serde(rename = "Version")]
    version: Version,
    #[serde(rename = "ApiVersion")]
    api_version: ApiVersion,
}

impl From<DockerVersion> for Answer {
    fn from(info: DockerVersion) -> Self {
        Self { version: Some(info.version), api_version: Some(info.api_version) }
    }
}

/// `Server: Docker/20.10.24 (linux)` and `Api-Version: 1.41`
/// (<https://docs.docker.com/reference/api/engine/version/v1.41/>, `SystemPing`).
fn docker_headers(response: &Response) -> Option<Answer> {
    let header = |name| response.headers().get(name)?.to_str().ok();
    let version = header("server")?.strip_prefix("Docker/")?.split(' ').next()?;
    let api_version = ApiVersion::parse(header("api-version")?).ok()?;
    Some(Answer { version: Some(Version::parse(version).ok()?), api_version: Some(api_version) })
}

fn judge<T: DeserializeOwned + Into<Answer>>(response: Response) -> Verdict {
    if !response.status().is_success() {
        return Verdict::Other(judge_status(response.status()));
    }
    match read_body(response, LONGEST_BODY) {
        Err(error) => Verdict::Other(Outcome::Silent(Silence::Lost, error.to_string())),
        Ok(body) => match serde_json::from_slice::<T>(&body) {
            Ok(info) => Verdict::Good(info.into()),
            Err(error) => Verdict::Other(Outcome::Odd(error.into())),
        },
    }
}

fn judge_status(status: StatusCode) -> Outcome {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Outcome::Refused(format!("HTTP {}", status.as_u16()))
        }
        // As a server says it while it starts.
        status if status.is_server_error() => Outcome::Silent(Silence::Refused, format!("HTTP {status}")),
        status => Outcome::Odd(format!("HTTP {status}").into()),
    }
}

fn judge_tls(error: rustls::Error, witness: &Witness) -> Outcome {
    use AlertDescription as Alert;
    match error {
        rustls::Error::InvalidCertificate(error) => match error {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Outcome::OtherNames(witness.names())
            }
            // On the host's own address it may be any program of the host.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Outcome::Silent(
                Silence::Stranger,
                "another server answers, whose certificate is from another authority".to_owned(),
            ),
            error => Outcome::BadCertificate(error),
        },
        rustls::Error::AlertReceived(
            alert @ (Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied
            | Alert::CertificateRequired),
        ) => Outcome::Refused(format!("TLS alert {alert:?}")),
        error => Outcome::Odd(error.into()),
    }
}

fn judge_connection(error: &reqwest::Error) -> Outcome {
    let innermost = chain(error.source()).last();
    let io = innermost.and_then(|cause| cause.downcast_ref::<io::Error>());
    let refused = io.is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
    let reason = innermost.map_or_else(|| error.to_string(), ToString::to_string);
    Outcome::Silent(if refused { Silence::Refused } else { Silence::Lost }, reason)
}

/// At most `limit` bytes of what is in `response`.
fn read_body(response: Response, limit: u64) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    response.take(limit).read_to_end(&mut body)?;
    Ok(body)
}

const CONNECT_LIMIT: Duration = Duration::from_secs(3);
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
const LONGEST_BODY: u64 = 64 << 10;
/// A cluster's version comes with its history and all updates that there are.
const LONGEST_OBJECT: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_tells_who_is_to_blame() {
        assert!(matches!(judge_status(StatusCode::UNAUTHORIZED), Outcome::Refused(_)));
        assert!(matches!(judge_status(StatusCode::FORBIDDEN), Outcome::Refused(_)));
        assert!(matches!(
            judge_status(StatusCode::SERVICE_UNAVAILABLE),
            Outcome::Silent(Silence::Refused, _)
        ));
        assert!(matches!(judge_status(StatusCode::NOT_FOUND), Outcome::Odd(_)));
        assert!(matches!(judge_status(StatusCode::FOUND), Outcome::Odd(_)));
    }
}
