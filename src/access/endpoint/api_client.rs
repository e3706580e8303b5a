//! One service at one address: the requests, and what their answers mean.

use std::error::Error as StdError;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::blocking::{Client, ClientBuilder, RequestBuilder, Response};
use reqwest::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use rustls::{AlertDescription, CertificateError};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::NoResponse;
use super::json_pointer::text_at;
use crate::access::certificate::Names;
use crate::access::credentials::{ClientAuth, CredentialError, Credentials};
use crate::access::tls::{Material, tls_error, trusting_nobody};
use crate::base::causes::{chain, in_one_line};
use crate::base::deadline::Deadline;
use crate::base::platform::through_socket;
use crate::base::timeouts;
use crate::base::types::{ApiVersion, DnsName, Version};

/// How an attempt to use a service at one address ended.
#[derive(Debug)]
pub(super) enum AttemptOutcome {
    Good(Box<(ApiClient, ApiAnswer)>),
    /// The certificate is good, but for other names.
    OtherNames(Names),
    /// The service does not answer there.
    Silent(NoResponse, String),
    BadCertificate(CertificateError),
    /// The credentials are not accepted.
    Refused(String),
    /// Something answers that is no such service.
    Unexpected(Box<dyn StdError + Send + Sync>),
}

/// What a service says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ApiAnswer {
    pub(super) version: Option<Version>,
    pub(super) api_version: Option<ApiVersion>,
    pub(super) admission: Admission,
}

/// Whom a service lets in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Those with the credentials with which it was asked, or to whom the way there is open already.
    #[default]
    Known,
    /// Nobody without a login, and it was asked without one.
    LoginWanted,
    /// Everybody who reaches it.
    Everybody,
}

/// The API a service speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Api {
    Kubernetes,
    Docker,
    /// That of image registries (<https://distribution.github.io/distribution/spec/api/>).
    Registry,
}

/// How a service is used: what is the same for all of its addresses.
#[derive(Clone)]
pub(super) struct ApiConfig {
    pub(super) api: Api,
    client: Client,
    material: Material,
    auth: ClientAuth,
    scheme: &'static str,
    /// The socket of the host that leads to it, whatever the address.
    socket: Option<PathBuf>,
    /// To connect, TLS included.
    connect: Duration,
    deadline: Deadline,
}

impl ApiConfig {
    /// Prepares to use a service with `credentials` until `deadline`, and to give up after `connect` where there is no connection
    /// by then. Where the host's `socket` leads to it, that is connected to at each address.
    ///
    /// Errors: they cannot be used.
    pub(super) fn new(
        api: Api,
        credentials: &Credentials,
        socket: Option<&Path>,
        connect: Duration,
        deadline: Deadline,
    ) -> Result<Self, AccessError> {
        let material = Material::new(credentials)?;
        let client = builder(&material, socket, connect, deadline)?.build()?;
        let scheme = if credentials.is_plain { "http" } else { "https" };
        let auth = credentials.client_auth.clone();
        let socket = socket.map(Path::to_owned);
        Ok(Self { api, client, material, auth, scheme, socket, connect, deadline })
    }

    /// Uses the container engine behind the socket `path` of the host.
    pub(super) fn attempt_socket(path: &Path, deadline: Deadline) -> AttemptOutcome {
        let build = || -> Result<Client, AccessError> {
            let builder = through_socket(path).tls_backend_preconfigured(trusting_nobody()?);
            Ok(limited(builder, timeouts::API_ANSWER, deadline).build()?)
        };
        let client = match build() {
            Ok(client) => client,
            Err(error) => return AttemptOutcome::Unexpected(error.into()),
        };
        // The name is nobody's: the connection is there already.
        let base = "http://localhost".to_owned();
        let client = ApiClient { client, base, auth: ClientAuth::Anonymous };
        match client.prove(Api::Docker) {
            Ok(Verdict::Good(answer)) => AttemptOutcome::Good(Box::new((client, answer))),
            Ok(Verdict::Other(outcome)) => outcome,
            Err(error) if error.is_timeout() => {
                AttemptOutcome::Silent(NoResponse::Timeout, "no answer in time".to_owned())
            }
            Err(error) => judge_connection(&error),
        }
    }

