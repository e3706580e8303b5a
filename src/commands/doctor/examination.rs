//! What is found out while the questions are asked.

use std::time::Duration;

use super::finding::{ChainStep, Finding, FindingState};
use crate::commands::context::Context;
use crate::error::{Error, ExitCode, Explain};
use crate::services::ConnectedService;

/// An examination that goes on.
pub(super) struct Examination<'a> {
    pub(super) context: &'a Context,
    findings: Vec<Finding>,
    /// What ends `env`, the first that does.
    failure: Option<ExitCode>,
}

impl<'a> Examination<'a> {
    pub(super) fn new(context: &'a Context) -> Self {
        Self { context, findings: Vec::new(), failure: None }
    }

    /// What was found, and what `env` would end with.
    pub(super) fn end(self) -> (Vec<Finding>, ExitCode) {
        (self.findings, self.failure.unwrap_or(ExitCode::Done))
    }

    /// Has `env` not fail because of anything up to here.
    pub(super) fn forgive(&mut self) {
        self.failure = None;
    }

    pub(super) fn add(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    pub(super) fn ok(&mut self, step: ChainStep, text: &str, time: Option<Duration>) {
        let finding = Finding::new(step, FindingState::Ok, text);
        self.add(match time {
            Some(time) => finding.after(time),
            None => finding,
        });
    }

    pub(super) fn note(&mut self, step: ChainStep, text: &str, hint: Option<&str>) {
        let finding = Finding::new(step, FindingState::Note, text);
        let typed = self.context.invocation();
        self.add(match hint {
            Some(hint) => finding.hint(hint, typed),
            None => finding,
        });
    }

    /// What follows from `step` on is not known.
    pub(super) fn not_asked(&mut self, step: ChainStep, reason: &str) {
        self.add(Finding::new(step, FindingState::Unknown, &format!("not asked, because {reason}")));
    }

    /// Adds the problem that `env` ends with.
    pub(super) fn fails(&mut self, error: &Error, time: Duration) {
        self.failure.get_or_insert(error.exit_code());
        self.add(Finding::of_error(error, self.context.invocation()).after(time));
    }

    /// Has `env` end with `code`, for a reason that is among the findings.
    pub(super) fn ends_with(&mut self, code: ExitCode) {
        self.failure.get_or_insert(code);
    }
}

pub(super) fn names(connected: &[ConnectedService]) -> Vec<String> {
    connected.iter().map(|service| service.detected.service.name.to_string()).collect()
}
