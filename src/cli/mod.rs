//! The command line. The doc comments here are the help.

mod advice;
mod command_of_exec;
mod elsewhere;
mod refusal;
mod words;

use std::convert::Infallible;
use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use secrecy::SecretString;

use self::advice::{advise, name_of_command};
pub(crate) use self::command_of_exec::{CommandPlace, Separated, separate};
pub(crate) use self::refusal::Refusal;
pub(crate) use self::words::is_about_a_machine;
use crate::base::types::{
    DockerContextName, ImageName, ImageRegistry, ImageTag, MachineName, Version, VersionAlias,
};
use crate::catalogue::platform::Platform;
use crate::clients::checksum::{Checksum, ChecksumAlgorithm};
use crate::export::shell::{HookTarget, Shell};
use crate::guest::control::Image;
use crate::guest::journal::JournalTime;
use crate::guest::tunnel::PortMapping;
use crate::machine::Address;
use crate::services::ContextChoice;
use crate::settings::TunnelMode;
use crate::ui::ColorChoice;

/// Makes the services inside a development VM usable from here
#[derive(Debug, Parser)]
#[command(name = "service-manager", version, propagate_version = true, subcommand_required = true)]
#[command(after_help = "Examples:
  eval \"$(service-manager env kubernetes)\"     kubectl now talks to the machine's cluster
  service-manager status                       what runs in there
  service-manager --host dev@192.0.2.7 status  a machine that needs no Vagrant

Exit codes: 0 done, 1 failure, 3 machine not reachable, 126 service not running")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) global: Global,
}

impl Cli {
    /// Parses `arguments`, the program's name first. Usage and examples begin with `program`, which is what the user
    /// types to start it.
    pub(crate) fn parse_as(program: &str, arguments: &[OsString]) -> Result<Self, Refusal> {
        let mut command = Self::command().bin_name(program);
        if program != command.get_name() {
            command = with_examples_of(command, program);
        }
        let matches = command
            .try_get_matches_from_mut(arguments)
            .map_err(|refusal| advise(refusal.apply(), &mut command, program, arguments))?;
        Self::from_arg_matches(&matches).map_err(|refusal| refusal.format(&mut command).apply())
    }
}

/// Has every example begin with `program`.
fn with_examples_of(command: clap::Command, program: &str) -> clap::Command {
    let examples = command.get_after_help().map(ToString::to_string);
    let examples = examples.map(|text| text.replace("service-manager ", &format!("{program} ")));
    let command = command.mut_subcommands(|below| with_examples_of(below, program));
    match examples {
        Some(examples) => command.after_help(examples),
        None => command,
    }
}

/// The form of what is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

/// The form of what `env` prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum EnvFormat {
    /// For people, and for shells
    #[default]
    Text,
    /// For programs
    Json,
    /// NAME=value lines without quotes
    Dotenv,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Env(EnvArgs),
    Exec(ExecArgs),
    Status(StatusArgs),
    Doctor(DoctorArgs),
    Start(StartArgs),
    Stop(StopArgs),
    Restart(RestartArgs),
    Kubeconfig(KubeconfigArgs),
    DockerContext(DockerContextArgs),
    Box(BoxArgs),
    Ssh(SshArgs),
    Logs(LogsArgs),
    Console(ConsoleArgs),
    Machines(MachinesArgs),
    Services(ServicesArgs),
    InstallCli(InstallCliArgs),
    Clients(ClientsArgs),
    Hook(HookArgs),
    Forward(ForwardArgs),
    Tunnel(TunnelArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
}

/// Prints the variables that the host's clients need
///
/// Connects to the service with what it prints before it prints it. Without a SERVICE: those of all running
/// services.
#[derive(Clone, Debug, Default, Args)]
#[command(after_help = "Example: eval \"$(service-manager env kubernetes)\"")]
pub(crate) struct EnvArgs {
    /// The service, for example `kubernetes`
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
    /// The shell to write for; otherwise the one this was started from
    #[arg(long, value_name = "SHELL", ignore_case = true, value_parser = shell_parser())]
    pub(crate) shell: Option<Shell>,
    /// Print what removes the variables; asks no machine
    #[arg(long, conflicts_with_all = ["script_readable", "chosen"])]
    pub(crate) unset: bool,
    /// Print NAME=value lines and nothing else
    #[arg(long)]
    pub(crate) script_readable: bool,
    /// Print text, JSON, or dotenv: NAME=value lines without quotes, for `$GITHUB_ENV` and `--env-file`
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    #[arg(conflicts_with_all = ["script_readable", "shell"])]
    pub(crate) output: EnvFormat,
    #[command(flatten)]
    pub(crate) freshness: Freshness,
    #[command(flatten)]
    pub(crate) more: MoreVariables,
    #[command(flatten)]
    pub(crate) kube_context: KubeContext,
}

/// Variables that are printed on request.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct MoreVariables {
    /// Print `DOCKER_API_VERSION` too, which Docker clients that are newer than the daemon once needed
    #[arg(long)]
    pub(crate) api_version: bool,
    /// Print `NO_PROXY` too, with the machine's address added, where this host has a proxy
    #[arg(long, conflicts_with = "unset")]
    pub(crate) no_proxy: bool,
}

