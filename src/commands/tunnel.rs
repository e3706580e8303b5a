//! `service-manager tunnel [stop | log]`

use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::context::{Context, print, print_json};
use super::env::find_services;
use crate::base::causes::in_one_line;
use crate::base::deadline::Deadline;
use crate::base::files;
use crate::base::platform::{close_stdout, leave_terminal};
use crate::base::text::{escape_control, humanize_duration};
use crate::base::timeouts;
use crate::base::types::ServiceName;
use crate::cli::{OutputFormat, TunnelArgs, TunnelCommand, TunnelStopArgs};
use crate::error::Error;
use crate::guest::tunnel::{
    self, ControlAnswer, ControlRequest, ForwardPurpose, ForwardStatus, PublishStatus, READY, ServeError,
    SessionStatus, StoppedTunnel, TAKEN, TunnelStatus, UnpublishedPort,
};
use crate::machine::Machine;
use crate::services::{forget_ports, port_watcher, publish_ports, remembered_login};
use crate::ui::table::{Column, Table};
use crate::ui::{self, json};

pub(super) fn run(args: &TunnelArgs, context: &Context) -> Result<(), Error> {
    match (&args.serve, &args.what) {
        (Some(key), _) => serve(key, args.report.as_deref(), context),
        (None, None) if args.publish => publish(context),
        (None, None) => list(args.output, context),
        (None, Some(TunnelCommand::Stop(args))) => stop(args, context),
        (None, Some(TunnelCommand::Log)) => log(context),
    }
}

/// Holds a tunnel; the process that has started this one reads one line: that it is ready, or why it is not.
fn serve(key: &str, report: Option<&Path>, context: &Context) -> Result<(), Error> {
    let say = |line: &str| match report {
        Some(path) => files::report(path, line).map_err(ui::StdoutError),
        None => ui::print(&format!("{line}\n")),
    };
    hold(key, &say, context).inspect_err(|error| {
        // Once it was ready nobody reads that any more. On Windows nobody sees its standard error.
        let _ = say(&in_one_line(error));
    })
}

fn hold(
    key: &str,
    say: &dyn Fn(&str) -> Result<(), ui::StdoutError>,
    context: &Context,
) -> Result<(), Error> {
    let known = context.remembered_machines()?.machines;
    let Some(machine) = known.iter().find(|machine| machine.key() == key) else {
        return Err(crate::machine::Error::NoMachine.into());
    };
    ui::keep_log(files::LogFile::open(&machine.files.tunnel_log())?);
    // Where it is none of a terminal's already, that is as good.
    let _ = leave_terminal();
    let login = remembered_login(context.folders()?, key.to_owned());
    let watch = port_watcher(context.folders()?, key.to_owned());
    let is_ready = || say(READY).map_err(io::Error::other).and_then(|()| close_stdout());
    match tunnel::serve(&machine.files, tunnel::TunnelHost { login, watch }, is_ready) {
        Ok(()) => Ok(()),
        Err(ServeError::Files(files::Error::FolderLocked { .. })) => Ok(say(TAKEN)?),
        Err(error) => Err(error.into()),
    }
}

/// Has the ports be here that the services publish which `env` finds.
fn publish(context: &Context) -> Result<(), Error> {
    let machine = find_services(context)?;
    publish_ports(&machine, &context.tunnel()?, context.deadline)?;
    context.note(&format!(
        "what services publish in `{}` is at 127.0.0.1 from now on; `service-manager tunnel` shows it, `service-manager tunnel stop` ends it",
        machine.name
    ));
    Ok(())
}

fn list(output: OutputFormat, context: &Context) -> Result<(), Error> {
    let known = machines(context)?;
    let tunnels: Vec<TunnelEntry> =
        known.iter().filter_map(|machine| TunnelEntry::ask(machine, context.deadline)).collect();
    if output == OutputFormat::Json {
        return print_json(&json::Machines { machines: tunnels });
    }
    if tunnels.is_empty() {
        context.note(
            "there is no tunnel; `service-manager env` makes one where a service is not reached otherwise",
        );
    }
    let rows: Vec<_> = tunnels.iter().flat_map(TunnelEntry::rows).collect();
    if rows.is_empty() && tunnels.iter().any(|tunnel| tunnel.published.is_some()) {
        context.note("a tunnel is there, and leads nowhere yet: no service publishes a port");
    }
    print(&Table::new(COLUMNS, rows).render(context.ui))
}

