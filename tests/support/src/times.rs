//! How long what is done to guests takes, for `tools/test` to add up.

use std::fs::OpenOptions;
use std::io::Write;
use std::thread;
use std::time::Instant;

use crate::places::temporary;

/// Writes down how long `work` takes: what it is, seconds, of which guest or layout, for which test.
pub(crate) fn took<T>(what: &str, of: &str, work: impl FnOnce() -> T) -> T {
    let begin = Instant::now();
    let result = work();
    let seconds = begin.elapsed().as_secs_f64();
    let of = of.replace(['\n', '\t'], " ");
    let test = thread::current().name().unwrap_or_default().to_owned();
    let line = format!("{what}\t{seconds:.3}\t{of}\t{test}\n");
    let file = OpenOptions::new().create(true).append(true).open(temporary().join("guests"));
    // Whoever cannot write it down does the work all the same.
    let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
    result
}
