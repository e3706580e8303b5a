//! Pairs of runs, and what comes of them.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What is compared with what.
#[derive(Clone)]
pub(crate) struct Row {
    pub(crate) ours: String,
    pub(crate) theirs: String,
    pub(crate) goals: Vec<Goal>,
    pairs: usize,
}

/// What is enough.
#[derive(Clone, Copy)]
pub(crate) enum Goal {
    /// So much of the others' time at most.
    Ratio(f64),
    /// So many milliseconds at most.
    Millis(f64),
    /// So many milliseconds more than the others at most.
    MoreMillis(f64),
    /// So many MiB of memory at most.
    Mebibytes(f64),
}

/// A row, and what came of it.
pub(crate) struct Line {
    pub(crate) row: Row,
    pub(crate) outcome: Outcome,
}

pub(crate) enum Outcome {
    Times(Times),
    /// Memory at its peak, in MiB.
    Peak(f64),
    /// Why there is nothing to compare with here.
    Missing(String),
    /// One of the programs did not do what it should.
    Failed(String),
}

/// Of all pairs of a row. Times are in milliseconds.
pub(crate) struct Times {
    pub(crate) pairs: usize,
    pub(crate) ours: f64,
    pub(crate) theirs: f64,
    /// The median of the pairs' ratios, and the borders of their middle half.
    pub(crate) ratio: f64,
    pub(crate) middle_half: (f64, f64),
}

/// How to run either side once.
pub(crate) struct Pair<'a> {
    ours: Box<dyn Fn() -> Command + 'a>,
    theirs: Box<dyn Fn() -> Command + 'a>,
}

impl<'a> Pair<'a> {
    pub(crate) fn new(ours: impl Fn() -> Command + 'a, theirs: impl Fn() -> Command + 'a) -> Self {
        Self { ours: Box::new(ours), theirs: Box::new(theirs) }
    }
}

impl Row {
    pub(crate) fn new(ours: impl Into<String>, theirs: impl Into<String>) -> Self {
        Self { ours: ours.into(), theirs: theirs.into(), goals: Vec::new(), pairs: PAIRS }
    }

    pub(crate) fn ratio(mut self, goal: f64) -> Self {
        self.goals.push(Goal::Ratio(goal));
        self
    }

    pub(crate) fn millis(mut self, goal: f64) -> Self {
        self.goals.push(Goal::Millis(goal));
        self
    }

    pub(crate) fn more_millis(mut self, goal: f64) -> Self {
        self.goals.push(Goal::MoreMillis(goal));
        self
    }

    pub(crate) fn mebibytes(mut self, goal: f64) -> Self {
        self.goals.push(Goal::Mebibytes(goal));
        self
    }

    pub(crate) fn pairs(self, pairs: usize) -> Self {
        Self { pairs, ..self }
    }
}

impl Row {
    /// Runs the pairs.
    pub(crate) fn times(&self, pair: &Pair<'_>) -> Result<Times, String> {
        let both = || Ok((time((pair.ours)())?, time((pair.theirs)())?));
        // The first pair fills caches and learns host keys.
        both()?;
        let pairs = (0..self.pairs).map(|_| both()).collect::<Result<Vec<_>, String>>()?;
        let sorted = |value: fn(&(f64, f64)) -> f64| {
            let mut values: Vec<f64> = pairs.iter().map(value).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let (ours, theirs, ratios) =
            (sorted(|pair| pair.0), sorted(|pair| pair.1), sorted(|pair| pair.0 / pair.1));
        let quarter = ratios.len() / 4;
        Ok(Times {
            pairs: self.pairs,
            ours: middle(&ours),
            theirs: middle(&theirs),
            ratio: middle(&ratios),
            middle_half: (ratios[quarter], ratios[ratios.len() - 1 - quarter]),
        })
    }
}

impl Line {
    /// Whether all goals are met; none when that is not known.
    pub(crate) fn is_met(&self) -> Option<bool> {
        let is_met = |goal: &Goal| match (&self.outcome, *goal) {
            (Outcome::Times(times), Goal::Ratio(most)) => Some(times.ratio <= most),
            (Outcome::Times(times), Goal::Millis(most)) => Some(times.ours <= most),
            (Outcome::Times(times), Goal::MoreMillis(most)) => Some(times.ours - times.theirs <= most),
            (Outcome::Peak(mebibytes), Goal::Mebibytes(most)) => Some(*mebibytes <= most),
            _ => None,
        };
        let verdicts: Option<Vec<bool>> = self.row.goals.iter().map(is_met).collect();
        verdicts.filter(|verdicts| !verdicts.is_empty()).map(|verdicts| !verdicts.contains(&false))
    }
}

/// How many milliseconds a command takes.
fn time(mut command: Command) -> Result<f64, String> {
    let start = Instant::now();
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{command:?}: {error}"))?;
    let taken = start.elapsed();
    if output.status.success() {
        Ok(taken.as_secs_f64() * 1000.0)
    } else {
        Err(format!("{command:?}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim()))
    }
}

fn middle(sorted: &[f64]) -> f64 {
    sorted[sorted.len() / 2]
}

/// The most memory that a command ever has, in MiB, as the system counts it.
pub(crate) fn peak(mut command: Command) -> f64 {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let path = format!("/proc/{}/status", child.id());
    let mut peak = 0.0;
    while child.try_wait().unwrap().is_none() {
        let status = std::fs::read_to_string(&path).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak = f64::max(peak, kibibytes.unwrap_or(0.0) / 1024.0);
        std::thread::sleep(Duration::from_millis(1));
    }
    peak
}

/// The fewest that a row has: of an odd number one is in the middle.
pub(crate) const PAIRS: usize = 21;
