//! The command line. The doc comments in this folder are the help.

mod advice;
mod clients;
mod command_of_exec;
mod contexts;
mod elsewhere;
mod environment;
mod global;
mod lifecycle;
mod machine;
mod machines;
mod refusal;
mod registry;
mod retyped;
mod service_files;
mod shells;
mod values;
mod words;

use std::ffi::OsString;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use self::advice::{advise, name_of_command};
pub(crate) use self::clients::{
    ClientsArgs, ClientsCommand, ClientsPruneArgs, ClientsUninstallArgs, InstallCliArgs, WantedVersion,
};
pub(crate) use self::command_of_exec::{CommandPlace, Separated, separate};
pub(crate) use self::contexts::{DockerContextArgs, KubeconfigArgs};
pub(crate) use self::elsewhere::KUBERNETES;
pub(crate) use self::environment::{DoctorArgs, EnvArgs, ExecArgs, StatusArgs};
pub(crate) use self::global::Global;
pub(crate) use self::lifecycle::{InstallArgs, ProxyArgs, RestartArgs, StartArgs, StopArgs};
pub(crate) use self::machine::{
    BoxArgs, BoxCommand, BoxIpArgs, BoxVersionArgs, ConsoleArgs, ForwardArgs, LogsArgs, SshArgs, TunnelArgs,
    TunnelCommand, TunnelStopArgs,
};
pub(crate) use self::machines::{
    AllowArgs, DenyArgs, ForgetArgs, MachinesArgs, MachinesCommand, TrustArgs, UseArgs,
};
pub(crate) use self::refusal::{Refusal, with_hints};
pub(crate) use self::registry::{RegistryArgs, RegistryCommand, RegistryLoginArgs, RegistryTrustArgs};
pub(crate) use self::retyped::Meaning;
use self::retyped::{retyped, selection_options};
pub(crate) use self::service_files::{ServicesArgs, ServicesCommand};
pub(crate) use self::shells::{CompletionShell, CompletionsArgs, HookArgs, ManArgs};
pub(crate) use self::values::{EnvFormat, OutputFormat, parse_seconds};
pub(crate) use self::words::{is_about_a_machine, selects_machine};

