//! Tunnels: services of the guest that nothing but SSH leads to.

mod client_end;
mod control;
mod forward;
#[cfg(test)]
mod hostile_tests;
mod link;
mod listener;
mod preamble;
mod publish;
mod published;
mod serve;
mod session;
mod start;
mod status;
#[allow(clippy::module_inception, reason = "the type that the folder is about")]
mod tunnel;

pub(crate) use self::control::{ControlAnswer, ControlClient, ControlError, ControlRequest, TunnelWay};
pub(crate) use self::forward::{Forward, ForwardPurpose, ForwardTarget, LocalEnd, PortMapping, SocketFile};
pub(crate) use self::publish::{PortReport, PortReports, PortWatcher};
pub(crate) use self::published::{PortReach, PublishStatus, PublishedPort, UnpublishedPort};
pub(crate) use self::serve::{BriefTunnel, ServeError, TunnelHost, publishes, read_forwards, serve};
pub(crate) use self::session::FORBIDS;
pub(crate) use self::start::{READY, StartError, StoppedTunnel, TAKEN, find, find_or_start, stop};
pub(crate) use self::status::{ForwardStatus, SessionStatus, TunnelStatus};
pub(crate) use self::tunnel::TunnelLogin;
