//! What a command ends with: the exit code, the error of the module that failed, and what to type next.

mod files;
mod invocation;
mod machine;
mod script;

use std::error::Error as StdError;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use self::files::{ANOTHER_FILE, is_full};
pub(crate) use self::invocation::Invocation;
pub(crate) use self::script::Script;
use crate::access::credentials::Refusal;
use crate::access::kubeconfig::MergeRefusal;
use crate::base::causes::causes;
use crate::base::deadline::{Timeout, WorkerPanicked};
use crate::base::files as files_of_host;
use crate::base::paths::NoHome;
use crate::base::text::sanitize;
use crate::base::text::{sh_path, sh_word};
use crate::base::types::Invalid;
use crate::catalogue::{FileDiagnostic, OpenPort, Reason};
use crate::clients::archive::Fault as ArchiveFault;
use crate::clients::checksum::Unusable;
use crate::clients::download::Fault;
use crate::clients::install::Tried;
use crate::guest::control::Culprit;
use crate::services::detect::State;
use crate::ui::{Explanation, StdoutError};

/// How the program ends; part of its interface (README, "Exit codes").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// Done.
    Done = 0,
    /// Wrong usage, or any failure that no other code stands for.
    Failure = 1,
    /// The machine is not running or cannot be reached.
    Unreachable = 3,
    /// The service is not running in the machine, or the command cannot be carried out.
    NotRunning = 126,
}

/// Why nothing was heard from a service, the reason that explains most last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Silence {
    /// No way there, or no answer in time.
    Lost,
    /// Somebody else answers.
    Stranger,
    /// The guest answers that nobody listens, or the service that it is not ready.
    Refused,
}

/// What an error of a module means to the user. This folder has a file for each module.
pub(crate) trait Explain: StdError {
    /// The exit code that stands for it.
    fn exit_code(&self) -> ExitCode;

    /// What to type next.
    fn hint(&self) -> Option<String>;

    /// The messages of what caused it, outermost first.
    fn causes(&self) -> Vec<String>
    where
        Self: Sized,
    {
        causes(self)
    }
}

impl Explain for Timeout {
    fn exit_code(&self) -> ExitCode {
        ExitCode::Unreachable
    }

    fn hint(&self) -> Option<String> {
        Some("`--timeout SECONDS` waits longer".into())
    }
}

