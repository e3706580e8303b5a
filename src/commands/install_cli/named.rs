//! The clients that the user names.

use crate::base::suggest::nearest;
use crate::base::types::ServiceName;
use crate::catalogue::{self, Catalogue, Client, Service};
use crate::cli::InstallCliArgs;
use crate::clients;
use crate::error::Error;

/// A client, and the service that has it.
#[derive(Clone, Copy)]
pub(super) struct NamedClient<'a> {
    pub(super) service: &'a Service,
    pub(super) client: &'a Client,
}

/// Why some clients were not installed.
pub(super) struct InstallFailure {
    pub(super) services: Vec<ServiceName>,
    pub(super) error: Error,
}

impl<'a> NamedClient<'a> {
    /// Those that are called `names`, each once.
    ///
    /// Errors: there is none of such a name, or it has no client.
    pub(super) fn all(names: &[String], catalogue: &'a Catalogue) -> Result<Vec<Self>, Error> {
        let mut clients: Vec<Self> = Vec::new();
        for name in names {
            let client = Self::find(name, catalogue)?;
            if !clients.iter().any(|known| known.service.name == client.service.name) {
                clients.push(client);
            }
        }
        Ok(clients)
    }

    fn find(name: &str, catalogue: &'a Catalogue) -> Result<Self, Error> {
        let service = find_service(name, catalogue)?;
        let no_client = || clients::Error::NoClient { service: service.name.to_string() };
        Ok(Self { service, client: service.client.as_ref().ok_or_else(no_client)? })
    }

    pub(super) fn program(self) -> String {
        self.client.program.to_string()
    }
}

impl InstallFailure {
    pub(super) fn of(client: NamedClient, error: Error) -> Self {
        Self { services: vec![client.service.name.clone()], error }
    }
}

/// The service that has the client, by its own name or the client's.
fn find_service<'a>(name: &str, catalogue: &'a Catalogue) -> Result<&'a Service, Error> {
    let found = catalogue.find(name);
    let by_program = catalogue
        .entries()
        .iter()
        .map(|entry| &entry.service)
        .find(|service| service.client.as_ref().is_some_and(|client| client.program.as_str() == name));
    match (found, by_program) {
        (Ok(entry), _) => Ok(&entry.service),
        (Err(catalogue::Error::UnknownService { .. }), Some(service)) => Ok(service),
        // What is misspelt may be a program's name as well.
        (Err(catalogue::Error::UnknownService { name, nearest: None, known }), None) => {
            let programs: Vec<String> = clients(catalogue).map(|client| client.program.to_string()).collect();
            Err(catalogue::Error::UnknownService { nearest: nearest(&name, &programs), name, known }.into())
        }
        (Err(error), _) => Err(error.into()),
    }
}

fn clients(catalogue: &Catalogue) -> impl Iterator<Item = &Client> {
    catalogue.entries().iter().filter_map(|entry| entry.service.client.as_ref())
}

/// Errors: an option was typed that can be right for one client only, and there are several.
pub(super) fn refuse_options_for_one(args: &InstallCliArgs, clients: &[NamedClient]) -> Result<(), Error> {
    let option = match args {
        InstallCliArgs { cli_version: Some(_), .. } => "--cli-version",
        InstallCliArgs { checksum: Some(_), .. } => "--checksum",
        _ => return Ok(()),
    };
    if clients.len() < 2 {
        return Ok(());
    }
    let names = clients.iter().map(|client| client.service.name.to_string()).collect();
    Err(Error::OptionForOneClient { option, names })
}
