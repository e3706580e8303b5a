//! Connected services, and what is exported for them.

use std::path::Path;
use std::time::{Duration, SystemTime};

use super::connected::ConnectedService;
use super::error::Error;
use crate::base::deadline::Deadline;
use crate::base::text::humanize_duration;
use crate::catalogue::Access;
use crate::export::{self, Block, ClientFiles, Values};
use crate::machine::Machine;

/// A connected service, and what is exported for it. What its clients read is written.
#[derive(Debug)]
pub(crate) struct ExportedService<'a> {
    pub(crate) connected: ConnectedService<'a>,
    pub(crate) block: Block,
    /// Why variables of it are left out.
    pub(crate) left_out: Vec<String>,
}

impl ExportedService<'_> {
    /// What the user should know of it.
    pub(crate) fn notes(&self) -> Vec<String> {
        let title = &self.connected.detected.service.title;
        let left_out = self.left_out.iter().map(|reason| format!("{title}: {reason}"));
        self.connected.notes().into_iter().chain(self.note_about_login()).chain(left_out).collect()
    }

    /// How its clients log in to a registry that wants it, while `registry login` has not logged them in.
    fn note_about_login(&self) -> Option<String> {
        let is_logged_in = || self.block.exports.iter().any(|export| export.name.as_str() == LOGINS);
        if !self.connected.endpoint.wants_login() || is_logged_in() {
            return None;
        }
        let place = self.connected.endpoint.address()?.place();
        Some(format!(
            "the registry asks for a login: `docker login {place}` for docker, `service-manager registry login --user NAME \
             --password-stdin` for skopeo, podman and buildah"
        ))
    }
}

impl ConnectedService<'_> {
    /// What the user should know before using it.
    pub(crate) fn notes(&self) -> Vec<String> {
        if self.detected.flavour.access.is_registry() {
            return [self.note_about_trust(), self.note_about_others()].into_iter().flatten().collect();
        }
        [self.note_about_its_name(), self.note_about_its_end()].into_iter().flatten().collect()
    }

    /// Which of the host's programs use a registry as it is.
    fn note_about_trust(&self) -> Option<String> {
        let address = self.endpoint.address()?;
        let place = address.place();
        Some(match &address.server_name {
            _ if address.is_plain => format!(
                "the registry talks HTTP: docker here takes that at {place}; skopeo, podman and buildah once \
                 `service-manager registry trust` was typed"
            ),
            // A name that the guest has chosen leads nowhere here: it may be that of a host which others mean.
            Some(_) => format!(
                "the registry's certificate does not name {}: docker here takes that at {place}; skopeo, podman and buildah \
                 with `--tls-verify=false`, since SSH protects the way there",
                address.host
            ),
            None if self.endpoint.is_through_ssh() => return None,
            None => format!(
                "skopeo, podman and buildah trust {place} once `service-manager registry trust` was typed, which says what \
                 docker needs; `--tunnel always` leads to a loopback address, which docker trusts"
            ),
        })
    }

    /// Who else can use a registry that asks for no login.
    fn note_about_others(&self) -> Option<String> {
        let place = self.endpoint.address()?.place();
        self.endpoint.is_open_to_this_host().then(|| {
            format!(
                "the registry asks for no login: every user of this host can push to it at {place} until \
                 `service-manager tunnel stop`"
            )
        })
    }

    fn note_about_its_name(&self) -> Option<String> {
        let address = self.endpoint.address()?;
        let name = address.server_name.as_ref()?;
        Some(format!(
            "the certificate does not name {}, so the kubeconfig says `tls-server-name: {name}`; \
             kubectl before 1.18 and some other clients ignore that",
            address.host
        ))
    }

    /// A server may allow tokens for a short time only.
    fn note_about_its_end(&self) -> Option<String> {
        let left =
            self.credentials.as_ref()?.client_auth.expires_at()?.duration_since(SystemTime::now()).ok()?;
        if left >= DAY {
            return None;
        }
        let is_made = matches!(self.detected.flavour.access, Access::ServiceAccount { .. });
        let more = if is_made { "; the same command gets a new one then" } else { "" };
        let left = humanize_duration(left);
        Some(format!("the token for {} expires in {left}{more}", self.detected.service.title))
    }
}

/// What `registry login` has written.
const LOGINS: &str = "REGISTRY_AUTH_FILE";

/// Fills in the exports of `connected` and writes what the clients read.
///
/// Errors: a value that cannot be exported; the machine's folder is locked or cannot be written.
pub(crate) fn export<'a>(
    connected: Vec<ConnectedService<'a>>,
    machine: &Machine,
    api_version: bool,
    deadline: Deadline,
) -> Result<Vec<ExportedService<'a>>, Error> {
    let files = ClientFiles::new(machine, connected.iter().map(ConnectedService::access).collect())?;
    let blocks = connected.iter().map(|service| block(service, &files, api_version));
    let blocks: Vec<(Block, Vec<String>)> = blocks.collect::<Result<_, _>>()?;
    files.write(deadline)?;
    drop(files);
    let exported = connected.into_iter().zip(blocks);
    Ok(exported
        .map(|(connected, (block, left_out))| ExportedService { connected, block, left_out })
        .collect())
}

fn block(
    service: &ConnectedService,
    files: &ClientFiles,
    api_version: bool,
) -> Result<(Block, Vec<String>), Error> {
    let access = service.access();
    let folder = files.folder(&access);
    let (kubeconfig, folder) = (text(files.kubeconfig())?, text(&folder)?);
    let mut left_out = Vec::new();
    let values = Values { access, kubeconfig, folder, api_version };
    let block = Block::new(&values, |reason| left_out.push(reason.to_owned()))?;
    Ok((block, left_out))
}

fn text(path: &Path) -> Result<&str, export::Error> {
    path.to_str().ok_or_else(|| export::Error::PathNotText { path: path.to_owned() })
}

const DAY: Duration = Duration::from_hours(24);