/// Runs a command with the variables of `env`, in place of this program
///
/// Everything behind `--` is the command's own. Without `--` it begins with the first word that is no service. `kubectl`,
/// `oc` and `docker` are the installed ones that fit the server. Without a COMMAND: your shell, with
/// `SERVICE_MANAGER_EXEC` set to the machine's name.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  service-manager exec kubernetes -- kubectl get pods
  service-manager exec docker kubernetes -- ./deploy.sh
  service-manager exec kubernetes               a shell with the variables

Exit codes: those of the command; before it runs 3 machine not reachable, 126 service not running
or command not executable, 127 no such command")]
pub(crate) struct ExecArgs {
    /// The service, for example `kubernetes`; without one, all that run
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
    /// The command and its arguments
    #[arg(value_name = "COMMAND", last = true)]
    pub(crate) command: Vec<OsString>,
    /// The version of the client, if COMMAND is one; otherwise one that fits the server
    #[arg(long, value_name = "VERSION")]
    pub(crate) client_version: Option<Version>,
    /// Take the client on the PATH, or any installed one, whether it fits the server or not
    #[arg(long, conflicts_with = "client_version")]
    pub(crate) any_version: bool,
    /// Install no client
    #[arg(long)]
    pub(crate) offline: bool,
    #[command(flatten)]
    pub(crate) kube_context: KubeContext,
}

/// Which context of a kubeconfig in the machine is meant.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct KubeContext {
    /// The context of the kubeconfig in the machine, where it has several; from then on too, `-` for its current one
    #[arg(long = "context", value_name = "CONTEXT")]
    pub(crate) chosen: Option<ContextChoice>,
}

/// How much of what was found out before is enough; otherwise what is proved to be good still.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Freshness {
    /// Ask the machine, even if all is known and still good
    #[arg(long, conflicts_with = "unset")]
    pub(crate) refresh: bool,
    /// Print what was good last time, without looking whether it still is; for prompts
    #[arg(long, conflicts_with_all = ["refresh", "unset", "output", "api_version", "no_proxy", "chosen"])]
    pub(crate) cached: bool,
}

/// Shows the state of the services
///
/// A table on a terminal; elsewhere a line for each, as `kubernetes - running`.
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager status --watch")]
pub(crate) struct StatusArgs {
    /// The service, for example `kubernetes`; without one, all
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
    /// Print lines on a terminal too, without colours
    #[arg(long)]
    pub(crate) script_readable: bool,
    /// Print text, or JSON for programs
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    #[arg(conflicts_with = "script_readable")]
    pub(crate) output: OutputFormat,
    /// Ask all machines that were used from here, at once
    #[arg(long, conflicts_with_all = ["machines", "ssh_config", "host"])]
    pub(crate) all: bool,
    /// Stay until `q` or Ctrl-C and show what changes; looks every SECONDS, or 2
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "2")]
    #[arg(value_parser = parse_seconds)]
    pub(crate) watch: Option<Duration>,
    /// The context of the kubeconfig in the machine, where it has several; `-` for its current one
    #[arg(long = "context", value_name = "CONTEXT")]
    pub(crate) kube_context: Option<ContextChoice>,
}

/// Finds out why `env` fails, or whether it would
///
/// Asks all that `env` depends on, one step after the other, and goes on past a problem where it can. It changes nothing.
/// The last line is the summary.
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager doctor kubernetes
Exit codes: 0 `env` works, else the one that it would end with")]
pub(crate) struct DoctorArgs {
    /// The service, for example `kubernetes`; without one, all
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
    /// Print text, or JSON for programs
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    pub(crate) output: OutputFormat,
    /// Print every step, for an issue: without secrets, names of users and addresses
    #[arg(long, conflicts_with = "output")]
    pub(crate) report: bool,
    /// Leave the names of users and the addresses in the report
    #[arg(long, requires = "report")]
    pub(crate) with_addresses: bool,
}

/// Starts services, now and whenever the machine boots
///
/// Returns when they answer, and then has written what their clients need, as `env` does.
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager start kubernetes")]
pub(crate) struct StartArgs {
    /// The services, for example `kubernetes`
    #[arg(value_name = "SERVICE", required = true)]
    pub(crate) services: Vec<String>,
    /// Stop what cannot run beside it
    #[arg(long)]
    pub(crate) replace: bool,
    /// Say what is wrong with this command, as far as that is known without asking the machine; start nothing
    #[arg(long)]
    pub(crate) check: bool,
    /// Have Docker talk TLS, which restarts it once: makes keys, and a drop-in for its unit
    #[arg(long)]
    pub(crate) tls: bool,
    /// Print text, or JSON for programs
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    #[arg(conflicts_with = "check")]
    pub(crate) output: OutputFormat,

    #[command(flatten)]
    pub(crate) proxy: ProxyArgs,

