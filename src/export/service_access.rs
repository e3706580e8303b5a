//! A service as exports are made of it.

use crate::access::credentials::Credentials;
use crate::access::endpoint::{ApiClient, Endpoint};
use crate::catalogue::{ApiQuestion, Flavour, Service};

/// A service that the host is connected to, and with what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServiceAccess<'a> {
    pub(crate) service: &'a Service,
    pub(crate) flavour: &'a Flavour,
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) credentials: Option<&'a Credentials>,
    pub(crate) client: &'a ApiClient,
}

impl ServiceAccess<'_> {
    /// What the API says to the first of `questions` that it has an answer to.
    pub(crate) fn ask(&self, questions: &[ApiQuestion]) -> Option<String> {
        let ask = |question: &ApiQuestion| self.client.ask(question.path.as_str(), question.pointer.as_str());
        questions.iter().find_map(ask)
    }
}
