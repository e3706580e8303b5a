//! How long the program waits, each time named for what it limits. All of it is within the limit of the whole command
//! (`--timeout`, whose defaults are in `src/cli/mod.rs`), but for [`UNLOCK`] and [`GRACE`], which come after it.

use std::time::Duration;

/// To connect to the API of a service. A guest that is nearby answers within a few milliseconds.
pub(crate) const API_CONNECT: Duration = Duration::from_secs(3);
/// For the answer of a service's API.
pub(crate) const API_ANSWER: Duration = Duration::from_secs(10);
/// For an address that the certificate names, once another one was found good but for the names.
pub(crate) const BETTER_ADDRESS: Duration = Duration::from_millis(250);
/// For a name server to say where a name of the certificate leads.
pub(crate) const NAME_LOOKUP: Duration = Duration::from_millis(250);
/// For a name server to say where the route to a registry leads. Without an answer the registry is refused.
pub(crate) const REGISTRY_NAME: Duration = Duration::from_secs(5);
/// For a service of which no unit is active: static pods answer at once, or not at all.
pub(crate) const STATIC_PODS: Duration = Duration::from_secs(5);
/// For a port whose being open only explains a failure, or is a reason to ask there once more.
pub(crate) const EXPLAINING_PORT: Duration = Duration::from_millis(250);
/// For a service at its cached endpoint; after that SSH is tried.
pub(crate) const CACHED_ENDPOINT: Duration = Duration::from_secs(3);
/// The same for `hook`, which keeps a prompt waiting.
pub(crate) const HOOK: Duration = Duration::from_millis(300);
/// To connect to the SSH port of an address that may be the guest's.
pub(crate) const SSH_PORT_CONNECT: Duration = Duration::from_millis(500);
/// For an SSH server to prove its host key; it may be busy or waiting for a name server.
pub(crate) const SSH_HOST_KEY: Duration = Duration::from_secs(2);
/// For one attempt to use a service that is coming up.
pub(crate) const START_ATTEMPT: Duration = Duration::from_secs(10);
/// Between two such attempts.
pub(crate) const START_POLL: Duration = Duration::from_millis(250);
/// For a service that comes up to say something else than what it answers, a wrong certificate or a refusal.
pub(crate) const LAST_WORD: Duration = Duration::from_secs(10);
/// The same for dockerd, which reads its keys once: they may just be replaced by somebody else.
pub(crate) const DOCKER_KEYS: Duration = Duration::from_secs(2);
/// The same for its files.
pub(crate) const LATE_FILES: Duration = Duration::from_secs(30);
/// Whose units are active for so long has come up as far as it will.
pub(crate) const LONG_ACTIVE: Duration = Duration::from_mins(1);
/// For a unit that has failed, and that systemd does not start again, to be started by somebody else.
pub(crate) const FAILED_UNIT: Duration = Duration::from_secs(2);
/// For a unit that has failed to be started again by systemd, and to stay up then.
pub(crate) const RESTART_BY_SYSTEMD: Duration = Duration::from_secs(12);
/// For another `service-manager` that starts or stops something in the guest.
pub(crate) const OTHER_ACTION: Duration = Duration::from_mins(2);
/// For another program that installs packages in the guest: a fresh machine upgrades itself for minutes.
pub(crate) const PACKAGE_LOCK: Duration = Duration::from_mins(5);
/// For a guest that gives no sign of life while something is installed there.
pub(crate) const SILENT_GUEST: Duration = Duration::from_secs(30);
/// To install a service in the guest.
pub(crate) const INSTALLATION: Duration = Duration::from_mins(15);
/// For a file that is being changed when the time of the command is over.
pub(crate) const UNLOCK: Duration = Duration::from_secs(5);
/// For work whose time is over to say itself what it was waiting for.
pub(crate) const GRACE: Duration = Duration::from_millis(500);
/// To connect to the SSH server of a machine.
pub(crate) const SSH_CONNECT: Duration = Duration::from_secs(5);
/// Between two looks at a lock that another process holds.
pub(crate) const LOCK_POLL: Duration = Duration::from_millis(5);
/// Before a download is tried again for the first time; each pause is twice as long as the one before.
pub(crate) const FIRST_RETRY: Duration = Duration::from_millis(250);
/// A server that asks for a longer pause is not asked again.
pub(crate) const LONGEST_RETRY: Duration = Duration::from_secs(30);
/// For a publisher of what is put into a machine, who says nothing.
pub(crate) const RELEASE_IDLE: Duration = Duration::from_secs(30);
/// For another process that installs the same client; it gives up itself when nothing comes any more.
pub(crate) const OTHER_INSTALLATION: Duration = Duration::from_hours(1);
/// For another process that records what it has installed.
pub(crate) const OTHER_RECORDING: Duration = Duration::from_secs(30);
/// For a tunnel to log in to its machine.
pub(crate) const TUNNEL_LOGIN: Duration = Duration::from_secs(15);
/// After a tunnel could not log in, until it tries again.
pub(crate) const TUNNEL_RETRY: Duration = Duration::from_secs(1);
/// For a machine to answer that a connection is open, or refused.
pub(crate) const TUNNEL_OPEN: Duration = Duration::from_secs(5);
/// To look again for another process that holds a tunnel and does not listen yet.
pub(crate) const TUNNEL_TAKEN: Duration = Duration::from_millis(100);
/// To wait for the end of another command in the guest, where as many run as there may be.
pub(crate) const TUNNEL_TURN: Duration = Duration::from_secs(15);
/// Between two looks at what libssh2 waits for: it does not always say what that is.
pub(crate) const TUNNEL_POLL: Duration = Duration::from_millis(20);
/// For the other side to agree that a connection has ended, before that is looked at less often.
pub(crate) const TUNNEL_CLOSE: Duration = Duration::from_secs(2);
/// For the other side to agree to that at all, and to take what a client has sent that is gone.
pub(crate) const TUNNEL_STUCK: Duration = Duration::from_mins(1);
/// A machine with open connections from which nothing has come for so long is asked for a sign of life.
pub(crate) const KEEPALIVE: Duration = Duration::from_secs(30);
/// For that sign.
pub(crate) const KEEPALIVE_ANSWER: Duration = Duration::from_secs(10);
/// A host that has slept for so long may have lost its connections.
pub(crate) const SLEEP: Duration = Duration::from_secs(5);
/// A tunnel without connections ends its SSH session after so long.
pub(crate) const TUNNEL_SESSION: Duration = Duration::from_mins(5);
/// And the tunnel itself after so long.
pub(crate) const TUNNEL: Duration = Duration::from_hours(12);
/// For its process to find out that its folder was removed, and to be given something to do.
pub(crate) const TUNNEL_FOLDER: Duration = Duration::from_secs(30);
/// For another process to answer for a tunnel, or to end.
pub(crate) const TUNNEL_CONTROL: Duration = Duration::from_secs(5);
/// Before a service is asked again what it publishes, when it could not be; each pause is twice as long as the one before.
pub(crate) const FIRST_WATCH_RETRY: Duration = Duration::from_secs(1);
/// And not longer than this.
pub(crate) const LAST_WATCH_RETRY: Duration = Duration::from_secs(30);
/// Between two questions what it publishes, however much happens there.
pub(crate) const WATCH_PAUSE: Duration = Duration::from_secs(1);
/// For a service to say again what it publishes, before that is gone: an API server may restart for that long.
pub(crate) const SILENT_SERVICE: Duration = Duration::from_mins(2);
/// Before a published port is tried again that another program of the host had.
pub(crate) const TAKEN_PORT: Duration = Duration::from_secs(10);
/// For all that a service ever tells in one stream of events.
pub(crate) const EVENTS: Duration = Duration::from_hours(24);
/// To connect directly to a service that a tunnel would reach too.
pub(crate) const BEFORE_TUNNEL: Duration = Duration::from_millis(1500);
/// For `ssh -G`, which may look names up (`CanonicalizeHostname`) and run what a `Match exec` names.
pub(crate) const OPENSSH: Duration = Duration::from_secs(10);
/// To connect to what may be an SSH server, and then for it to say so.
pub(crate) const GREETING: Duration = Duration::from_secs(2);
/// For another command that is at the files of a machine, before `doctor` says so.
pub(crate) const LOCK_OF_ANOTHER: Duration = Duration::from_millis(500);
/// A shell of the guest that takes longer is slow. On a busy host a second is nothing special.
pub(crate) const SLOW_SHELL: Duration = Duration::from_secs(3);
/// For a client on the PATH to say its version.
pub(crate) const CLIENT_VERSION: Duration = Duration::from_secs(5);
