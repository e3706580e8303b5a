//! `service-manager console [SERVICE] [--print]`

use super::context::{Context, print};
use crate::base::platform::BROWSERS;
use crate::base::program;
use crate::base::types::ValueName;
use crate::cli::ConsoleArgs;
use crate::error::Error;
use crate::export::Values;
use crate::guest::probe::Questions;
use crate::services::{self, Connections, connect};

pub(super) fn run(args: &ConsoleArgs, context: &Context) -> Result<(), Error> {
    let address = address(args, context)?;
    if args.print {
        return print(&format!("{address}\n"));
    }
    let path = context.env.path.as_deref().unwrap_or_default();
    let browser = BROWSERS.iter().find_map(|name| program::find(name, path));
    let browser = browser.ok_or_else(|| Error::NoBrowser { address: address.clone() })?;
    let mut command = program::command(&browser);
    command.arg(&address);
    let failed = |said: String| Error::BrowserFailed { address: address.clone(), said };
    let shown = browser.display().to_string();
    let output =
        program::run(command, &shown, context.deadline).map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(output.stderr.lines().next().unwrap_or_default().to_owned()));
    }
    context.note(&format!("opened {address}"));
    Ok(())
}

/// The address of the console of the service that is named, or of the first that has one.
fn address(args: &ConsoleArgs, context: &Context) -> Result<String, Error> {
    let catalogue = context.catalogue()?;
    let names: Vec<String> = args.service.iter().cloned().collect();
    let mut services = catalogue.select(&names)?;
    let name: ValueName = CONSOLE.parse().map_err(|source| Error::Value { what: CONSOLE.into(), source })?;
    services.retain(|service| service.flavours.iter().any(|flavour| flavour.values.contains_key(&name)));
    let lacks = |what: String| Error::NoConsole { what };
    if services.is_empty() {
        return Err(lacks(names.into_iter().next().unwrap_or_default()));
    }
    let inspection = context.inspect(context.machine()?, &Questions::to_use(services.iter().copied()))?;
    let warn = |error: services::Error| context.warn(&error.into());
    let Connections { connected, .. } =
        connect(&inspection, &services, args.service.is_none(), context.deadline, |_| (), warn)?;
    let values = connected.iter().map(|service| Values {
        access: service.access(),
        kubeconfig: "",
        folder: "",
        api_version: false,
    });
    let address = values.into_iter().find_map(|values| values.get(&name));
    let address = address.ok_or_else(|| lacks(format!("`{}`", inspection.machine.name)))?;
    checked(&address).ok_or_else(|| lacks(format!("`{}`", inspection.machine.name)))
}

/// The address as a browser is given it, if it is one of a web page behind TLS and nothing else.
fn checked(address: &str) -> Option<String> {
    let url = reqwest::Url::parse(address).ok()?;
    let is_plain = url.scheme() == "https" && url.username().is_empty() && url.password().is_none();
    let text = url.as_str();
    let is_safe = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&*+,;=%".contains(c);
    (is_plain && url.host().is_some() && text.chars().all(is_safe)).then(|| text.to_owned())
}

const CONSOLE: &str = "console";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_web_page_behind_tls_is_opened() {
        assert_eq!(
            checked("https://192.0.2.7:8443/console").as_deref(),
            Some("https://192.0.2.7:8443/console")
        );
        assert_eq!(checked("https://console.example").as_deref(), Some("https://console.example/"));
        for hostile in [
            "http://192.0.2.7/",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "--incognito",
            "https://user:secret@192.0.2.7/",
            "https://",
            "https://a b/",
            "",
        ] {
            assert_eq!(checked(hostile), None, "{hostile}");
        }
    }
}
