//! The documents of `--output json`. docs/json.md says what they mean; a change that breaks a reader changes
//! [`VERSION`].

use serde::Serialize;

use crate::access::endpoint::Endpoint;
use crate::base::types::{self, DnsName, HostName};
use crate::error::Error;
use crate::ui;

const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a, T> {
    version: u32,
    #[serde(flatten)]
    content: &'a T,
}

/// What is known of several machines.
#[derive(Serialize)]
pub(crate) struct Machines<T> {
    pub(crate) machines: Vec<T>,
}

/// Where a service is used.
#[derive(Serialize)]
pub(crate) struct Place<'a> {
    url: String,
    host: &'a HostName,
    port: u16,
    server_name: Option<&'a DnsName>,
}

/// Why something cannot be used.
#[derive(Serialize)]
pub(crate) struct Problem {
    message: String,
    causes: Vec<String>,
    hint: Option<String>,
}

impl<'a> From<&'a Endpoint> for Place<'a> {
    fn from(endpoint: &'a Endpoint) -> Self {
        let Endpoint { host, port, server_name, .. } = endpoint;
        Self { url: endpoint.url(), host, port: *port, server_name: server_name.as_ref() }
    }
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        Self {
            message: types::line(&error.to_string()),
            causes: error.causes().iter().map(|cause| types::line(cause)).collect(),
            hint: error.hint().map(|hint| types::line(&hint)),
        }
    }
}

/// Prints `content`: over several lines for a person, on one for a program.
pub(crate) fn print<T: Serialize>(content: &T) -> Result<(), Error> {
    let document = Document { version: VERSION, content };
    let text = if ui::is_stdout_terminal() {
        serde_json::to_string_pretty(&document)
    } else {
        serde_json::to_string(&document)
    };
    ui::print(&(text.map_err(failed)? + "\n"))
}

/// `content` on one line.
pub(crate) fn line<T: Serialize>(content: &T) -> Result<String, Error> {
    Ok(serde_json::to_string(&Document { version: VERSION, content }).map_err(failed)? + "\n")
}

fn failed(error: serde_json::Error) -> Error {
    Error::Stdout { source: error.into() }
}
