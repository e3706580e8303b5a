//! `services`: what is known of services.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::values::OutputFormat;

#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager services list")]
pub(crate) struct ServicesArgs {
    #[command(subcommand)]
    pub(crate) what: ServicesCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ServicesCommand {
    List(ServicesListArgs),
    Show(ServicesShowArgs),
    Validate(ServicesValidateArgs),
    /// Prints the JSON Schema of service files
    Schema,
}

/// Lists the services that are known, and where they are from
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager services list -o json")]
pub(crate) struct ServicesListArgs {
    /// Print text, or JSON for programs
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    pub(crate) output: OutputFormat,
}

/// Prints what is known of a service, as a service file
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager services show kubernetes")]
pub(crate) struct ServicesShowArgs {
    /// The service, for example `kubernetes`
    #[arg(value_name = "SERVICE")]
    pub(crate) name: String,
}

/// Tells every mistake in service files
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager services validate mine.yaml")]
pub(crate) struct ServicesValidateArgs {
    /// The files; otherwise all of your own
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Print text, or JSON for programs
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    pub(crate) output: OutputFormat,
}
