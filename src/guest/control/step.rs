//! The parts of an action.

use secrecy::SecretString;

use super::install_call::InstallCall;
use super::keys::Keys;
use crate::base::types::{GuestPath, ServiceName, SshUser, UnitName};
use crate::catalogue::Control;

/// Whose systemd it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Instance {
    /// The machine's: root has to act.
    System,
    /// The login user's own.
    User,
}

/// A part of an action; each can be done twice.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Lets the units start with the machine.
    Enable(Vec<UnitName>),
    /// Lets nothing start them with the machine.
    Disable(Vec<UnitName>),
    Start(Vec<UnitName>),
    /// Stops them and what they have started.
    Stop(Vec<UnitName>),
    /// Stops what would start them again.
    StopTriggers(Vec<UnitName>),
    /// Stops the pods that go on without their kubelet.
    StopPods,
    /// Keeps the user's systemd running when nobody is logged in.
    Linger,
    /// Waits until a container engine answers at its socket.
    WaitForEngine(GuestPath),
    /// Fails, with what the unit has said.
    ReportFailure(UnitName),
    /// Calls `sccli` to start or stop a service, which comes or goes with these units.
    Sccli {
        service: ServiceName,
        word: &'static str,
        units: Vec<UnitName>,
    },
    /// Has `sccli` start a service, which comes with these units, with what the variables say; anew if it runs with anything else.
    StartSccli {
        service: ServiceName,
        units: Vec<UnitName>,
    },
    /// Has units that were stopped count as stopped, though they ended with an error.
    ForgetFailures(Vec<UnitName>),
    /// Sets variables for the steps that follow.
    Variables(Vec<(&'static str, SecretString)>),
    /// Completes an image that was named in part with what was set before.
    CompleteSccliImage,
    /// Makes the units, and what pulls images, read these variables; restarts those that run with others.
    SetProxy {
        variables: SecretString,
        units: Vec<UnitName>,
    },
    /// Takes these variables away from all units.
    RemoveProxy,
    /// Removes the proxy that `sccli` has set up.
    RemoveSccliProxy,
    /// Sets these variables for the units; restarts those that run with others.
    SetImage {
        variables: Vec<(&'static str, SecretString)>,
        units: Vec<UnitName>,
    },
    /// Makes a Docker daemon listen with TLS, with these keys, and gives those of its clients to a user.
    EnableTls {
        unit: UnitName,
        keys: Keys,
        user: SshUser,
        /// Replace the keys that are there.
        replace: bool,
    },
    /// A part of an installation.
    Install(InstallCall),
    /// Replaces the keys of a Docker daemon that makes its own when it has none, and those of its client, unless another
    /// one has just done it.
    RenewKeys(KeysRenewal),
}

/// What is needed to replace the keys of a Docker daemon and its client.
#[derive(Clone, Debug)]
pub(crate) struct KeysRenewal {
    /// The daemon.
    pub unit: UnitName,
    /// The folder of its keys.
    pub daemon: GuestPath,
    /// The user who is given the client's.
    pub user: SshUser,
    /// The client's `ca.pem`, `cert.pem` and `key.pem` until now, if they are text.
    pub old_keys: Option<[SecretString; 3]>,
    pub keys: Keys,
}

impl Instance {
    pub(super) fn of(control: &Control) -> Self {
        match control {
            Control::System { .. } | Control::Sccli { .. } => Self::System,
            Control::User { .. } => Self::User,
        }
    }
}
