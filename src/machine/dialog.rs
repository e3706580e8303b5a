//! What finding a machine has to say to its user, and who says it.

use super::store::UnreadableRecord;

/// The user, as far as this module knows one.
pub trait Dialog {
    /// What is kept of a machine is not understood, so it counts for nothing.
    fn unreadable_record(&self, record: &UnreadableRecord);
}