    /// The registry of the image, for `sccli` and for units that read `DOCKER_REGISTRY`, `IMAGE_NAME` and `IMAGE_TAG`
    #[arg(long, value_name = "HOST", help_heading = "OpenShift")]
    openshift_docker_registry: Option<ImageRegistry>,
    /// The name of that image
    #[arg(long, value_name = "NAME", help_heading = "OpenShift")]
    openshift_image_name: Option<ImageName>,
    /// Its tag
    #[arg(long, value_name = "TAG", help_heading = "OpenShift")]
    openshift_image_tag: Option<ImageTag>,
}

/// The proxy of services that are started.
#[derive(Debug, Args)]
pub(crate) struct ProxyArgs {
    // Their values are looked at later: clap would show those that are not good, or that look like options.
    /// Have the services go through this proxy: `http://HOST:PORT`
    #[arg(long, value_name = "URL", help_heading = "Proxy", allow_hyphen_values = true)]
    pub(crate) proxy: Option<String>,
    /// The user of the proxy
    #[arg(long, value_name = "USER", help_heading = "Proxy", allow_hyphen_values = true)]
    pub(crate) proxy_user: Option<String>,
    /// The user's password, which others see here; in `SERVICE_MANAGER_PROXY_PASSWORD` they do not
    #[arg(long, value_name = "PASSWORD", help_heading = "Proxy", allow_hyphen_values = true)]
    proxy_password: Option<HiddenArgument>,
    /// Have nothing in the machine go through one any more, whatever services are named
    #[arg(long, help_heading = "Proxy", conflicts_with_all = ["proxy", "proxy_user", "proxy_password"])]
    pub(crate) no_proxy: bool,
}

/// What was typed and must not show.
#[derive(Clone, Debug)]
struct HiddenArgument(SecretString);

impl FromStr for HiddenArgument {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.into()))
    }
}

impl ProxyArgs {
    pub(crate) fn password(&self) -> Option<SecretString> {
        self.proxy_password.as_ref().map(|HiddenArgument(password)| password.clone())
    }
}

impl EnvArgs {
    /// The same for `services`, if none are named.
    pub(crate) fn or_services(self, services: Vec<String>) -> Self {
        if self.services.is_empty() { Self { services, ..self } } else { self }
    }
}

impl StartArgs {
    pub(crate) fn image(&self) -> Image {
        Image {
            registry: self.openshift_docker_registry.clone(),
            name: self.openshift_image_name.clone(),
            tag: self.openshift_image_tag.clone(),
        }
    }
}

/// Stops services, and whatever would start them again
///
/// Returns when they are gone.
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager stop kubernetes")]
pub(crate) struct StopArgs {
    /// The services, for example `kubernetes`
    #[arg(value_name = "SERVICE", required = true)]
    pub(crate) services: Vec<String>,
    /// Print text, or JSON for programs
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    pub(crate) output: OutputFormat,
}

/// Stops services that run, and starts them again
///
/// Returns when they answer, and then has written what their clients need, as `env` does.
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager restart docker")]
pub(crate) struct RestartArgs {
    /// The services, for example `kubernetes`
    #[arg(value_name = "SERVICE", required = true)]
    pub(crate) services: Vec<String>,
    /// Print text, or JSON for programs
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    pub(crate) output: OutputFormat,
}

/// Prints where the kubeconfig is, or puts it into your own
///
/// Connects to the service with what is in it before anything is printed or changed.
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager kubeconfig kubernetes --merge --use")]
pub(crate) struct KubeconfigArgs {
    /// The service, for example `kubernetes`; without one, all that run
    pub(crate) service: Option<String>,
    /// Print the kubeconfig itself; it holds credentials
    #[arg(long, conflicts_with = "merge")]
    pub(crate) print: bool,
    /// Add it to your own kubeconfig: to FILE, else where `kubectl config` would
    ///
    /// Keeps all else that is in there, comments too, and the text from before beside it.
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    #[allow(clippy::option_option, reason = "not given, given alone, given with a file")]
    pub(crate) merge: Option<Option<PathBuf>>,
    /// Make it the current context as well
    #[arg(long = "use", requires = "merge")]
    pub(crate) switch: bool,
    #[command(flatten)]
    pub(crate) kube_context: KubeContext,
    /// Print text, or JSON for programs
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    #[arg(conflicts_with = "print")]
    pub(crate) output: OutputFormat,
}

/// Makes a docker context that leads to the Docker of the machine, and prints its name
///
/// Connects to it before anything is changed. In docker's own files, which all that use contexts read: `docker --context
/// NAME`, compose, IDEs. Typed again, it brings new keys and an address that has changed.
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager docker-context --use")]
pub(crate) struct DockerContextArgs {
    /// The name of the context; otherwise `MACHINE-docker`
    #[arg(long, value_name = "NAME", conflicts_with = "remove")]
    pub(crate) name: Option<DockerContextName>,
    /// Make it the current context as well
    #[arg(long = "use", conflicts_with = "remove")]
    pub(crate) switch: bool,
    /// Remove it; where it is the current context, that is what it was before. Asks no machine
    #[arg(long)]
    pub(crate) remove: bool,
}