    /// Uses the service at `place`. With a `name`, that one is expected in its certificate.
    pub(super) fn attempt(&self, place: SocketAddr, name: Option<&DnsName>) -> AttemptOutcome {
        let client = match self.client(place, name) {
            Ok(client) => client,
            Err(error) => return AttemptOutcome::Unexpected(error.into()),
        };
        match client.prove(self.api) {
            Ok(Verdict::Good(answer)) => AttemptOutcome::Good(Box::new((client, answer))),
            Ok(Verdict::Other(outcome)) => outcome,
            Err(error) => match tls_error(&error) {
                Some(tls) => self.judge_tls(tls, place, name),
                None if error.is_timeout() => {
                    AttemptOutcome::Silent(NoResponse::Timeout, "no answer in time".to_owned())
                }
                None => judge_connection(&error),
            },
        }
    }

    fn client(&self, place: SocketAddr, name: Option<&DnsName>) -> Result<ApiClient, AccessError> {
        let (auth, scheme) = (self.auth.clone(), self.scheme);
        let Some(name) = name else {
            return Ok(ApiClient { client: self.client.clone(), base: format!("{scheme}://{place}"), auth });
        };
        let builder = builder(&self.material, self.socket.as_deref(), self.connect, self.deadline)?;
        let client = builder.resolve(name.as_str(), place).build()?;
        Ok(ApiClient { client, base: format!("{scheme}://{name}:{}", place.port()), auth })
    }

    fn judge_tls(&self, error: rustls::Error, place: SocketAddr, name: Option<&DnsName>) -> AttemptOutcome {
        use CertificateError::{NotValidForName, NotValidForNameContext};
        match error {
            rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. }) => {
                let asked = name.map_or_else(|| place.ip().to_string(), ToString::to_string);
                AttemptOutcome::OtherNames(self.material.names_shown_for(&asked))
            }
            error => judge_tls(error),
        }
    }
}

