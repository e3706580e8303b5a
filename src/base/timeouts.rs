//! How long the program waits, each time named for what it limits. All of it is within the limit of the whole command
//! (`--timeout`).

use std::time::Duration;

/// To connect to the API of a service. A guest that is nearby answers within a few milliseconds.
pub(crate) const API_CONNECT: Duration = Duration::from_secs(3);
/// For the answer of a service's API.
pub(crate) const API_ANSWER: Duration = Duration::from_secs(10);
/// For an address that the certificate names, once another one was found good but for the names.
pub(crate) const BETTER_ADDRESS: Duration = Duration::from_millis(250);
/// For a name server to say where a name of the certificate leads.
pub(crate) const NAME_LOOKUP: Duration = Duration::from_millis(250);
/// For a service of which no unit is active: static pods answer at once, or not at all.
pub(crate) const STATIC_PODS: Duration = Duration::from_secs(5);
/// For a port whose being open only explains a failure.
pub(crate) const EXPLAINING_PORT: Duration = Duration::from_millis(250);
/// For a service at its cached endpoint; after that SSH is tried.
pub(crate) const CACHED_ENDPOINT: Duration = Duration::from_secs(3);
/// The same for `hook`, which keeps a prompt waiting.
pub(crate) const HOOK: Duration = Duration::from_millis(300);
/// To connect to the SSH port of an address that may be the guest's.
pub(crate) const SSH_PORT_CONNECT: Duration = Duration::from_millis(500);
/// For the greeting of an SSH server, which may be busy or waiting for a name server.
pub(crate) const SSH_GREETING: Duration = Duration::from_secs(2);
/// For one attempt to use a service that is coming up.
pub(crate) const START_ATTEMPT: Duration = Duration::from_secs(10);
/// Between two such attempts.
pub(crate) const START_POLL: Duration = Duration::from_millis(250);
/// For a unit that has failed to be started again by systemd.
pub(crate) const RESTART_BY_SYSTEMD: Duration = Duration::from_secs(12);
/// For another `service-manager` that starts or stops something in the guest.
pub(crate) const OTHER_ACTION: Duration = Duration::from_mins(2);
/// For a file that is being changed when the time of the command is over.
pub(crate) const UNLOCK: Duration = Duration::from_secs(5);
