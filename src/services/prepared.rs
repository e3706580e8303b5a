//! The services of a machine, ready for use from the host.

use std::path::Path;
use std::time::SystemTime;

use super::connected;
use crate::base::deadline::Deadline;
use crate::catalogue::Service;
use crate::error::Error;
use crate::export::client_files::ClientFiles;
use crate::export::{Block, Values};
use crate::machine::Machine;
use crate::services::cache::{Answer, Memory, Scope};
use crate::services::inspection::InUse;
use crate::ui::Ui;

/// Services of a machine in use, and what is exported for them. What the clients read is written.
pub(crate) struct Ready<'a> {
    pub(crate) machine: Machine,
    pub(crate) in_use: Vec<InUse<'a>>,
    pub(crate) blocks: Vec<Block>,
    /// For each service why variables of it are left out.
    left_out: Vec<Vec<String>>,
}

impl<'a> Ready<'a> {
    pub(crate) fn new(
        in_use: Vec<InUse<'a>>,
        machine: Machine,
        api_version: bool,
        deadline: Deadline,
    ) -> Result<Self, Error> {
        let files = ClientFiles::new(&machine, &in_use)?;
        let (mut blocks, mut left_out) = (Vec::new(), Vec::new());
        for service in &in_use {
            let mut reasons = Vec::new();
            blocks.push(block(service, &files, api_version, |reason| reasons.push(reason.to_owned()))?);
            left_out.push(reasons);
        }
        files.write(deadline)?;
        Ok(Self { machine, in_use, blocks, left_out })
    }

    pub(crate) fn answers(&self) -> Vec<Answer<'_>> {
        let pairs = self.in_use.iter().zip(&self.blocks).zip(&self.left_out);
        pairs.map(|((in_use, block), reasons)| Answer { in_use, block, left_out: reasons.len() }).collect()
    }

    /// Notes what the user should know of it.
    pub(crate) fn tell(&self, ui: Ui) {
        connected::tell(&self.in_use, ui);
        for (service, reasons) in self.in_use.iter().zip(&self.left_out) {
            for reason in reasons {
                ui.note(&format!("{}: {reason}", service.found.service.title));
            }
        }
    }
}

/// Uses the services again where they were, without asking the machine. None when anything is not as it was.
///
/// Errors: what the clients read cannot be written.
pub(crate) fn recall<'a>(
    services: &[&'a Service],
    machine: &Machine,
    scope: Scope,
    api_version: bool,
    deadline: Deadline,
) -> Result<Option<(Memory, Ready<'a>)>, Error> {
    let memory = Memory::of(machine);
    let Some(in_use) = memory.recall(services, scope, SystemTime::now(), deadline) else {
        log::debug!("the services are not as they were, or not known");
        return Ok(None);
    };
    for service in &in_use {
        log::debug!("{} answers at {} as before", service.found.service.title, service.endpoint.url());
    }
    let ready = Ready::new(in_use, machine.clone(), api_version, deadline)?;
    Ok(memory.is_matched_by(&ready.answers()).then_some((memory, ready)))
}

/// Writes what the clients of `service` read, and keeps how it is used, as printing its exports would.
///
/// Errors: the machine's folder is locked or cannot be written.
pub(crate) fn keep(in_use: InUse, machine: &Machine, deadline: Deadline) -> Result<(), Error> {
    let services = [in_use.found.service];
    let ready = Ready::new(vec![in_use], machine.clone(), false, deadline)?;
    Memory::keep(machine, &services, &ready.answers(), None, deadline)
}

fn block(
    service: &InUse,
    files: &ClientFiles,
    api_version: bool,
    left_out: impl FnMut(&str),
) -> Result<Block, Error> {
    let folder = files.folder(service);
    let values = Values {
        in_use: service,
        kubeconfig: text(files.kubeconfig())?,
        folder: text(&folder)?,
        api_version,
    };
    Block::new(&values, left_out)
}

fn text(path: &Path) -> Result<&str, Error> {
    path.to_str().ok_or_else(|| Error::PathNotText { path: path.to_owned() })
}