/// Why credentials cannot be used for a connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum AccessError {
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    #[error("could not prepare a connection")]
    Http(#[from] reqwest::Error),
    #[error("could not prepare TLS")]
    Tls(#[from] rustls::Error),
}

fn builder(
    material: &Material,
    socket: Option<&Path>,
    connect: Duration,
    deadline: Deadline,
) -> Result<ClientBuilder, AccessError> {
    let builder = socket.map_or_else(Client::builder, through_socket);
    Ok(limited(builder.tls_backend_preconfigured(material.config()?), connect, deadline))
}

fn limited(builder: ClientBuilder, connect: Duration, deadline: Deadline) -> ClientBuilder {
    builder
        // What goes to the machine never goes through a proxy.
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(deadline.at_most(connect).left())
        .timeout(deadline.at_most(timeouts::API_ANSWER).left())
}

/// Asks a service at one address.
#[derive(Debug)]
pub(crate) struct ApiClient {
    client: Client,
    base: String,
    auth: ClientAuth,
}

/// What the answers to an [`ApiClient`]'s requests mean.
enum Verdict {
    Good(ApiAnswer),
    Other(AttemptOutcome),
}

impl ApiClient {
    /// The text at `pointer` (RFC 6901) in the JSON that the API has at `path`; none when it has none.
    pub(crate) fn ask(&self, path: &str, pointer: &str) -> Option<String> {
        let response = self.get(path).ok().filter(|response| response.status().is_success())?;
        let body = read_body(response, LONGEST_OBJECT).ok()?;
        text_at(&body, pointer)
    }

    /// The text at `pointer` in what the API makes of the JSON `body` at `path`; none when it makes nothing.
    pub(crate) fn create(&self, path: &str, body: &'static str, pointer: &str) -> Option<String> {
        let request = self.with_auth(self.client.post(format!("{}{path}", self.base)));
        let response = request.header(CONTENT_TYPE, "application/json").body(body).send();
        let response = response.ok().filter(|response| response.status().is_success())?;
        text_at(&read_body(response, LONGEST_OBJECT).ok()?, pointer)
    }

    /// What the API has at `path`.
    ///
    /// Errors: why it cannot be had, for people.
    pub(crate) fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let response = self.request(path).timeout(timeouts::API_ANSWER).send();
        let body = read_body(successful(response)?, LONGEST_LIST + 1).map_err(|error| error.to_string())?;
        let is_long = body.len() as u64 > LONGEST_LIST;
        if is_long { Err(format!("it answers with more than {LONGEST_LIST} bytes")) } else { Ok(body) }
    }

    /// The stream that the API has at `path`, which may be silent for long.
    ///
    /// Errors: why there is none, for people.
    pub(crate) fn stream(&self, path: &str) -> Result<impl Read + use<>, String> {
        successful(self.request(path).timeout(timeouts::EVENTS).send())
    }

    fn prove(&self, api: Api) -> reqwest::Result<Verdict> {
        match api {
            Api::Kubernetes => self.prove_kubernetes(),
            Api::Docker => self.prove_docker(),
            Api::Registry => self.prove_registry(),
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

    /// One that wants a login sends strangers away, and has said what it is ("API Version Check" in its specification). It has no
    /// version to tell.
    fn prove_registry(&self) -> reqwest::Result<Verdict> {
        let response = self.get("/v2/")?;
        let says_so = response.headers().get(REGISTRY_HEADER).is_some_and(|value| value == REGISTRY_API);
        // A token is got elsewhere, with that login.
        let wants_token = response.headers().get(WWW_AUTHENTICATE);
        let wants_token = wants_token.is_some_and(|value| value.as_bytes().starts_with(b"Bearer"));
        let is_stranger = matches!(self.auth, ClientAuth::Anonymous) || wants_token;
        Ok(match response.status() {
            StatusCode::UNAUTHORIZED if !is_stranger => Verdict::Other(judge_status(response.status())),
            status @ (StatusCode::OK | StatusCode::UNAUTHORIZED) if says_so => {
                let admission = admission(status, &self.auth);
                Verdict::Good(ApiAnswer { admission, ..ApiAnswer::default() })
            }
            StatusCode::OK | StatusCode::UNAUTHORIZED => {
                Verdict::Other(AttemptOutcome::Unexpected(NotRegistry.into()))
            }
            status => Verdict::Other(judge_status(status)),
        })
    }

    /// Anybody may ask for the version, so it proves nothing; the list of APIs is for those who are logged in
    /// (`system:discovery` in <https://kubernetes.io/docs/reference/access-authn-authz/rbac/>). Both go over one
    /// connection.
    fn prove_kubernetes(&self) -> reqwest::Result<Verdict> {
        if matches!(self.auth, ClientAuth::Anonymous) {
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
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Verdict::Good(ApiAnswer::default()),
            _ => judge::<KubernetesVersion>(response),
        })
    }

    fn get(&self, path: &str) -> reqwest::Result<Response> {
        self.request(path).send()
    }

    fn request(&self, path: &str) -> RequestBuilder {
        self.with_auth(self.client.get(format!("{}{path}", self.base)))
    }

    fn with_auth(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.auth {
            ClientAuth::Certificate { .. } | ClientAuth::Anonymous => request,
            ClientAuth::Token(token) => request.bearer_auth(token.expose_secret()),
            ClientAuth::Password { user, password } => {
                request.basic_auth(user, Some(password.expose_secret()))
            }
        }
    }
}

/// Whom a registry lets in that answers whoever has `auth` like this.
fn admission(status: StatusCode, auth: &ClientAuth) -> Admission {
    match (status, auth) {
        (StatusCode::UNAUTHORIZED, _) => Admission::LoginWanted,
        (_, ClientAuth::Anonymous) => Admission::Everybody,
        _ => Admission::Known,
    }
}

/// Another server answers.
#[derive(Debug, thiserror::Error)]
#[error("its answer to `/v2/` is not that of an image registry")]
struct NotRegistry;

/// The answer to `/version` (<https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.36/>, `Info`).
#[derive(Deserialize)]
struct KubernetesVersion {
    #[serde(rename = "gitVersion", default)]
    version: Option<String>,
}

impl From<KubernetesVersion> for ApiAnswer {
    fn from(info: KubernetesVersion) -> Self {
        Self { version: version(info.version.as_deref()), ..Self::default() }
    }
}

/// The answer to `/version` (<https://docs.docker.com/reference/api/engine/version/v1.41/>, `SystemVersion`).
#[derive(Deserialize)]
struct DockerVersion {
    #[serde(rename = "Version", default)]
    version: Option<String>,
    #[serde(rename = "ApiVersion", default)]
    api_version: Option<String>,
}

impl From<DockerVersion> for ApiAnswer {
    fn from(info: DockerVersion) -> Self {
        let api_version = info.api_version.and_then(|text| ApiVersion::parse(&text).ok());
        Self { version: version(info.version.as_deref()), api_version, ..Self::default() }
    }
}

/// `Server: Docker/20.10.24 (linux)` and `Api-Version: 1.41`
/// (<https://docs.docker.com/reference/api/engine/version/v1.41/>, `SystemPing`).
fn docker_headers(response: &Response) -> Option<ApiAnswer> {
    let header = |name| response.headers().get(name)?.to_str().ok();
    let server = header("server")?.strip_prefix("Docker/")?.split(' ').next();
    let api_version = ApiVersion::parse(header("api-version")?).ok()?;
    Some(ApiAnswer { version: version(server), api_version: Some(api_version), ..ApiAnswer::default() })
}

/// A build of one's own may call itself anything; then its version is not known, and all else is as good.
fn version(text: Option<&str>) -> Option<Version> {
    Version::parse(text?).inspect_err(|error| log::debug!("the service's version: {error}")).ok()
}

fn judge<T: DeserializeOwned + Into<ApiAnswer>>(response: Response) -> Verdict {
    if !response.status().is_success() {
        return Verdict::Other(judge_status(response.status()));
    }
    match read_body(response, LONGEST_BODY) {
        Err(error) => Verdict::Other(AttemptOutcome::Silent(NoResponse::Timeout, error.to_string())),
        Ok(body) => match serde_json::from_slice::<T>(&body) {
            Ok(info) => Verdict::Good(info.into()),
            Err(error) => Verdict::Other(AttemptOutcome::Unexpected(error.into())),
        },
    }
}

fn judge_status(status: StatusCode) -> AttemptOutcome {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            AttemptOutcome::Refused(format!("HTTP {}", status.as_u16()))
        }
        // As a server says it while it starts.
        status if status.is_server_error() => {
            AttemptOutcome::Silent(NoResponse::NotReady, format!("HTTP {status}"))
        }
        status => AttemptOutcome::Unexpected(format!("HTTP {status}").into()),
    }
}