/// Tells about the machine itself
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager box ip")]
pub(crate) struct BoxArgs {
    #[command(subcommand)]
    pub(crate) what: BoxCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BoxCommand {
    Ip(BoxIpArgs),
    Version(BoxVersionArgs),
}

/// Prints an address of the machine that the host can reach
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager box ip")]
pub(crate) struct BoxIpArgs {
    /// Print all addresses, those that the host can reach first
    #[arg(long)]
    pub(crate) all: bool,
    /// Print a NAME=value line
    #[arg(long)]
    pub(crate) script_readable: bool,
    /// Print text, or JSON for programs; that has all addresses
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    #[arg(conflicts_with = "script_readable")]
    pub(crate) output: OutputFormat,
}

/// Prints the product that runs in the machine, and its version
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager box version")]
pub(crate) struct BoxVersionArgs {
    /// Print NAME=value lines
    #[arg(long)]
    pub(crate) script_readable: bool,
    /// Print text, or JSON for programs
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    #[arg(conflicts_with = "script_readable")]
    pub(crate) output: OutputFormat,
}

/// Opens a terminal in the machine, or runs a command there
///
/// It is your own `ssh`, with the machine's keys, jump hosts and pinned host key.
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager ssh -- uptime")]
pub(crate) struct SshArgs {
    /// The command, after `--`; `ssh` joins its words, and the user's shell in the machine reads them
    #[arg(value_name = "COMMAND", last = true)]
    pub(crate) command: Vec<OsString>,
}

/// Shows what the units of a service have written to the machine's journal
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager logs kubernetes --since -1h")]
pub(crate) struct LogsArgs {
    /// The service, for example `kubernetes`
    #[arg(value_name = "SERVICE")]
    pub(crate) service: String,
    /// Go on with what they write, until Ctrl-C
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Begin at this time: `10:30`, `yesterday`, `-1h`, `2 hours ago`
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) since: Option<JournalTime>,
}

/// Opens the web console of a service in your browser
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager console openshift")]
pub(crate) struct ConsoleArgs {
    /// The service, for example `openshift`; otherwise the first that has a console
    #[arg(value_name = "SERVICE")]
    pub(crate) service: Option<String>,
    /// Print its address instead
    #[arg(long)]
    pub(crate) print: bool,
}

