//! `service-manager console [SERVICE] [--print]`

use super::context::{Context, print};
use super::retyped_for;
use crate::base::platform::BROWSERS;
use crate::base::program;
use crate::base::types::ValueName;
use crate::catalogue::{Catalogue, Service};
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
    let name: ValueName = CONSOLE.parse().map_err(|source| Error::Value { what: CONSOLE.into(), source })?;
    let services = with_console(args.service.as_deref(), &name, &catalogue)?;
    let inspection = context.inspect(context.machine()?, &Questions::to_use(services.iter().copied()))?;
    let warn = |error: services::Error| context.warn(&error.into());
    let Connections { connected, left_out, .. } =
        connect(&inspection, &services, args.service.is_none(), context.deadline, |_| (), warn)?;
    let values = connected.iter().map(|service| Values {
        access: service.access(),
        kubeconfig: "",
        folder: "",
        api_version: false,
    });
    let address = values.into_iter().find_map(|values| values.get(&name));
    let none = || Error::NoConsole { what: format!("`{}`", inspection.machine.name), instead: None };
    // One that is there and cannot be used may have one.
    let lacking = || left_out.into_iter().next().map_or_else(none, |left_out| left_out.reason.into());
    let address = address.ok_or_else(lacking)?;
    checked(&address).ok_or_else(none)
}

/// The service called `name`, or all that may have a console, which is the value `console` of a flavour.
///
/// Errors: there is no such service, or it never has one.
fn with_console<'c>(
    name: Option<&str>,
    console: &ValueName,
    catalogue: &'c Catalogue,
) -> Result<Vec<&'c Service>, Error> {
    let has_console =
        |service: &Service| service.flavours.iter().any(|flavour| flavour.values.contains_key(console));
    let is_cluster =
        |service: &Service| service.flavours.iter().any(|flavour| flavour.access.has_kubeconfig());
    catalogue.select_fitting(name, has_console, |name, fitting| {
        let mut instead = retyped_for("console", fitting);
        if catalogue.find(name).is_ok_and(|entry| is_cluster(&entry.service)) {
            instead += &dashboard(name);
        }
        Error::NoConsole { what: name.to_owned(), instead: Some(instead) }
    })
}

/// How the page of a dashboard is opened that runs in the cluster of `service`: where it runs is the user's own choice.
fn dashboard(service: &str) -> String {
    format!(
        "; a dashboard in the cluster is at https://127.0.0.1:8443 while `service-manager exec {service} -- kubectl \
         port-forward --namespace NAMESPACE service/NAME 8443:443` runs"
    )
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
