//! A connection to a machine, over which it is asked and told.

use std::collections::BTreeMap;
use std::io::Read;
use std::time::Duration;

use super::context_choice::{ChosenContexts, ContextChoice};
use super::detect::DetectedService;
use super::error::Error;
use super::inspection::Inspection;
use super::login::{connect, read_known_hosts};
use super::tunnel_access::TunnelAccess;
use crate::base::deadline::Deadline;
use crate::base::files;
use crate::base::release::Sha256Sum;
use crate::base::types::{ServiceName, UnitName};
use crate::catalogue::Control;
use crate::guest::control::{Action, ActionOutcome, InstallProgress, push};
use crate::guest::journal::{JournalQuery, JournalTime};
use crate::guest::probe::{self, Health, Questions};
use crate::guest::ssh::{Connection, HostKeyChange, KnownHosts};
use crate::machine::{Machine, VagrantResolver, chosen_contexts};

/// A machine that is logged in to.
pub(crate) struct MachineSession {
    pub(super) machine: Machine,
    pub(super) connection: Connection,
    pub(super) tunnel: TunnelAccess,
    /// What was typed; else what was chosen before counts.
    context: Option<ContextChoice>,
}

impl MachineSession {
    /// Logs in to `machine` and remembers the route. Where the known one leads nowhere and `vagrant` knows another by
    /// now, `machine` has that one from then on.
    ///
    /// Errors: those of connecting, and of keeping what was learnt about the machine.
    pub(crate) fn open(
        machine: &mut Machine,
        vagrant: &VagrantResolver,
        tunnel: TunnelAccess,
        context: Option<ContextChoice>,
        deadline: Deadline,
    ) -> Result<Self, Error> {
        files::refuse_shared(machine.files.folder())?;
        let (connection, known_hosts) = match connect(machine, deadline) {
            Err(error) if error.is_about_the_route() && machine.may_have_moved() => {
                machine.set_current(true);
                *machine = vagrant.refresh_route(machine, deadline)?.ok_or(error)?;
                log::debug!("Vagrant knows another route: {}", machine.route());
                connect(machine, deadline)
            }
            attempt => attempt,
        }
        .map_err(|error| error.about_route_of(machine))?;
        machine.set_current(false);
        log::debug!("logged in as {}", machine.route());
        let folder = machine.lock(deadline)?;
        let learnt = known_hosts.add_learnt(read_known_hosts(machine)?)?;
        // First what `machines forget` looks for.
        machine.remember(&folder)?;
        if let Some(text) = learnt {
            folder.write(&machine.files.known_hosts(), text.as_bytes())?;
        }
        Ok(Self { machine: machine.clone(), connection, tunnel, context })
    }

    pub(crate) fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Sets the time until which the connection is used.
    pub(crate) fn set_deadline(&mut self, deadline: Deadline) {
        self.connection.set_deadline(deadline);
    }

    /// From now on the machine has to give signs of life at least every `limit`; none: it need not.
    pub(crate) fn watch(&mut self, limit: Option<Duration>) {
        self.connection.watch(limit);
    }

    /// True when the connection has kept so much that nobody asked for that a new one is better.
    pub(crate) fn is_worn(&self) -> bool {
        self.connection.is_worn()
    }

    /// Asks `questions` with one command.
    ///
    /// Errors: those of asking.
    pub(crate) fn inspect(&mut self, questions: &Questions) -> Result<Inspection, Error> {
        let user_is_root = self.user_is_root();
        let facts = probe::ask(questions, &mut self.connection, user_is_root)?;
        log::debug!("the guest answered; units: {}, files: {}", facts.units.len(), facts.files.len());
        let (machine, tunnel) = (self.machine.clone(), self.tunnel.clone());
        let (address, host_key) = (self.connection.address(), self.connection.host_key().clone());
        // What is typed replaces a list that cannot be read.
        let remembered = match self.context {
            Some(_) => BTreeMap::new(),
            None => chosen_contexts(&machine.files)?,
        };
        let contexts = ChosenContexts { typed: self.context.clone(), remembered };
        Ok(Inspection { machine, facts, address, host_key, tunnel, contexts })
    }

    /// Asks what may keep any service from working, and for the last lines of `units`.
    ///
    /// Errors: those of asking.
    pub(crate) fn health(&mut self, units: &[UnitName]) -> Result<Health, Error> {
        Ok(probe::ask_health(&mut self.connection, units)?)
    }