/// Lists the machines that were used from here
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Example: service-manager machines --output json")]
pub(crate) struct MachinesArgs {
    #[command(subcommand)]
    pub(crate) what: Option<MachinesCommand>,
    /// Print text, or JSON for programs
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    pub(crate) output: OutputFormat,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MachinesCommand {
    Use(UseArgs),
    List(MachinesListArgs),
    Forget(ForgetArgs),
    Trust(TrustArgs),
    Allow(AllowArgs),
    Deny(DenyArgs),
}

/// Chooses the machine that is meant where nothing else says which
///
/// The choice counts in every shell, outside of Vagrant projects. `SERVICE_MANAGER_MACHINE` does the same for one shell.
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager machines use default")]
pub(crate) struct UseArgs {
    /// The machine's name, or `-` for none; when several have it, one as `service-manager machines` lists it
    pub(crate) name: String,
}

/// Lists them, as `machines` alone does
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager machines list -o json")]
pub(crate) struct MachinesListArgs {
    /// Print text, or JSON for programs
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    pub(crate) output: OutputFormat,
}

/// Removes what is kept of a machine: credentials, host keys, how it is reached
///
/// Takes it out of your own kubeconfigs too, if it was merged there.
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager machines forget default")]
pub(crate) struct ForgetArgs {
    /// The machine's name; when several have it, the one of the Vagrant project around, or one as
    /// `service-manager machines` lists it
    pub(crate) name: String,
    /// Where it is not known, there is nothing to do and that is no failure
    #[arg(long)]
    pub(crate) ignore_unknown: bool,
}

/// Accepts the host key that a machine shows now, as after it was made anew
///
/// Everything else that is kept of it stays. Shows both keys and asks; compare the new one with what `ssh-keygen -lf
/// /etc/ssh/ssh_host_ed25519_key.pub` says in the machine.
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager machines trust default")]
pub(crate) struct TrustArgs {
    /// The machine's name; when several have it, the one of the Vagrant project around, or one as
    /// `service-manager machines` lists it
    pub(crate) name: String,
    /// The key to accept, so that nobody has to be asked
    #[arg(long, value_name = "SHA256:DIGEST")]
    pub(crate) fingerprint: Option<String>,
}

/// Lets Vagrant run the Vagrantfile of a project when it has to say how a machine is reached
///
/// A Vagrantfile is a program. You need this for none that you have run `vagrant up` with: Vagrant's own index in your
/// home folder has those. It holds for the Vagrantfile, the plugins in `.vagrant` and the files that these name, as they
/// are now. If one of them changes and Vagrant is needed again, you are asked again. The project's own file,
/// `.service-manager.yaml`, counts from then on too, as it is now.
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager machines allow ~/project")]
pub(crate) struct AllowArgs {
    /// The project's folder, or its `.service-manager.yaml` alone; otherwise the current folder
    pub(crate) folder: Option<PathBuf>,
}

/// Keeps Vagrant from running the Vagrantfile of a project, even if you have run `vagrant up` with it
///
/// `machines allow` takes it back. What is known of the project's machines can still be used.
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager machines deny ~/project")]
pub(crate) struct DenyArgs {
    /// The project's folder, or its `.service-manager.yaml` alone; otherwise the current folder
    pub(crate) folder: Option<PathBuf>,
}

/// Shows the services that are known, and checks your own service files
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager services list")]
pub(crate) struct ServicesArgs {
    #[command(subcommand)]
    pub(crate) what: ServicesCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ServicesCommand {
    List(ServicesListArgs),
    Show(ServicesShowArgs),
    Validate(ServicesValidateArgs),
    /// Prints the JSON Schema of service files
    Schema,
}

/// Lists the services that are known, and where they are from
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager services list -o json")]
pub(crate) struct ServicesListArgs {
    /// The form of the output
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: OutputFormat,
}

/// Prints what is known of a service, as a service file
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager services show kubernetes")]
pub(crate) struct ServicesShowArgs {
    /// The service, for example `kubernetes`
    #[arg(value_name = "SERVICE")]
    pub(crate) name: String,
}

/// Tells every mistake in service files
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager services validate mine.yaml")]
pub(crate) struct ServicesValidateArgs {
    /// The files; otherwise all of your own
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Print text, or JSON for programs
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    pub(crate) output: OutputFormat,
}

/// Installs the programs that use services, and puts them on the PATH
///
/// The version is that of the service in the machine; with `--cli-version`, for one program at a time, no machine is asked.
/// What is in the cache is not downloaded again. If one fails, the others are installed all the same.
#[derive(Debug, Args)]
// Whoever types `--version` here means the client's, and within `eval` nothing else would be seen.
#[command(disable_version_flag = true)]
#[command(after_help = "Example: eval \"$(service-manager install-cli kubernetes)\"")]
pub(crate) struct InstallCliArgs {
    /// The services, for example `openshift`, or the programs themselves: `oc`; otherwise the `clients` of the project's file
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
    /// The version: `1.31.5`, or as the publisher has it `stable`, `latest`, `stable-1.31`
    #[arg(long, value_name = "VERSION")]
    pub(crate) cli_version: Option<WantedVersion>,
    /// Put a copy of the program into this folder, in place of any that is there
    #[arg(long, value_name = "FOLDER")]
    pub(crate) path: Option<PathBuf>,
    /// What it should run on; otherwise what this does
    #[arg(long, value_name = "SYSTEM/PROCESSOR")]
    pub(crate) platform: Option<Platform>,
    /// Accept the download with this checksum, whatever others say
    #[arg(long, value_name = "sha256:HEX", value_parser = parse_sha256, hide_short_help = true)]
    pub(crate) checksum: Option<Checksum>,
    /// Take nothing whose checksum nobody publishes
    #[arg(long, conflicts_with = "checksum", hide_short_help = true)]
    pub(crate) require_checksum: bool,
    /// Download nothing: take what is in the cache
    #[arg(long)]
    pub(crate) offline: bool,
    /// Print where the release may be, in the order in which that would be tried; asks nobody
    #[arg(long, requires = "cli_version", conflicts_with_all = ["path", "shell"])]
    pub(crate) dry_run: bool,
    /// The shell to write for; otherwise the one this was started from
    #[arg(long, value_name = "SHELL", ignore_case = true, value_parser = shell_parser())]
    pub(crate) shell: Option<Shell>,
    /// Print text, or JSON for programs
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    #[arg(conflicts_with = "shell")]
    pub(crate) output: OutputFormat,
}

/// A version as it may be named: `1.31.5`, or a word for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WantedVersion {
    Version(Version),
    Alias(VersionAlias),
}

impl FromStr for WantedVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (Version::parse(text), VersionAlias::parse(text)) {
            (Ok(version), _) => Ok(Self::Version(version)),
            (_, Ok(alias)) if !text.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit()) => {
                Ok(Self::Alias(alias))
            }
            (Err(invalid), _) => Err(invalid.to_string()),
        }
    }
}

