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

    /// Asks whether Vagrant may run this Vagrantfile, which has changed since the user allowed it, or never was
    /// allowed. False where nobody can be asked.
    fn allows_vagrant(&self, vagrantfile: &Path, has_changed: bool) -> bool;
}