    /// The fingerprint of the machine's host key.
    pub(crate) fn host_key(&self) -> String {
        self.connection.host_key().fingerprint()
    }

    /// Executes `action`; another one that is going on in the guest is waited for with `patience`. How an installation
    /// comes along goes to `progress`.
    ///
    /// Errors: those of the connection; the answer is not of the agreed form.
    pub(super) fn execute(
        &mut self,
        action: &Action,
        patience: Duration,
        progress: impl FnMut(InstallProgress),
    ) -> Result<ActionOutcome, Error> {
        let user_is_root = self.user_is_root();
        Ok(action.execute(&mut self.connection, user_is_root, patience, progress)?)
    }

    /// Puts what `content` holds, which has the sum `sha256`, into the machine, for the installation of `service`. It may be silent for `idle`.
    ///
    /// Errors: as for [`Self::execute`]; `content` cannot be read.
    pub(super) fn push(
        &mut self,
        service: &ServiceName,
        sha256: &Sha256Sum,
        content: &mut impl Read,
        idle: Duration,
    ) -> Result<ActionOutcome, Error> {
        let user_is_root = self.user_is_root();
        Ok(push(&mut self.connection, user_is_root, service, sha256, content, idle)?)
    }

    /// Gives each line of the journal of the units of `detected` to `show`, made harmless,
    /// until that says false.
    ///
    /// Errors: it has no units; those of the connection.
    pub(crate) fn read_journal(
        &mut self,
        detected: &DetectedService,
        since: Option<&JournalTime>,
        follow: bool,
        show: impl FnMut(&str) -> bool,
    ) -> Result<(), Error> {
        let (units, of_user) = match &detected.flavour.control {
            Control::User { units, .. } => (units, true),
            Control::System { .. } | Control::Sccli { .. } => (&detected.units, false),
        };
        if units.is_empty() {
            return Err(Error::NoJournal {
                service: detected.service.name.to_string(),
                flavour: detected.flavour.name.to_string(),
                machine: self.machine.name.to_string(),
            });
        }
        let user_is_root = self.user_is_root();
        let query = JournalQuery { units, of_user, since, lines: JOURNAL_LINES, follow };
        Ok(query.read(&mut self.connection, user_is_root, show)?)
    }

    /// Adds to `error` what its failed unit has written last. What cannot be found out is left out.
    pub(crate) fn add_last_words(&mut self, error: &mut Error) {
        let Some(failed) = error.failed_unit() else { return };
        let units = std::slice::from_ref(&failed.unit);
        let query = JournalQuery { units, of_user: false, since: None, lines: LAST_LINES, follow: false };
        let user_is_root = self.user_is_root();
        let (mut own, mut last) = (None, None);
        let read = query.read(&mut self.connection, user_is_root, |line| {
            if !line.contains(" systemd[1]: ") {
                own = Some(line.to_owned());
            }
            last = Some(line.to_owned());
            true
        });
        match read {
            Ok(()) => failed.said = own.or(last),
            Err(error) => log::debug!("the journal could not be read: {error}"),
        }
    }

    fn user_is_root(&self) -> bool {
        self.machine.route().target.user.as_str() == "root"
    }
}

/// The host keys that the servers on the route to `machine` show now, whatever was known of them.
pub(crate) struct ShownHostKeys {
    keys: KnownHosts,
    /// Those that differ from what was known.
    pub(crate) changes: Vec<HostKeyChange>,
}

impl ShownHostKeys {
    /// Logs in to `machine` as if for the first time.
    ///
    /// Errors: those of connecting.
    pub(crate) fn ask(machine: &Machine, deadline: Deadline) -> Result<Self, Error> {
        let known = read_known_hosts(machine)?;
        let mut keys = KnownHosts::none(machine.key());
        Connection::open(machine.route(), &mut keys, deadline)?;
        Ok(Self { changes: known.changes_to(&keys), keys })
    }

    /// Has them be the known ones of `machine` from now on.
    ///
    /// Errors: the machine's folder is locked or cannot be written.
    pub(crate) fn trust(&self, machine: &Machine, deadline: Deadline) -> Result<(), Error> {
        let folder = machine.lock(deadline)?;
        let text = read_known_hosts(machine)?.replaced_by(&self.keys);
        Ok(folder.write(&machine.files.known_hosts(), text.as_bytes())?)
    }
}

/// The last lines of the journal of a service.
const JOURNAL_LINES: usize = 1000;
/// systemd itself adds some when a unit has failed.
const LAST_LINES: usize = 20;