/// Manages the programs that `install-cli` has installed
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager clients list")]
pub(crate) struct ClientsArgs {
    #[command(subcommand)]
    pub(crate) what: ClientsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ClientsCommand {
    List(ClientsListArgs),
    Verify(ClientsVerifyArgs),
    Prune(ClientsPruneArgs),
    Uninstall(ClientsUninstallArgs),
    Export(ClientsExportArgs),
}

/// Lists them, with their sizes and when they were last handed out
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager clients list -o json")]
pub(crate) struct ClientsListArgs {
    /// Print text, or JSON for programs
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    pub(crate) output: OutputFormat,
}

/// Tells whether they are still what was installed
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager clients verify")]
pub(crate) struct ClientsVerifyArgs {
    /// Print text, or JSON for programs
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    pub(crate) output: OutputFormat,
}

/// Removes those that were not handed out for long, and what downloads have left
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager clients prune --unused-for 30")]
pub(crate) struct ClientsPruneArgs {
    /// Keep what `install-cli` has handed out within so many days
    #[arg(long, value_name = "DAYS", default_value_t = 90)]
    pub(crate) unused_for: u64,
    /// Only print what would be removed
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print text, or JSON for programs
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    pub(crate) output: OutputFormat,
}

/// Removes one of them, or all versions of one
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager clients uninstall kubernetes 1.36.3")]
pub(crate) struct ClientsUninstallArgs {
    /// The service, for example `openshift`, or the program itself: `oc`
    #[arg(value_name = "SERVICE")]
    pub(crate) service: String,
    /// The version; otherwise all
    #[arg(value_name = "VERSION")]
    pub(crate) release: Option<Version>,
    /// Print text, or JSON for programs
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    pub(crate) output: OutputFormat,
}

/// Downloads what they are from into a folder that serves as a mirror, for hosts without a network
///
/// There `SERVICE_MANAGER_MIRROR=https://=file:///FOLDER` has `install-cli` use it.
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager clients export /mnt/mirror")]
pub(crate) struct ClientsExportArgs {
    /// The folder; created when it is missing
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
}

/// Prints a shell hook that sets the variables when you enter a project
///
/// For its start-up file, evaluated there as `env` is. When you enter a Vagrant project whose machine was used before, its
/// variables are set, if they are good still; when you leave, they are what they were. Nothing is started, and nobody waits:
/// `env` asks the machine. With direnv, in `direnvrc`: `eval "$(service-manager hook direnv)"`, and in `.envrc`:
/// `use service_manager [SERVICE...]`.
#[derive(Debug, Args)]
#[command(after_help = "Example: eval \"$(service-manager hook bash)\"")]
pub(crate) struct HookArgs {
    /// The shell
    pub(crate) shell: HookTarget,
    /// The service, for example `kubernetes`; without one, all that were used
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
    /// Print what changes now: what the shell is told to run
    #[arg(long, hide_short_help = true)]
    pub(crate) now: bool,
}

/// Leads ports of this host to applications in the machine
///
/// `8080:80` leads port 8080 of 127.0.0.1 here to port 80 of 127.0.0.1 in the machine, as `ssh -L` and `kubectl port-forward` have
/// it; `8080` leads to the same port there. It lasts as the tunnel does, which `service-manager tunnel` shows: until it is stopped,
/// or nobody has used the tunnel for 12 hours. The next `env` brings back what was not stopped.
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager forward 8080:80")]
pub(crate) struct ForwardArgs {
    /// The port here, and the one in the machine if it is another one
    #[arg(value_name = "LOCAL[:REMOTE]", required = true)]
    pub(crate) ports: Vec<PortMapping>,
    /// Take back what was forwarded from these ports
    #[arg(long)]
    pub(crate) stop: bool,
    /// Print text, or JSON for programs
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    #[arg(conflicts_with = "stop")]
    pub(crate) output: OutputFormat,
}

/// Shows the tunnels to machines of which only SSH is reachable
///
/// `env`, `kubeconfig` and `start` make one where a service is not reached otherwise. A process in the background holds it, until
/// nobody has used it for 12 hours.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Example: service-manager tunnel")]
pub(crate) struct TunnelArgs {
    #[command(subcommand)]
    pub(crate) what: Option<TunnelCommand>,
    /// Print text, or JSON for programs
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    pub(crate) output: OutputFormat,
    /// Have what containers and clusters publish in the machine at the same ports of 127.0.0.1 here, while it is there
    #[arg(long, conflicts_with = "output")]
    pub(crate) publish: bool,
    /// Hold the tunnel of the machine with this key
    #[arg(long, value_name = "KEY", hide = true)]
    pub(crate) serve: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TunnelCommand {
    Stop(TunnelStopArgs),
    /// Prints what the tunnel of a machine has written down
    Log,
}

/// Ends the tunnel of a machine; `env` makes a new one
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager tunnel stop --all")]
pub(crate) struct TunnelStopArgs {
    /// Those of all machines
    #[arg(long, conflicts_with = "machines")]
    pub(crate) all: bool,
    /// Keep the ports that you forward and publish: the next `env` brings them back
    #[arg(long)]
    pub(crate) keep_ports: bool,
    /// Where the machine is not known, there is nothing to do and that is no failure
    #[arg(long)]
    pub(crate) ignore_unknown: bool,
}

/// Prints what has a shell complete commands, options and names with Tab
///
/// Evaluate it in the shell's start-up file; in bash: `eval "$(service-manager completions bash)"`. Completion asks no
/// machine and starts nothing.
#[derive(Debug, Args)]
#[command(after_help = "Example: eval \"$(service-manager completions bash)\"")]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: CompletionShell,
    /// What the shell asks: the number of the word, and the line
    #[arg(last = true, hide = true)]
    pub(crate) line: Vec<OsString>,
}

/// A shell that completes what is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CompletionShell {
    Bash,
    Elvish,
    Fish,
    #[value(alias = "pwsh")]
    Powershell,
    Zsh,
}

