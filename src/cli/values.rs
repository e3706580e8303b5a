//! The values that several commands take.

use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};

use crate::export::shell::Shell;
use crate::services::ContextChoice;

/// The form of what is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

/// The form of what `env` prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum EnvFormat {
    /// For people, and for shells
    #[default]
    Text,
    /// For programs
    Json,
    /// NAME=value lines without quotes
    Dotenv,
}

// Which context of a kubeconfig in the machine is meant.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct KubeContext {
    /// The context of the kubeconfig in the machine, where it has several; from then on too, `-` for its current one
    #[arg(long = "context", value_name = "CONTEXT")]
    pub(crate) chosen: Option<ContextChoice>,
}

/// Takes a shell by any of its names, and shows them all.
pub(super) fn shell_parser() -> impl TypedValueParser<Value = Shell> {
    let values = Shell::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    let names: Vec<String> = values
        .flat_map(|value| value.get_name_and_aliases().map(ToOwned::to_owned).collect::<Vec<_>>())
        .collect();
    PossibleValuesParser::new(names).try_map(|name| Shell::from_str(&name, true))
}

pub(crate) fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    let in_range = (0.1..=3600.0).contains(&seconds);
    in_range.then(|| Duration::from_secs_f64(seconds)).ok_or_else(|| "0.1 to 3600 seconds".to_owned())
}
