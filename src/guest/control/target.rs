//! A service as an action sees it.

use crate::base::types::UnitName;
use crate::catalogue::Control;

/// What an action has to know of a service in the guest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    /// How it is started and stopped.
    pub control: &'a Control,
    /// Those of its units that the guest has, in the order in which they start.
    pub units: &'a [UnitName],
    /// One of them that is not active; rather one that has failed.
    pub down: Option<&'a UnitName>,
    /// Its pods go on without their kubelet.
    pub static_pods: bool,
    /// It has keys for TLS already.
    pub has_tls: bool,
}

impl<'a> Target<'a> {
    /// The units to start and stop. A user's own are not among those that the machine's systemd knows.
    pub(super) fn own_units(&self) -> &'a [UnitName] {
        match self.control {
            Control::User { units, .. } => units,
            Control::System { .. } | Control::Sccli { .. } => self.units,
        }
    }
}
