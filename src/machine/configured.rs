//! Remembered machines of the user's own ssh config, as that says by now that they are reached.

use super::error::Error;
use super::own_config::OwnConfig;
use super::store::Machine;
use crate::base::deadline::Deadline;
use crate::base::env::Env;

/// The remembered `machine`, resolved again if it is from the user's ssh config and that has changed since. One that is not
/// there any more stays what it was.
///
/// Errors: the config cannot be read or resolved.
pub(super) fn up_to_date(machine: &Machine, env: &Env, deadline: Deadline) -> Result<Machine, Error> {
    let Some(origin) = machine.config() else { return Ok(machine.clone()) };
    let config = OwnConfig::read(env)?;
    if config.is_same(origin) {
        return Ok(machine.clone());
    }
    let Some(now) = resolve_again(machine, &config, env, deadline)? else { return Ok(machine.clone()) };
    if now.route() == machine.route() {
        // Otherwise the next command would ask once more.
        let kept = now.lock(deadline).and_then(|folder| now.remember(&folder));
        kept.unwrap_or_else(|error| log::debug!("the ssh config is not kept as read: {error}"));
    } else {
        log::debug!("the ssh config knows another route: {}", now.route());
    }
    Ok(now)
}

/// `machine` as `config` says that it is reached; none where that does not know it.
pub(super) fn resolve_again(
    machine: &Machine,
    config: &OwnConfig,
    env: &Env,
    deadline: Deadline,
) -> Result<Option<Machine>, Error> {
    let identity = machine.config().and_then(|origin| origin.identity.clone());
    let now = config.route(&machine.name, identity, env, deadline)?;
    Ok(now.map(|(route, origin)| machine.configured(route, origin)))
}
