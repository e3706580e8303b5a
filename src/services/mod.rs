//! A service in use: detected in the guest, connected to, exported, started and stopped, cached.

mod availability;
mod cache;
mod connect;
mod connected;
mod context_choice;
mod detect;
mod error;
mod exported;
mod guest_credentials;
mod inspection;
mod last_resort;
mod leftovers;
mod lifecycle;
mod login;
mod port_forward;
mod port_watch;
mod published_ports;
mod reachability;
mod session;
mod state;
mod through_ssh;
mod tunnel_access;

pub(crate) use self::availability::{Assessment, Availability, Readiness};
pub(crate) use self::cache::{Scope, ServiceCache, export_cached, keep, reconnect_cached};
pub(crate) use self::connect::{Connections, LeftOut, connect};
pub(crate) use self::connected::ConnectedService;
pub(crate) use self::context_choice::ContextChoice;
pub(crate) use self::detect::DetectedService;
pub(crate) use self::error::{Error, some};
pub(crate) use self::exported::{ExportedService, export};
pub(crate) use self::inspection::{Detour, Inspection};
pub(crate) use self::leftovers::{Leftover, leftovers};
pub(crate) use self::lifecycle::{Inspected, InstallPlan, Lifecycle, exclusive_under_sccli};
pub(crate) use self::login::remembered_login;
pub(crate) use self::port_forward::{
    ForwardedPort, bring_back_ports, forget_ports, publish_ports, stop_ports,
};
pub(crate) use self::port_watch::port_watcher;
pub(crate) use self::reachability::{GuestAddress, address, addresses};
pub(crate) use self::session::{MachineSession, ShownHostKeys};
pub(crate) use self::state::State;
pub(crate) use self::through_ssh::THROUGH_SSH;
pub(crate) use self::tunnel_access::{BriefTunnels, TunnelAccess, TunnelLifetime};
