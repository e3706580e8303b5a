//! The same work for several machines at once.

use super::context::Context;
use crate::base::parallel;
use crate::error::Error;

/// Does `work` for each of `contexts`, all at once; the results are in their order.
pub(crate) fn at_once<T: Send>(
    contexts: &[Context],
    work: impl Fn(&Context) -> Result<T, Error> + Sync,
) -> Vec<Result<T, Error>> {
    let results = parallel::map(contexts.iter().collect(), MOST_AT_ONCE, work);
    results.into_iter().map(|result| result.unwrap_or_else(|error| Err(error.into()))).collect()
}

/// The same where all of it has to go well.
///
/// Errors: the first failure; of several machines it knows which one it is about.
pub(crate) fn all_at_once<T: Send>(
    contexts: &[Context],
    work: impl Fn(&Context) -> Result<T, Error> + Sync,
) -> Result<Vec<T>, Error> {
    let results = contexts.iter().zip(at_once(contexts, work));
    let of_machine = |context: &Context, error: Error| match contexts {
        [_] => error,
        _ => Error::OfMachine { machine: context.label(), error: error.into() },
    };
    results.map(|(context, result)| result.map_err(|error| of_machine(context, error))).collect()
}

/// Machines: each takes a thread or two, and a connection.
const MOST_AT_ONCE: usize = 20;
