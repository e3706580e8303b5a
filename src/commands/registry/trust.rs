//! Which registries skopeo, podman and buildah trust.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{NamedRegistry, with_registry};
use crate::access::registry_client::TrustFile;
use crate::base::deadline::Deadline;
use crate::base::files::SharedFile;
use crate::base::paths::{MachineFiles, NoHome};
use crate::base::text::{hex, sh_path, sh_word};
use crate::cli::RegistryTrustArgs;
use crate::commands::context::Context;
use crate::error::{Error, RegistryError};
use crate::machine::{Machine, TrustRecord, registry_trust};

pub(super) fn run(args: &RegistryTrustArgs, context: &Context) -> Result<(), Error> {
    if args.remove {
        return remove(context);
    }
    with_registry(context, |registry| trust(&registry, context))
}

fn trust(registry: &NamedRegistry, context: &Context) -> Result<(), Error> {
    let home = context.env.home.as_ref().ok_or(NoHome)?;
    let (authority, place) = (registry.authority(), registry.place.as_str());
    let file = TrustFile::of(home, place, authority.as_ref(), &registry.machine.key());
    put(&file, &registry.machine, context)?;
    let how = if authority.is_some() { "trust" } else { "use HTTP for" };
    context.note(&format!("skopeo, podman and buildah {how} {place}: `{}`", sh_path(&file.path)));
    if !registry.is_on_loopback() && authority.is_some() {
        for line in docker_lines(home, place, &file.path) {
            context.note(&line);
        }
    }
    if registry.has_other_name() {
        context.note(&format!(
            "they compare the name, and the certificate does not name {place}: until it does, they need `--tls-verify=false`, \
             which is as safe there, since SSH protects the way"
        ));
    }
    Ok(())
}

/// How daemons of docker trust the registry at `place`, by the file `authority`: root's, and those that the user has.
fn docker_lines(home: &Path, place: &str, authority: &Path) -> Vec<String> {
    let authority = sh_path(authority);
    let line = |whose: &str, command: &str, target: &Path| {
        format!("for {whose}: `{command} -D -m 644 {authority} {}`", sh_path(target))
    };
    let below = |folder: PathBuf| folder.join("certs.d").join(place).join("ca.crt");
    let of_root = sh_word(&format!("/etc/docker/certs.d/{place}/ca.crt"));
    let mut lines = vec![format!("for docker: `sudo install -D -m 644 {authority} {of_root}`")];
    // https://docs.docker.com/engine/security/rootless/tips/
    let rootless = home.join(".config/systemd/user/docker.service");
    if rootless.exists() {
        lines.push(line("rootless docker", "install", &below(home.join(".config/docker"))));
    }
    // https://docs.docker.com/desktop/setup/install/: it copies that folder when it starts.
    if home.join(".docker/desktop").exists() {
        let line = line("Docker Desktop", "install", &below(home.join(".docker")));
        lines.push(format!("{line}, and start it anew"));
    }
    lines
}

/// Writes `file`, unless there is one that is not ours. What was written for another address before is removed.
fn put(file: &TrustFile, machine: &Machine, context: &Context) -> Result<(), Error> {
    let shared = SharedFile::lock(&file.path, context.deadline)?;
    let known = registry_trust(&machine.files)?;
    let text = shared.text(LONGEST)?;
    let is_ours = |text: &String| known.contains(&record(file, text));
    if text.as_ref().is_some_and(|text| *text != file.text && !is_ours(text)) {
        return Err(RegistryError::NotOurs { path: file.path.clone() }.into());
    }
    // The user's own, which says the same.
    if text.as_ref().is_some_and(|text| !is_ours(text)) {
        return Ok(());
    }
    let folder = machine.lock(context.deadline)?;
    let new = record(file, &file.text);
    let mut records = known.clone();
    records.push(new.clone());
    machine.remember_registry_trust(&folder, &records)?;
    shared.replace_for_good(file.text.as_bytes())?;
    drop(shared);
    for old in known.iter().filter(|old| old.path != file.path) {
        take_away(old, context.deadline, context)?;
    }
    Ok(machine.remember_registry_trust(&folder, &[new])?)
}

fn record(file: &TrustFile, text: &str) -> TrustRecord {
    TrustRecord { path: file.path.clone(), digest: digest(text) }
}

fn digest(text: &str) -> String {
    hex(&Sha256::digest(text))
}

fn remove(context: &Context) -> Result<(), Error> {
    let machine = context.remembered_machine()?;
    let records = registry_trust(&machine.files)?;
    if records.is_empty() {
        context.note(&format!("no file here makes programs trust the registry of `{}`", machine.name));
        return Ok(());
    }
    records.iter().try_for_each(|record| take_away(record, context.deadline, context))?;
    let folder = machine.lock(context.deadline)?;
    Ok(machine.remember_registry_trust(&folder, &[])?)
}

/// Removes the files that were written for `machine`. Returns what could not be removed.
pub(in crate::commands) fn take_away_trust(machine: &MachineFiles, context: &Context) -> Vec<Error> {
    match registry_trust(machine) {
        Ok(records) => {
            let take_away = |record: &TrustRecord| {
                take_away(record, context.deadline.at_most(context.deadline.left() / 2), context).err()
            };
            records.iter().filter_map(take_away).collect()
        }
        Err(error) => vec![error.into()],
    }
}

/// Removes the file of `record`, if it is as it was written.
fn take_away(record: &TrustRecord, deadline: Deadline, context: &Context) -> Result<(), Error> {
    if !record.path.exists() {
        return Ok(());
    }
    let shared = SharedFile::lock(&record.path, deadline)?;
    if shared.text(LONGEST)?.is_some_and(|text| digest(&text) == record.digest) {
        shared.remove()?;
        context.note(&format!("removed `{}`", sh_path(&record.path)));
    } else {
        context.note(&format!("`{}` was changed since, and stays", sh_path(&record.path)));
    }
    Ok(())
}

/// Of a file of certificates.
const LONGEST: u64 = 1 << 20;