/// Prints a page of the manual, for `man -l -`
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager man env | man -l -")]
pub(crate) struct ManArgs {
    /// The command, for example `env` or `clients list`; without one, the program
    pub(crate) command: Vec<String>,
    /// Write all pages into this folder instead, for a package: `service-manager.1` and one for each command
    #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
    pub(crate) to: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Which machine")]
pub(crate) struct Global {
    /// The machine's name: in Vagrant, in an ssh config, or as `machines` lists it; several times for `env` and `status`
    #[arg(short, long = "machine", global = true, value_name = "NAME")]
    pub(crate) machines: Vec<MachineName>,
    /// An ssh config that says how to reach it, as `vagrant ssh-config` prints one
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "host", hide_short_help = true)]
    pub(crate) ssh_config: Option<PathBuf>,
    /// Its address: `[USER@]HOST[:PORT]`
    #[arg(long, global = true, value_name = "ADDRESS")]
    pub(crate) host: Option<Address>,
    /// The private key to log in with
    #[arg(short, long, global = true, value_name = "FILE")]
    pub(crate) identity: Option<PathBuf>,

    /// Give up after so many seconds: 30, or to start and stop services 300
    #[arg(long, global = true, value_name = "SECONDS", value_parser = parse_seconds)]
    #[arg(help_heading = "How", hide_short_help = true)]
    pub(crate) timeout: Option<Duration>,
    /// Reach services through SSH: auto (where there is no other way), always or never
    #[arg(long, global = true, value_name = "WHEN", hide_possible_values = true)]
    #[arg(help_heading = "How", hide_short_help = true)]
    pub(crate) tunnel: Option<TunnelMode>,
    /// Use colours: auto, always or never
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    #[arg(help_heading = "How", hide_short_help = true)]
    pub(crate) color: ColorChoice,
    /// Print no notes and no hints
    #[arg(short, long, global = true, help_heading = "How", hide_short_help = true)]
    pub(crate) quiet: bool,
    /// Show each step
    #[arg(short, long, global = true, visible_alias = "debug", help_heading = "How", hide_short_help = true)]
    pub(crate) verbose: bool,
}

impl Command {
    /// Of how many services each has its own time.
    pub(crate) fn timeout_multiplier(&self) -> u32 {
        let services = match self {
            Self::Start(StartArgs { services, .. })
            | Self::Stop(StopArgs { services, .. })
            | Self::Restart(RestartArgs { services, .. }) => services.len(),
            _ => 1,
        };
        u32::try_from(services).unwrap_or(u32::MAX).max(1)
    }

    /// How long it may take, unless the user says.
    pub(crate) fn time_limit(&self) -> Duration {
        Duration::from_secs(match self {
            // Some pull images first.
            Self::Start(_) | Self::Stop(_) | Self::Restart(_) => 300,
            Self::Doctor(_) => 10,
            _ => 30,
        })
    }

    /// True when it takes as long as it takes, and limits each of its steps itself.
    pub(crate) fn manages_own_timeout(&self) -> bool {
        matches!(
            self,
            Self::Status(_)
                | Self::InstallCli(_)
                | Self::Exec(_)
                | Self::Clients(_)
                | Self::Logs(_)
                | Self::Tunnel(TunnelArgs { serve: Some(_), .. })
        )
    }
}

/// The command that `arguments` name, as in `box ip`; empty where they name none.
pub(crate) fn command_name(arguments: &[OsString]) -> String {
    name_of_command(Cli::command(), arguments)
}

/// True when the parser misses the service of a command that starts, stops or installs, or refuses the version to
/// install or the folder for it. The old plugin's scripts take the exit code of that from any other wrong usage.
pub(crate) fn lacks_object(refusal: &Refusal, arguments: &[OsString]) -> bool {
    let lenient = Cli::command().ignore_errors(true).try_get_matches_from(arguments);
    let acts = lenient.is_ok_and(|matches| {
        matches!(matches.subcommand_name(), Some("start" | "stop" | "restart" | "install-cli"))
    });
    let is_object =
        |argument: &str| ["<SERVICE>", "--cli-version", "--path"].iter().any(|own| argument.starts_with(own));
    acts && match refusal.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) => is_object(argument),
        Some(ContextValue::Strings(arguments)) => arguments.iter().any(|argument| is_object(argument)),
        _ => false,
    }
}

/// True when this process stays in the background: it holds a tunnel.
pub(crate) fn is_background(arguments: &[OsString]) -> bool {
    arguments.get(1..3).is_some_and(|words| words[0] == "tunnel" && words[1] == "--serve")
}

/// What is given for the option `name` in arguments that could not be parsed.
pub(crate) fn option_in<'a>(arguments: &'a [OsString], name: &str) -> Option<&'a str> {
    let mut words = arguments.iter().filter_map(|argument| argument.to_str());
    while let Some(word) = words.next() {
        match word.strip_prefix(name) {
            Some("") => return words.next(),
            Some(rest) if rest.starts_with('=') => return rest.strip_prefix('='),
            _ => {}
        }
    }
    None
}