/// In a narrow terminal what `forward --stop` has to be told, and what is wrong, go last.
const COLUMNS: [Column; 8] = [
    Column::new("MACHINE"),
    Column::new("SERVICE"),
    Column::new("HERE").path_cut_to(14).optional(6),
    Column::new("THERE").path_cut_to(14).optional(4),
    Column::new("SINCE").optional(1),
    Column::new("SSH").optional(3),
    Column::new("USE").cut_to(8).optional(2),
    Column::new("LAST ERROR").cut_to(16).optional(5),
];

/// The machines that are meant: the one that is named, else all that were used from here.
fn machines(context: &Context) -> Result<Vec<Machine>, Error> {
    if context.names_a_machine() {
        Ok(vec![context.remembered_machine()?])
    } else {
        Ok(context.remembered_machines()?.machines)
    }
}

fn stop(args: &TunnelStopArgs, context: &Context) -> Result<(), Error> {
    let machines = if args.all {
        context.remembered_machines()?.machines
    } else {
        match context.remembered_machine() {
            Err(Error::Machine(error)) if args.ignore_unknown && error.is_about_an_unused_machine() => {
                return Ok(());
            }
            machine => vec![machine?],
        }
    };
    let (mut has_stopped, mut failed) = (false, Vec::new());
    for machine in &machines {
        match stop_one(machine, args.keep_ports, context) {
            Ok(stopped) => has_stopped |= stopped != StoppedTunnel::None,
            Err(error) => failed.push(error),
        }
    }
    if !has_stopped && failed.is_empty() {
        context.note("there was no tunnel");
    }
    let last = failed.len().saturating_sub(1);
    context.end(failed, last)
}

fn stop_one(machine: &Machine, keep_ports: bool, context: &Context) -> Result<StoppedTunnel, Error> {
    let stopped = tunnel::stop(&machine.files, context.deadline)?;
    if stopped == StoppedTunnel::Silent {
        context.note(&format!(
            "the tunnel of `{}` does not answer; it ends as soon as its process goes on",
            machine.name
        ));
    }
    if !keep_ports {
        forget_ports(machine, context.deadline)?;
    }
    Ok(stopped)
}

fn log(context: &Context) -> Result<(), Error> {
    let machine = context.remembered_machine()?;
    let text = files::read_log(&machine.files.tunnel_log())?.unwrap_or_default();
    print(&text.lines().map(|line| escape_control(line) + "\n").collect::<String>())
}

/// A tunnel in JSON.
#[derive(Serialize)]
struct TunnelEntry {
    machine: String,
    session: SessionStatus,
    last_error: Option<String>,
    forwards: Vec<ForwardEntry>,
    /// None when it publishes nothing.
    published: Option<PublishedEntry>,
}

/// In JSON, what is published and not here.
#[derive(Serialize)]
struct PublishedEntry {
    services: Vec<WatchedEntry>,
    unpublished: Vec<UnpublishedEntry>,
    beyond_limit: usize,
}

#[derive(Serialize)]
struct WatchedEntry {
    service: String,
    last_error: Option<String>,
}

#[derive(Serialize)]
struct UnpublishedEntry {
    service: String,
    port: u16,
    reason: String,
}

impl From<PublishStatus> for PublishedEntry {
    fn from(status: PublishStatus) -> Self {
        let watched = |(service, last_error): (ServiceName, _)| WatchedEntry {
            service: service.to_string(),
            last_error,
        };
        let unpublished = |port: UnpublishedPort| UnpublishedEntry {
            service: port.service.to_string(),
            port: port.port.number(),
            reason: port.to_string(),
        };
        Self {
            services: status.services.into_iter().map(watched).collect(),
            unpublished: status.unpublished.into_iter().map(unpublished).collect(),
            beyond_limit: status.beyond_limit,
        }
    }
}

fn kind(purpose: &ForwardPurpose) -> &'static str {
    match purpose {
        ForwardPurpose::Service(_) => "service",
        ForwardPurpose::Application(_) => "application",
        ForwardPurpose::Published { .. } => "published",
    }
}