/// What failed. Text that came from the guest is in it only as a validated type or through
/// [`sanitize`], which every message passes on its way to the terminal.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message says what a variant is")]
pub enum Error {
    // What the modules say.
    #[error(transparent)]
    Files(#[from] files_of_host::Error),
    #[error(transparent)]
    Timeout(#[from] Timeout),
    #[error(transparent)]
    WorkerPanicked(#[from] WorkerPanicked),
    #[error(transparent)]
    NoHome(#[from] NoHome),
    #[error(transparent)]
    Machine(#[from] crate::machine::Error),

    // Usage and configuration.
    #[error("{what} is {source}")]
    Value { what: String, source: Invalid },
    #[error("there is no command `{name}`")]
    UnknownCommand { name: String, nearest: Option<String>, known: Vec<String> },
    #[error("several machines are named: {}", .machines.join(", "))]
    OneMachine { machines: Vec<String> },
    #[error("{variable} can only be that of one machine, not of {}", .machines.join(" and "))]
    OneValue { variable: String, machines: Vec<String> },
    #[error("`{machine}` cannot be asked")]
    NotAsked { machine: String, source: Box<Error> },
    #[error("two machines are called `{machine}`, so their contexts would be too")]
    Namesakes { machine: String },

    // The services' files.
    #[error("there is no service `{name}`")]
    UnknownService { name: String, nearest: Option<String>, known: Vec<String> },
    #[error("`{service}` is a client only, so nothing of it is in a machine")]
    ClientOnly { service: String },
    #[error("the service file `{file}` is not valid")]
    ServiceFile { file: String, source: serde_json::Error },
    #[error("the service files have {} mistake{}", .mistakes.len(), if .mistakes.len() == 1 { "" } else { "s" })]
    ServiceFiles { mistakes: Vec<FileDiagnostic> },
    #[error("{wrong} of {all} service files {} not valid", if *.wrong == 1 { "is" } else { "are" })]
    ServiceFilesNotValid { wrong: usize, all: usize },
    #[error("could not write a service file")]
    ServiceText { source: serde_yaml::Error },
    #[error("could not write a kubeconfig")]
    KubeconfigText { source: serde_yaml::Error },
    #[error("the value of {name} cannot be written for a shell")]
    Unprintable { name: String },
    #[error("`{}` cannot be written for every shell: it is not UTF-8", .path.display())]
    PathNotText { path: PathBuf },
    #[error("kubectl takes `:` for the end of a path, and there is one in `{}`", .path.display())]
    ColonInPath { path: PathBuf },

    // The clients.
    #[error("no client is known for {service}")]
    NoClient { service: String },
    #[error("nobody says which version of `{program}` is wanted")]
    VersionNeeded { program: String },
    #[error("{service} does not say which version it is")]
    NoVersion { service: String },
    #[error("`{alias}` is no version of `{program}`")]
    UnknownAlias { alias: String, program: String, known: Vec<String> },
    #[error("only its publisher can say which version of `{program}` is `{alias}`")]
    AliasNotAsked { program: String, alias: String },
    #[error("could not find out which version `{alias}` is at `{url}`: {what}")]
    AliasUnclear { alias: String, url: String, what: String },
    #[error("`{program}` {version} is not made for {platform}")]
    NotOffered { program: String, version: String, platform: String },
    #[error("`{program}` {version} for {platform} is not published")]
    NotPublished { program: String, version: String, platform: String, tried: Vec<Tried> },
    #[error("`{program}` {version} is not in the cache")]
    NotCached { program: String, version: String },
    #[error("could not download `{url}`")]
    Download { url: String, source: Fault },
    #[error("nothing can be downloaded")]
    Network { source: Fault },
    #[error("`{url}` says no checksum")]
    ChecksumFile { url: String, source: Unusable },
    #[error("the publisher has no checksum for `{url}`")]
    ChecksumMissing { url: String, tried: Vec<Tried> },
    #[error("`{url}` is not what it should be: {said_by} says {}, it has {got}", .expected.join(" or "))]
    ChecksumMismatch { url: String, expected: Vec<String>, said_by: String, got: String, sha256: String },
    #[error("nobody publishes a checksum for `{url}`")]
    ChecksumRequired { url: String },
    #[error("the archive `{url}` cannot be used")]
    Archive { url: String, source: ArchiveFault },
    #[error("the mirror `{text}` {what}")]
    Mirror { text: String, what: &'static str },
    #[error("the settings in `{}` are not valid", .path.display())]
    Settings { path: PathBuf, source: serde_yaml::Error },
    #[error("others than you can write `{}`", .path.display())]
    SharedPrograms { path: PathBuf },
    #[error("others than you can read `{}`, and there is a password in it", .path.display())]
    SharedPassword { path: PathBuf },
    #[error("{count} of {all} clients {} not what was installed", if *.count == 1 { "is" } else { "are" })]
    DamagedClients { count: usize, all: usize, services: Vec<String> },
    #[error("`{program}`{} is not installed", .version.as_ref().map(|version| format!(" {version}")).unwrap_or_default())]
    NoSuchClient { program: String, version: Option<String>, known: Vec<String> },
    #[error("a PATH has `:` between its folders, and there is one in `{}`", .path.display())]
    ColonOnPath { path: PathBuf },

    // Files on the host.
    #[error(transparent)]
    Stdout(#[from] StdoutError),
    #[error("the system has no random numbers")]
    NoRandom { source: Box<dyn StdError + Send + Sync> },
    #[error("`{}` is left as it is", .path.display())]
    Merge { path: PathBuf, source: MergeRefusal },
    #[error("could not take `{machine}` out of `{}`", .path.display())]
    NotTakenOut { machine: String, path: PathBuf, contexts: Vec<String>, source: Box<Error> },
    #[error("`{service}` after `--merge` would be the name of a file")]
    ServiceAsFile { service: String },

    // The way to the guest.
    #[error("the host `{host}` is not known")]
    UnknownHost { host: String, source: io::Error },
    #[error("could not connect to {place}")]
    Connect { place: String, source: io::Error },
    #[error("could not agree with {place} on how to talk SSH")]
    Handshake { place: String, source: ssh2::Error },
    #[error("could not reach {place} through the jump host")]
    Jump { place: String, source: ssh2::Error },
    #[error("the connection ended early")]
    ConnectionLost { source: Box<dyn StdError + Send + Sync> },
    #[error("the host key of {place} is of a kind that is not understood")]
    HostKeyUnknown { place: String },
    #[error("the host key of {place} is not the one learnt before: {known} was known, {offered} is offered")]
    HostKeyChanged { machine: String, place: String, known: String, offered: String },
    #[error("no key of `{user}` is accepted by {place}{}", list(" (tried ", .tried, ")"))]
    AuthenticationFailed { user: String, place: String, tried: Vec<String> },
    #[error("none of the first keys of `{user}` is accepted by {place}, and it takes no more{}", list(" (tried ", .tried, ")"))]
    TooManyKeys { user: String, place: String, tried: Vec<String> },
    #[error("the key `{}` is protected by a passphrase and no agent holds it", .path.display())]
    KeyLocked { path: PathBuf },
    #[error("could not use the key `{}`", .path.display())]
    Key { path: PathBuf, source: io::Error },

    // What the guest answered.
    #[error("the guest's answer is longer than {} KiB", .limit >> 10)]
    AnswerTooLong { limit: usize },
    #[error("the guest's answer is not complete{}", said(.stderr))]
    AnswerIncomplete { stderr: String },
    #[error("the guest's answer is malformed")]
    AnswerMalformed,
    #[error("the guest does not say what runs in it")]
    NoRelease,
    #[error("the guest has no address the host could use")]
    NoAddress,

    // The service.
    #[error("there is no {service} in `{machine}`")]
    NotInstalled { service: String, machine: String },
    #[error("{service} is {} in `{machine}`", .state.as_str())]
    NotRunning { service: String, machine: String, state: State, start: Option<String> },
    #[error("nothing in `{machine}` can {verb} {service}, as {flavour} has it")]
    NoControl { verb: &'static str, service: String, flavour: String, machine: String, start: Option<String> },
    #[error("could not {verb} {service} in `{machine}`: {culprit}")]
    NotDone { verb: &'static str, service: String, machine: String, culprit: Culprit, said: Vec<String> },
    #[error("the proxy is {source}")]
    ProxyValue { source: Invalid },
    #[error("the proxy needs {what}")]
    ProxyIncomplete { what: &'static str },
    #[error("`{option}` is for {service}, which is not named")]
    OptionMisplaced { option: &'static str, service: &'static str },
    #[error("`{option}` is not for {service} as {flavour} has it")]
    OptionUnfit { option: &'static str, service: String, flavour: String, hint: Option<String> },
    #[error("to start {service}, `{machine}` would stop {}", .others.join(", "))]
    WouldStop { service: String, machine: String, others: Vec<String> },
    #[error("{service} and {other} cannot both be started in `{machine}`: {service} stops {other}")]
    Rivals { service: String, machine: String, other: String },
    #[error("{service} in `{machine}` is not {wanted} after {} s", .limit.as_secs_f32())]
    NotYet {
        service: String,
        machine: String,
        wanted: &'static str,
        limit: Duration,
        source: Option<Box<Error>>,
    },
    #[error("`{user}` cannot use sudo without being asked in `{machine}`, and {what}{}", said(.stderr))]
    NoSudo { user: String, machine: String, what: String, stderr: String },
    #[error("`{user}` cannot read `{path}` in `{machine}`")]
    NotReadable { user: String, machine: String, path: String },
    #[error("`{machine}` has no `{path}`, which {service} ({flavour}) should have")]
    NoCredentials { service: String, flavour: String, machine: String, path: String },
    #[error("{what} has no kubeconfig")]
    NoKubeconfig { what: String },
    #[error("{service} in `{machine}` {}", .reason.because)]
    NoAccess { service: String, machine: String, ssh: String, reason: Reason, ports: Vec<OpenPort> },
    #[error("the credentials for {service} in `{path}` of `{machine}` are refused")]
    CredentialsInvalid { service: String, path: String, machine: String, source: Refusal, remedy: String },
    #[error("the kubeconfig `{path}` in `{machine}` is refused")]
    Kubeconfig { path: String, machine: String, source: Refusal },
    #[error("{service} does not answer at any address of `{machine}`{}", list(": ", .tried, ""))]
    NoAnswer {
        service: String,
        machine: String,
        tried: Vec<String>,
        silence: Silence,
        path: String,
        unit: Option<String>,
    },
    #[error("the certificate of {service} at {place} is not valid for any address of `{machine}` (it is for {})", some(.names))]
    CertificateNames { service: String, machine: String, place: String, names: Vec<String>, remedy: String },
    #[error("the certificate of {service} at {place} is not valid")]
    Certificate { service: String, place: String, source: Box<dyn StdError + Send + Sync>, remedy: String },
    #[error("the {what} in `{path}` of `{machine}` expired on {on}")]
    CredentialsExpired { what: &'static str, path: String, machine: String, on: String, remedy: String },
    #[error("{service} at {place} does not accept the credentials in `{path}` of `{machine}` ({reason})")]
    CredentialsRefused {
        service: String,
        machine: String,
        place: String,
        path: String,
        reason: String,
        remedy: String,
    },
    #[error("{service} at {place} answers what this program does not understand")]
    Response { service: String, place: String, source: Box<dyn StdError + Send + Sync> },
}

impl Error {
    /// The exit code that stands for this failure.
    #[allow(clippy::too_many_lines, reason = "a table: one entry per variant")]
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Files(error) => error.exit_code(),
            Self::Timeout(error) => error.exit_code(),
            Self::Machine(error) => error.exit_code(),
            Self::WorkerPanicked(_)
            | Self::NoHome(_)
            | Self::Value { .. }
            | Self::UnknownCommand { .. }
            | Self::NotAsked { .. }
            | Self::OneMachine { .. }
            | Self::OneValue { .. }
            | Self::Namesakes { .. }
            | Self::ProxyValue { .. }
            | Self::ProxyIncomplete { .. }
            | Self::OptionMisplaced { .. }
            | Self::ServiceFile { .. }
            | Self::ServiceFiles { .. }
            | Self::ServiceFilesNotValid { .. }
            | Self::ServiceText { .. }
            | Self::Network { .. }
            | Self::Mirror { .. }
            | Self::Settings { .. }
            | Self::SharedPrograms { .. }
            | Self::SharedPassword { .. }
            | Self::DamagedClients { .. }
            | Self::ColonOnPath { .. }
            | Self::Unprintable { .. }
            | Self::ColonInPath { .. }
            | Self::KubeconfigText { .. }
            | Self::Stdout(_)
            | Self::NoRandom { .. }
            | Self::Merge { .. }
            | Self::NotTakenOut { .. }
            | Self::ServiceAsFile { .. }
            | Self::PathNotText { .. } => ExitCode::Failure,
            Self::UnknownHost { .. }
            | Self::Connect { .. }
            | Self::Handshake { .. }
            | Self::Jump { .. }
            | Self::ConnectionLost { .. }
            | Self::HostKeyUnknown { .. }
            | Self::HostKeyChanged { .. }
            | Self::AuthenticationFailed { .. }
            | Self::TooManyKeys { .. }
            | Self::KeyLocked { .. }
            | Self::Key { .. } => ExitCode::Unreachable,
            Self::UnknownService { .. }
            | Self::ClientOnly { .. }
            | Self::NoClient { .. }
            | Self::VersionNeeded { .. }
            | Self::NoVersion { .. }
            | Self::UnknownAlias { .. }
            | Self::AliasUnclear { .. }
            | Self::AliasNotAsked { .. }
            | Self::NotOffered { .. }
            | Self::NotPublished { .. }
            | Self::NotCached { .. }
            | Self::Download { .. }
            | Self::ChecksumFile { .. }
            | Self::ChecksumMissing { .. }
            | Self::ChecksumMismatch { .. }
            | Self::ChecksumRequired { .. }
            | Self::Archive { .. }
            | Self::NoSuchClient { .. }
            | Self::AnswerTooLong { .. }
            | Self::AnswerIncomplete { .. }
            | Self::AnswerMalformed
            | Self::NoAddress
            | Self::NoRelease
            | Self::NotInstalled { .. }
            | Self::NotRunning { .. }
            | Self::NoControl { .. }
            | Self::NotDone { .. }
            | Self::WouldStop { .. }
            | Self::Rivals { .. }
            | Self::OptionUnfit { .. }
            | Self::NotYet { .. }
            | Self::NoSudo { .. }
            | Self::NotReadable { .. }
            | Self::NoCredentials { .. }
            | Self::NoAccess { .. }
            | Self::NoKubeconfig { .. }
            | Self::CredentialsInvalid { .. }
            | Self::Kubeconfig { .. }
            | Self::NoAnswer { .. }
            | Self::CertificateNames { .. }
            | Self::Certificate { .. }
            | Self::CredentialsExpired { .. }
            | Self::CredentialsRefused { .. }
            | Self::Response { .. } => ExitCode::NotRunning,
        }
    }

    /// What to type next.
    #[allow(clippy::too_many_lines, reason = "a table: one entry per variant")]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Files(error) => return error.hint(),
            Self::Timeout(error) => return error.hint(),
            Self::Machine(error) => return error.hint(),
            Self::Value { .. } => {
                "correct it, or name the machine with `--host USER@HOST --identity KEY`".into()
            }
            Self::UnknownCommand { nearest: Some(nearest), .. }
            | Self::UnknownService { nearest: Some(nearest), .. } => format!("did you mean `{nearest}`?"),
            Self::NotAsked { source, .. } => return source.hint(),
            Self::OneMachine { .. } => "name one; only `env` and `status` take several".into(),
            Self::OneValue { .. } => {
                "name a service whose variables can be joined, as in `service-manager env kubernetes`; or one machine".into()
            }
            Self::Namesakes { .. } => "name one of them".into(),
            Self::ClientOnly { service } => format!("`service-manager install-cli {service}`"),
            Self::UnknownCommand { known, .. } if known.is_empty() => return None,
            Self::UnknownCommand { known, .. } => format!("there are: {}", known.join(", ")),
            Self::UnknownService { known, .. } => format!("known services: {}", known.join(", ")),
            Self::NoClient { .. } => "`service-manager services list` shows those that have one".into(),
            Self::VersionNeeded { .. } | Self::NoVersion { .. } => "name it with `--cli-version VERSION`".into(),
            Self::UnknownAlias { known, .. } if known.is_empty() => "name a version: `--cli-version N.N.N`".into(),
            Self::UnknownAlias { known, .. } => format!("name a version, or one of: {}", known.join(", ")),
            Self::AliasUnclear { .. } | Self::AliasNotAsked { .. } => "name the version: `--cli-version N.N.N`".into(),
            Self::NotOffered { .. } => "`--platform` names another one, `--cli-version` another version".into(),
            Self::NotPublished { .. } => {
                "`--cli-version` names another version; if you have the file, put it where a mirror would have it: \
                `SERVICE_MANAGER_MIRROR=https://=file:///FOLDER`"
                    .into()
            }
            Self::NotCached { .. } => "leave out `--offline`".into(),
            Self::Download { source, .. } | Self::Network { source } => return download_hint(source),
            Self::ChecksumFile { .. } => "if a proxy or a mirror stands in between, ask its owner".into(),
            Self::ChecksumMissing { .. } => "`--checksum sha256:HEX` says what it should be".into(),
            Self::ChecksumMismatch { sha256, .. } => format!(
                "do not use it, unless you know why it was replaced; then `--checksum {sha256}` accepts it"
            ),
            Self::ChecksumRequired { .. } => {
                "`--checksum sha256:HEX` says what it should be; or leave out `--require-checksum`".into()
            }
            Self::Archive { source: ArchiveFault::Disk(source), .. } => return disk_hint(source),
            Self::Archive { .. } => "`--cli-version` names another version".into(),
            Self::Mirror { .. } => {
                "write `FROM=TO`: an address with `https://`, and `https://…`, `file:///…` or, with \
                `allow_http: true` in the settings, `http://…`"
                    .into()
            }
            Self::DamagedClients { services, .. } => {
                format!("`service-manager clients uninstall {}`, then install it again", services.first()?)
            }
            Self::NoSuchClient { known, .. } if known.is_empty() => {
                "`service-manager clients list` shows what is installed".into()
            }
            Self::NoSuchClient { known, .. } => format!("installed: {}", known.join(", ")),
            Self::ColonOnPath { .. } => "set SERVICE_MANAGER_HOME, or give `--path`, to a folder without `:`".into(),
            Self::NoHome(_) => "set HOME, or SERVICE_MANAGER_HOME to a folder of your own".into(),
            Self::PathNotText { .. } => "set SERVICE_MANAGER_HOME to a folder whose path is".into(),
            Self::ColonInPath { .. } => "set SERVICE_MANAGER_HOME to a folder without `:`".into(),
            Self::SharedPrograms { path } => format!("`chmod go-w {}`, if it is yours", sh_path(path)),
            Self::SharedPassword { path } => format!("`chmod 600 {}`", sh_path(path)),
            Self::Merge { source, path } => merge_hint(source, path),
            Self::NotTakenOut { path, contexts, .. } => format!(
                "what is called `{}` in there is left: `kubectl config --kubeconfig {} delete-context {}` removes it, \
                 with `delete-cluster` and `delete-user`",
                contexts.join("`, `"),
                sh_path(path),
                sh_word(contexts.first()?)
            ),
            Self::ServiceAsFile { service } => {
                format!(
                    "`service-manager kubeconfig {service} --merge`, or `--merge ./{service}` for the file"
                )
            }
            Self::UnknownHost { .. } => {
                "check the spelling after `--host`, or `HostName` in the ssh config".into()
            }
            Self::Connect { .. } => "start the machine (`vagrant up`), or check host and port".into(),
            Self::Handshake { place, .. } => format!("check that an SSH server listens at {place}"),
            Self::Jump { place, .. } => format!("from the jump host, `ssh-keyscan` should reach {place}"),
            Self::ConnectionLost { .. } => "try again; `-v` shows how far it came".into(),
            Self::HostKeyUnknown { .. } => "give the machine an ed25519, ECDSA or RSA host key".into(),
            Self::HostKeyChanged { machine, .. } => format!(
                "if the machine was rebuilt: `service-manager machines forget {machine}`, \
                 then name it again with `--ssh-config` or `--host`; if not, somebody may be in between"
            ),
            Self::AuthenticationFailed { .. } | Self::TooManyKeys { .. } => {
                "name the machine's key with `--identity FILE`".into()
            }
            Self::KeyLocked { path } => format!("`ssh-add {}`", sh_path(path)),
            Self::Key { .. } => "name another key with `--identity FILE`".into(),
            Self::AnswerIncomplete { .. } | Self::AnswerMalformed => {
                "check that the user's login shell in the machine can run `sh`".into()
            }
            Self::NotInstalled { .. } | Self::NoKubeconfig { .. } => {
                "`service-manager status` shows what the machine has".into()
            }
            Self::NotRunning { start: Some(start), .. } => start.clone(),
            Self::NotRunning { service, .. } => format!("`service-manager start {service}`"),
            Self::NoControl { start, .. } => return start.clone(),
            Self::NotDone { culprit: Culprit::Unit(unit), .. } => {
                format!("in the machine: `sudo systemctl status {unit}`")
            }
            Self::NotDone { culprit: Culprit::File(path), .. } => {
                format!("in the machine: `sudo ls -ld '{path}'`")
            }
            Self::NotDone { culprit: Culprit::Tls, .. } => {
                "set it up by hand: https://docs.docker.com/engine/security/protect-access/".into()
            }
            Self::NotDone { culprit: Culprit::Busy, verb, service, .. } => {
                format!("when that has ended: `service-manager {verb} {service}`")
            }
            Self::NotDone { culprit: Culprit::Socket(_) | Culprit::Sccli(_), .. } => {
                "in the machine: `sudo journalctl --boot --pager-end`".into()
            }
            Self::ProxyValue { .. } | Self::ProxyIncomplete { .. } => {
                "`--proxy http://HOST:PORT --proxy-user USER`, with the password in SERVICE_MANAGER_PROXY_PASSWORD; \
                or all three as `proxy` in config.yaml"
                    .into()
            }
            Self::OptionMisplaced { option, service } => {
                format!("name it, as in `service-manager start {service}`, or leave out `{option}`")
            }
            Self::OptionUnfit { option, hint, .. } => {
                hint.clone().unwrap_or_else(|| format!("leave out `{option}`"))
            }
            Self::WouldStop { service, .. } => format!("`service-manager start {service} --replace`"),
            Self::Rivals { service, other, .. } => {
                format!("`service-manager start {service}`, or `service-manager start {other}`")
            }
            Self::NotYet { source, .. } => {
                let hint = source.as_ref().and_then(|source| source.hint());
                hint.unwrap_or_else(|| "`--timeout SECONDS` waits longer".into())
            }
            Self::NoAccess { reason, ssh, .. } => reason.help.replace("{ssh}", ssh),
            Self::NoAnswer { silence: Silence::Refused, unit, .. } => {
                format!(
                    "it may be starting; else, in the machine: `sudo systemctl restart {}`",
                    unit.as_ref()?
                )
            }
            Self::NoAnswer { silence: Silence::Stranger, path, .. } => {
                format!("check that `{path}` in the machine belongs to the cluster that runs there")
            }
            Self::NoAnswer { silence: Silence::Lost, .. } => {
                "give the machine an address that this host can reach, \
                as `config.vm.network \"private_network\", type: \"dhcp\"` in a Vagrantfile does"
                    .into()
            }
            Self::NoSudo { user, stderr, .. } if stderr.contains("a tty") => format!(
                "in the machine, as root: `echo 'Defaults:{user} !requiretty' > /etc/sudoers.d/service-manager`"
            ),
            Self::NoSudo { user, .. } => format!(
                "in the machine, as root: \
                 `echo '{user} ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/service-manager`; or log in as root"
            ),
            Self::NotReadable { user, path, .. } => format!("in the machine: `sudo chown {user} {path}`"),
            Self::CredentialsInvalid { remedy, .. }
            | Self::CertificateNames { remedy, .. }
            | Self::Certificate { remedy, .. }
            | Self::CredentialsExpired { remedy, .. }
            | Self::CredentialsRefused { remedy, .. } => remedy.clone(),
            Self::Kubeconfig { path, .. } => format!(
                "put one there whose user has a certificate, a token or a password: in the machine, \
                 `kubectl --kubeconfig {path} config view` shows it"
            ),
            Self::NoCredentials { path, .. } => format!("in the machine: `sudo ls -l {path}`"),
            Self::ServiceFiles { .. } => {
                "correct them, until `service-manager services validate` finds none".into()
            }
            Self::WorkerPanicked(_)
            | Self::ServiceFile { .. }
            | Self::Settings { .. }
            | Self::ServiceFilesNotValid { .. }
            | Self::ServiceText { .. }
            | Self::Unprintable { .. }
            | Self::KubeconfigText { .. }
            | Self::Stdout(_)
            | Self::NoRandom { .. }
            | Self::AnswerTooLong { .. }
            | Self::NoAddress
            | Self::NoRelease
            | Self::Response { .. } => return None,
        })
    }

    /// The whole of it for people: what failed, why, and what to type next in place of `typed`.
    pub(crate) fn explain(&self, typed: &Invocation) -> Explanation {
        let hint = self.hint().map(|hint| typed.complete(&hint));
        Explanation::new(&self.to_string(), &self.causes(), hint.as_deref())
    }

    /// The messages of what caused this, outermost first.
    pub fn causes(&self) -> Vec<String> {
        if let Self::ServiceFiles { mistakes } = self {
            return mistakes.iter().map(ToString::to_string).collect();
        }
        if let Self::NotPublished { tried, .. } | Self::ChecksumMissing { tried, .. } = self {
            return tried.iter().map(|Tried { url, answer }| format!("{url}: {answer}")).collect();
        }
        if let Self::NotDone { said, .. } = self {
            return said.clone();
        }
        match self {
            Self::Files(error) => error.causes(),
            Self::Machine(error) => error.causes(),
            _ => causes(self),
        }
    }
}

fn list(before: &str, items: &[String], after: &str) -> String {
    if items.is_empty() { String::new() } else { format!("{before}{}{after}", items.join(", ")) }
}

/// The first of what may be very many.
fn some(names: &[String]) -> String {
    match names.len().checked_sub(MOST_NAMES) {
        _ if names.is_empty() => "none".to_owned(),
        None | Some(0) => names.join(", "),
        Some(more) => format!("{} and {more} more", names[..MOST_NAMES].join(", ")),
    }
}

fn said(stderr: &str) -> String {
    if stderr.trim().is_empty() { String::new() } else { format!("; it said: {}", sanitize(stderr)) }
}

fn download_hint(fault: &Fault) -> Option<String> {
    Some(match fault {
        Fault::Tls(_) => "name the authority of your network in SSL_CERT_FILE, as a PEM file".into(),
        Fault::Proxy => "give them in HTTPS_PROXY: `http://USER:PASSWORD@HOST:PORT`, `@` in them written as `%40`".into(),
        Fault::Disk(source) => return disk_hint(source),
        Fault::Network(_) | Fault::Slow(_) | Fault::Short { .. } => {
            "try again: it goes on from where it ended; behind a proxy set HTTPS_PROXY, without a network `--offline`"
                .into()
        }
        Fault::Status(..) | Fault::Redirect(_) | Fault::Large { .. } | Fault::NotText => {
            "SERVICE_MANAGER_MIRROR names another place to download from".into()
        }
    })
}

fn disk_hint(error: &io::Error) -> Option<String> {
    is_full(error).then(|| "free some space there, or set SERVICE_MANAGER_HOME to another disk".into())
}

fn merge_hint(refusal: &MergeRefusal, path: &Path) -> String {
    match refusal {
        MergeRefusal::NotYaml(_) => format!("correct it, or {ANOTHER_FILE}"),
        MergeRefusal::Twice { .. } => format!("remove one of them, or {ANOTHER_FILE}"),
        MergeRefusal::Taken { list, name } => format!(
            "`kubectl config --kubeconfig {} delete-{list} {name}` removes it; or {ANOTHER_FILE}",
            sh_path(path),
            name = sh_word(name)
        ),
        MergeRefusal::OtherMachine { machine, .. } => {
            format!("`service-manager machines forget {machine}` removes it; or {ANOTHER_FILE}")
        }
        MergeRefusal::NotKubeconfig(_) | MergeRefusal::Rest => ANOTHER_FILE.into(),
    }
}

/// Of a certificate that are told.
const MOST_NAMES: usize = 10;