/// Takes a shell by any of its names, and shows them all.
fn shell_parser() -> impl TypedValueParser<Value = Shell> {
    let values = Shell::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    let names: Vec<String> = values
        .flat_map(|value| value.get_name_and_aliases().map(ToOwned::to_owned).collect::<Vec<_>>())
        .collect();
    PossibleValuesParser::new(names).try_map(|name| Shell::from_str(&name, true))
}

/// Takes the one kind of checksum that receipts have.
fn parse_sha256(text: &str) -> Result<Checksum, String> {
    let checksum = Checksum::parse(text).map_err(|invalid| invalid.to_string())?;
    let is_sha256 = checksum.algorithm() == ChecksumAlgorithm::Sha256;
    is_sha256.then_some(checksum).ok_or_else(|| "not a SHA-256 checksum (64 hexadecimal digits)".to_owned())
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    let in_range = (0.1..=3600.0).contains(&seconds);
    in_range.then(|| Duration::from_secs_f64(seconds)).ok_or_else(|| "0.1 to 3600 seconds".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_begins_as_the_user_types_it() {
        let help = |words: &[&str]| {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            Cli::parse_as("vagrant service-manager", &words).unwrap_err().to_string()
        };
        let text = help(&["/x/service-manager", "--help"]);
        assert!(text.contains("Usage: vagrant service-manager [OPTIONS]"), "{text}");
        assert!(text.contains("  vagrant service-manager status  "), "{text}");
        assert!(help(&["x", "env", "--help"]).contains("Usage: vagrant service-manager env"));
        assert!(help(&["x", "env", "--nonsense"]).contains("Usage: vagrant service-manager env"));
    }

    #[test]
    fn an_unknown_option_gets_a_tip_that_helps() {
        let refusal = |words: &[&str]| {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            Cli::parse_as("service-manager", &words).unwrap_err().to_string()
        };
        for option in ["--format", "--json"] {
            let text = refusal(&["x", "status", option, "json"]);
            assert!(text.contains("hint: did you mean `--output json`?"), "{text}");
        }
        let text = refusal(&["x", "install-cli", "kubectl", "--version", "1.31.5"]);
        assert!(text.contains("hint: did you mean `--cli-version VERSION`?"), "{text}");
        let text = refusal(&["x", "status", "--nonsense"]);
        assert!(!text.contains("'-- --nonsense'"), "{text}");
        let text = refusal(&["x", "status", "--script-readble"]);
        assert!(text.contains("--script-readable") && !text.contains("'-- "), "{text}");
    }

    #[test]
    fn every_command_has_one_example() {
        fn check(command: &clap::Command) {
            let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let count = examples.matches("service-manager ").count();
            assert!(count > 0, "`{}` has no example", command.get_name());
            command
                .get_subcommands()
                .filter(|below| below.get_name() != "schema" && below.get_name() != "log")
                .for_each(check);
        }
        check(&Cli::command());
    }

    #[test]
    fn a_time_is_a_sensible_number() {
        assert_eq!(parse_seconds("1.5"), Ok(Duration::from_millis(1500)));
        for text in ["", "x", "0", "-1", "NaN", "inf", "1e9"] {
            assert!(parse_seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_version_is_numbers_or_a_word() {
        let wanted = |text: &str| text.parse::<WantedVersion>();
        for text in ["1.31.5", "v1.31.5+k3s1", "17.03.0-ce", "4.15.0-0.okd-2024-03-10-010116"] {
            assert!(matches!(wanted(text), Ok(WantedVersion::Version(_))), "{text}");
        }
        for text in ["stable", "latest", "stable-1.31"] {
            assert!(matches!(wanted(text), Ok(WantedVersion::Alias(_))), "{text}");
        }
        for text in ["", "1", "v1", "$(id)", "../1.2", "Stable", "1.2/3", "-1.2"] {
            assert!(wanted(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_shell_has_several_names() {
        for name in ["zsh", "BASH", "PowerShell", "pwsh", "Nu"] {
            assert!(Cli::try_parse_from(["service-manager", "env", "--shell", name]).is_ok(), "{name}");
        }
        let error =
            Cli::try_parse_from(["service-manager", "env", "--shell", "zhs"]).unwrap_err().to_string();
        assert!(error.contains(" bash, "), "{error}");
    }

    #[test]
    fn an_option_is_found_in_what_could_not_be_parsed() {
        let find = |words: &[&str]| {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            option_in(&words, "--color").map(ToOwned::to_owned)
        };
        assert_eq!(find(&["x", "--color", "always", "--nonsense"]).as_deref(), Some("always"));
        assert_eq!(find(&["x", "--color=never"]).as_deref(), Some("never"));
        for words in [&["x"][..], &["x", "--color"], &["x", "--colors=never"], &["x", "color=never"]] {
            assert_eq!(find(words), None, "{words:?}");
        }
    }
}