/// A forward in JSON.
#[derive(Serialize)]
struct ForwardEntry {
    /// What it is for.
    kind: &'static str,
    service: Option<String>,
    local: String,
    target: String,
    since: u64,
    open: usize,
    accepted: u64,
    received: u64,
    sent: u64,
    last_error: Option<String>,
}

impl TunnelEntry {
    /// None where there is no tunnel.
    fn ask(machine: &Machine, deadline: Deadline) -> Option<Self> {
        let mut client = tunnel::find(&machine.files)?;
        let status = match client.ask(&ControlRequest::List, deadline.at_most(timeouts::TUNNEL_CONTROL)) {
            Ok(ControlAnswer::Status(status)) => status,
            Ok(odd) => TunnelStatus::silent(format!("it answers oddly: {odd:?}")),
            Err(error) => TunnelStatus::silent(in_one_line(&error)),
        };
        Some(Self::new(machine, status))
    }

    fn new(machine: &Machine, status: TunnelStatus) -> Self {
        let forward = |status: ForwardStatus| ForwardEntry {
            kind: kind(&status.forward.purpose),
            service: status.forward.purpose.service().map(ToString::to_string),
            local: status.forward.local.to_string(),
            target: status.forward.target.to_string(),
            since: status.since,
            open: status.open,
            accepted: status.accepted,
            received: status.received,
            sent: status.sent,
            last_error: status.last_error,
        };
        Self {
            machine: machine.name.to_string(),
            session: status.session,
            last_error: status.last_error,
            forwards: status.forwards.into_iter().map(forward).collect(),
            published: status.published.map(PublishedEntry::from),
        }
    }

    fn rows(&self) -> Vec<[String; 8]> {
        let session = match self.session {
            SessionStatus::Down => "down".to_owned(),
            SessionStatus::LoggingIn => "logging in".to_owned(),
            SessionStatus::Silent => "unknown".to_owned(),
            SessionStatus::Up { seconds } => {
                format!("up for {}", humanize_duration(Duration::from_secs(seconds)))
            }
        };
        let row = |forward: &ForwardEntry| {
            let age = SystemTime::now().duration_since(UNIX_EPOCH + Duration::from_secs(forward.since));
            let usage = format!("{} open, {} B in, {} B out", forward.open, forward.received, forward.sent);
            let last_error = forward.last_error.as_ref().or(self.last_error.as_ref());
            [
                self.machine.clone(),
                forward.label(),
                forward.local.clone(),
                forward.target.clone(),
                format!("{} ago", humanize_duration(age.unwrap_or_default())),
                session.clone(),
                usage,
                last_error.cloned().unwrap_or_else(|| "-".to_owned()),
            ]
        };
        let silent = (self.session == SessionStatus::Silent).then(|| {
            let [none, error] =
                [None, self.last_error.clone()].map(|text| text.unwrap_or_else(|| "-".to_owned()));
            let blank = || none.clone();
            [self.machine.clone(), blank(), blank(), blank(), blank(), session.clone(), blank(), error]
        });
        let published = self.published.iter().flat_map(|published| published.rows(&self.machine));
        self.forwards.iter().map(row).chain(published).chain(silent).collect()
    }
}

impl ForwardEntry {
    fn label(&self) -> String {
        match (&self.service, self.kind) {
            (Some(service), "service") => service.clone(),
            (Some(service), kind) => format!("{service} ({kind})"),
            (None, kind) => kind.to_owned(),
        }
    }
}

impl PublishedEntry {
    /// What is not here, and why.
    fn rows(&self, machine: &str) -> Vec<[String; 8]> {
        let row = |label: String, target: String, reason: String| {
            let none = || "-".to_owned();
            [machine.to_owned(), label, none(), target, none(), none(), none(), reason]
        };
        let unpublished = self.unpublished.iter().map(|port| {
            row(
                format!("{} (published)", port.service),
                format!("127.0.0.1:{}", port.port),
                port.reason.clone(),
            )
        });
        let failed = self.services.iter().filter_map(|watched| {
            Some(row(format!("{} (published)", watched.service), "-".to_owned(), watched.last_error.clone()?))
        });
        let more = (self.beyond_limit > 0).then(|| {
            let reason =
                format!("{} more ports are beyond what one machine can have here", self.beyond_limit);
            row("published".to_owned(), "-".to_owned(), reason)
        });
        unpublished.chain(failed).chain(more).collect()
    }
}
