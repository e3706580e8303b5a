//! What finding a machine has to say to its user, and to ask.

use std::path::Path;

use super::error::Error;
use super::store::UnreadableRecord;

/// The user, as far as this module knows one.
pub(crate) trait Dialog {
    /// What is kept of a machine is not understood, so it counts for nothing.
    fn unreadable_record(&self, record: &UnreadableRecord);

    /// The known route leads nowhere, and Vagrant cannot be asked for another, because of `error`.
    fn vagrant_not_asked(&self, error: Error);

    /// Asks whether Vagrant may be started. False where nobody can be asked.
    fn allows_vagrant(&self, question: &VagrantQuestion) -> bool;
}

/// Whether Vagrant may run what a project holds.
pub(crate) struct VagrantQuestion<'a> {
    pub(crate) vagrantfile: &'a Path,
    /// Changes with all that would run: an answer is for this alone.
    pub(crate) digest: &'a str,
    /// Something else was allowed before.
    pub(crate) has_changed: bool,
}
