//! Logging in to a machine, and reaching its services.

use super::Context;
use crate::error::Error;
use crate::guest::probe::Questions;
use crate::machine::{Machine, VagrantResolver};
use crate::services::{self, BriefTunnels, Inspection, MachineSession, TunnelAccess};
use crate::settings::Settings;
use crate::ui::Spinner;

impl Context {
    /// Whether, and for how long, services are reached through SSH.
    pub(crate) fn tunnel(&self) -> Result<TunnelAccess, Error> {
        let settings = Settings::load(&self.folders()?)?;
        let mode = self.tunnel.unwrap_or(settings.tunnel);
        let home = self.env.service_manager_home.as_ref().map(|home| self.env.current_folder.join(home));
        let agent = self.env.variable("SSH_AUTH_SOCK").map(|agent| self.env.current_folder.join(agent));
        Ok(TunnelAccess {
            mode,
            publish: self.publishes || settings.publish,
            lifetime: self.tunnel_lifetime,
            home,
            agent,
            brief: BriefTunnels::default(),
            ui: self.ui,
        })
    }

    /// Says that `place` is connected to, if that takes a while.
    pub(crate) fn waits_for(&self, place: &str) -> Spinner {
        Spinner::after_a_moment(self.ui, &format!("connecting to {place}"))
    }

    /// Logs in to `machine`, which is where it is now from then on.
    pub(crate) fn open_session(&self, machine: &mut Machine) -> Result<MachineSession, Error> {
        let folders = self.folders()?;
        let vagrant = VagrantResolver::new(&self.env, &folders, &self.selection, self);
        let before = self.login_before(machine)?;
        let _waiting = self.waits_for(&machine.route().target.place());
        let session = MachineSession::open(
            machine,
            &vagrant,
            self.tunnel()?,
            self.in_kubeconfig.clone(),
            self.deadline,
        )?;
        if let Some(before) = before {
            let (name, now) = (&machine.name, &machine.route().target);
            self.note(&format!("from now on `{name}` is reached as {now}, no longer as {before}"));
        }
        Ok(session)
    }

    /// As whom `machine` was logged in to before, if the user has typed another one.
    fn login_before(&self, machine: &Machine) -> Result<Option<String>, Error> {
        if self.selection.host.is_none() {
            return Ok(None);
        }
        let known = self.remembered_machines()?.machines;
        let before = known.iter().find(|known| known.key() == machine.key());
        let before = before.map(|known| known.route().target.to_string());
        Ok(before.filter(|before| *before != machine.route().target.to_string()))
    }

    /// Logs in to `machine` and asks `questions` with one command.
    pub(crate) fn inspect(&self, mut machine: Machine, questions: &Questions) -> Result<Inspection, Error> {
        let mut session = self.open_session(&mut machine)?;
        let _waiting = Spinner::after_a_moment(self.ui, &format!("asking {}", machine.name));
        Ok(session.inspect(questions)?)
    }

    /// `error`, with what its unit has written last if it is about one that has failed.
    pub(crate) fn with_last_words(&self, mut error: services::Error, machine: &Machine) -> Error {
        if error.failed_unit().is_some() {
            match self.open_session(&mut machine.clone()) {
                Ok(mut session) => session.add_last_words(&mut error),
                Err(failure) => log::debug!("{failure}"),
            }
        }
        error.into()
    }
}