fn judge_tls(error: rustls::Error) -> AttemptOutcome {
    use AlertDescription as Alert;
    match error {
        // On the host's own address it may be any program of the host.
        rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => AttemptOutcome::Silent(
            NoResponse::WrongServer,
            "another server answers, whose certificate is from another authority".to_owned(),
        ),
        rustls::Error::InvalidCertificate(error) => AttemptOutcome::BadCertificate(error),
        rustls::Error::AlertReceived(
            alert @ (Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied
            | Alert::CertificateRequired),
        ) => AttemptOutcome::Refused(format!("TLS alert {alert:?}")),
        error => AttemptOutcome::Unexpected(error.into()),
    }
}

fn judge_connection(error: &reqwest::Error) -> AttemptOutcome {
    let innermost = chain(error.source()).last();
    let io = innermost.and_then(|cause| cause.downcast_ref::<io::Error>());
    let refused = io.is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
    let reason = innermost.map_or_else(|| error.to_string(), ToString::to_string);
    AttemptOutcome::Silent(if refused { NoResponse::ConnectionRefused } else { NoResponse::Timeout }, reason)
}

/// Errors: there is none, or it tells of a failure; for people.
fn successful(response: reqwest::Result<Response>) -> Result<Response, String> {
    let response = response.map_err(|error| in_one_line(&error.without_url()))?;
    let status = response.status();
    if status.is_success() { Ok(response) } else { Err(format!("it answers with HTTP {}", status.as_u16())) }
}

/// At most `limit` bytes of what is in `response`.
fn read_body(response: Response, limit: u64) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    response.take(limit).read_to_end(&mut body)?;
    Ok(body)
}

const REGISTRY_HEADER: &str = "docker-distribution-api-version";
const REGISTRY_API: &str = "registry/2.0";
const LONGEST_BODY: u64 = 64 << 10;
/// A cluster's version comes with its history and all updates that there are.
const LONGEST_OBJECT: u64 = 1 << 20;
/// Each service of a cluster takes one or two KiB of a list.
const LONGEST_LIST: u64 = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_tells_who_is_to_blame() {
        assert!(matches!(judge_status(StatusCode::UNAUTHORIZED), AttemptOutcome::Refused(_)));
        assert!(matches!(judge_status(StatusCode::FORBIDDEN), AttemptOutcome::Refused(_)));
        assert!(matches!(
            judge_status(StatusCode::SERVICE_UNAVAILABLE),
            AttemptOutcome::Silent(NoResponse::NotReady, _)
        ));
        assert!(matches!(judge_status(StatusCode::NOT_FOUND), AttemptOutcome::Unexpected(_)));
        assert!(matches!(judge_status(StatusCode::FOUND), AttemptOutcome::Unexpected(_)));
    }

    #[test]
    fn a_registry_without_a_login_is_everybodys() {
        let login = ClientAuth::Password { user: "dev".into(), password: "secret".into() };
        assert_eq!(admission(StatusCode::OK, &ClientAuth::Anonymous), Admission::Everybody);
        assert_eq!(admission(StatusCode::UNAUTHORIZED, &ClientAuth::Anonymous), Admission::LoginWanted);
        assert_eq!(admission(StatusCode::OK, &login), Admission::Known);
    }
}