/// Makes the services inside a development VM usable from here
#[derive(Debug, Parser)]
#[command(name = "service-manager", version, propagate_version = true, subcommand_required = true)]
#[command(after_help = "Examples:
  eval \"$(service-manager env kubernetes)\"     kubectl talks to the cluster
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
            command.build();
            command = with_examples_of(command, program);
        }
        let matches = command
            .try_get_matches_from_mut(arguments)
            .map_err(|refusal| advise(refusal.apply(), &mut command, arguments))?;
        Self::from_arg_matches(&matches).map_err(|refusal| refusal.format(&mut command).apply())
    }

    /// The definition with all of every command. To parse, only that of the typed one is made: to make all is half of what
    /// a start costs.
    pub(crate) fn whole() -> clap::Command {
        let mut command = Self::command();
        command.build();
        command
    }

    /// The definition with all of the commands that `words` name; of others there is the name and what it is for.
    pub(crate) fn named_by(words: &[OsString]) -> clap::Command {
        let mut command = Self::command().mut_subcommands(|below| {
            let is_named = words.iter().any(|word| word == below.get_name());
            if is_named { below } else { below.defer(|outline| outline) }
        });
        command.build();
        command
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

// Each is made when it is typed. So what its group tells of it stands here, and options that several share have no text of
// their own (`///`): it would become that of the command.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum Command {
    /// Prints the variables that the host's clients need
    ///
    /// Connects to the service with what it prints before it prints it. Without a SERVICE: those of all running
    /// services.
    Env(EnvArgs),
    /// Runs a command with the variables of `env`, in place of this program
    ///
    /// Everything behind `--` is the command's own. Without `--` it begins with the first word that is no service, or that names one a second time. `kubectl`,
    /// `oc` and `docker` are the installed ones that fit the server. Without a COMMAND: your shell, with
    /// `SERVICE_MANAGER_EXEC` set to the machine's name.
    Exec(ExecArgs),
    /// Shows the state of the services
    ///
    /// A table on a terminal; elsewhere a line for each, as `kubernetes - running`.
    Status(StatusArgs),
    /// Finds out why `env` fails, or whether it would
    ///
    /// Asks all that `env` depends on, one step after the other, and goes on past a problem where it can. It changes nothing.
    /// The last line is the summary.
    Doctor(DoctorArgs),
    /// Starts services, now and whenever the machine boots
    ///
    /// Returns when they answer, and then has written what their clients need, as `env` does.
    Start(StartArgs),
    /// Stops services, and whatever would start them again
    ///
    /// Returns when they are gone.
    Stop(StopArgs),
    /// Stops services that run, and starts them again
    ///
    /// Returns when they answer, and then has written what their clients need, as `env` does.
    Restart(RestartArgs),
    /// Prints where the kubeconfig is, or puts it into your own
    ///
    /// Connects to the service with what is in it before anything is printed or changed.
    Kubeconfig(KubeconfigArgs),
    /// Makes a docker context that leads to the Docker of the machine, and prints its name
    ///
    /// Connects to it before anything is changed. In docker's own files, which all that use contexts read: `docker --context
    /// NAME`, compose, IDEs. Typed again, it brings new keys and an address that has changed.
    DockerContext(DockerContextArgs),
    /// Lets programs of the host use the image registry in the machine
    Registry(RegistryArgs),
    /// Tells about the machine itself
    Box(BoxArgs),
    /// Opens a terminal in the machine, or runs a command there
    ///
    /// It is your own `ssh`, with the machine's keys, jump hosts and pinned host key.
    Ssh(SshArgs),
    /// Shows what the units of a service have written to the machine's journal
    Logs(LogsArgs),
    /// Opens the web console of a service in your browser
    Console(ConsoleArgs),
    /// Lists the machines that were used from here
    Machines(MachinesArgs),
    /// Shows the services that are known, and checks your own service files
    Services(ServicesArgs),
    /// Installs the programs that use services, and puts them on the PATH
    ///
    /// The version is that of the service in the machine; with `--cli-version`, for one program at a time, no machine is asked.
    /// A client in the cache is not downloaded again. If one fails, the others are still installed.
    InstallCli(InstallCliArgs),
    /// Manages the programs that `install-cli` has installed
    Clients(ClientsArgs),
    /// Prints a shell hook that sets the variables when you enter a project
    ///
    /// For its start-up file, evaluated there as `env` is. When you enter a Vagrant project whose machine was used before, its
    /// variables are set, if they are good still; when you leave, they are what they were. Nothing is started, and nobody waits:
    /// `env` asks the machine. With direnv, in `direnvrc`: `eval "$(service-manager hook direnv)"`, and in `.envrc`:
    /// `use service_manager [SERVICE...]`.
    Hook(HookArgs),
    /// Leads ports of this host to applications in the machine
    ///
    /// `8080:80` leads port 8080 of 127.0.0.1 here to port 80 of 127.0.0.1 in the machine, as `ssh -L` and `kubectl port-forward` have
    /// it; `8080` leads to the same port there. It lasts as the tunnel does, which `service-manager tunnel` shows: until it is stopped,
    /// or nobody has used the tunnel for 12 hours. The next `env` brings back what was not stopped.
    Forward(ForwardArgs),
    /// Shows the tunnels to machines of which only SSH is reachable
    ///
    /// `env`, `kubeconfig` and `start` make one where a service is not reached otherwise. A process in the background holds it, until
    /// nobody has used it for 12 hours.
    Tunnel(TunnelArgs),
    /// Prints the code by which your shell completes commands, options and names with Tab
    ///
    /// Evaluate it in the shell's start-up file; in bash: `eval "$(service-manager completions bash)"`. Completion asks no
    /// machine and starts nothing.
    Completions(CompletionsArgs),
    /// Prints a page of the manual, for `man -l -`
    Man(ManArgs),
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
                | Self::Start(StartArgs { install: InstallArgs { install: true, .. }, .. })
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
    name_of_command(&Cli::named_by(arguments), arguments)
}

/// The line `arguments` to be pasted, with what `meaning` says in place of `word`.
pub(crate) fn retyped_line(arguments: &[OsString], word: &str, meaning: Meaning) -> String {
    retyped(&Cli::named_by(arguments), arguments, word, meaning)
}

/// What `arguments` say about the machine, though `refusal` is about a word of them; none where that is wrong too.
pub(crate) fn selection_in_refused(arguments: &[OsString], refusal: &Refusal) -> Option<Global> {
    let selection = selection_options(&Cli::command(), arguments, refusal);
    let words: Vec<OsString> =
        ["service-manager", "status"].map(OsString::from).into_iter().chain(selection).collect();
    Cli::parse_as("service-manager", &words).ok().map(|cli| cli.global)
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn a_command_tells_the_same_of_itself_as_the_list_of_all() {
        let (listed, whole) = (Cli::command(), Cli::whole());
        for command in listed.get_subcommands() {
            let own = whole.find_subcommand(command.get_name()).unwrap();
            let texts = |command: &clap::Command| {
                [command.get_about(), command.get_long_about()].map(|text| text.map(ToString::to_string))
            };
            assert_eq!(texts(own), texts(command), "{}", command.get_name());
            assert!(command.get_about().is_some(), "{}", command.get_name());
        }
    }

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
            let longest = examples.lines().map(|line| line.chars().count()).max();
            assert!(longest <= Some(80), "the example of `{}` is cut at 80 columns", command.get_name());
            command
                .get_subcommands()
                .filter(|below| !["schema", "log", "help"].contains(&below.get_name()))
                .for_each(check);
        }
        check(&Cli::whole());
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
