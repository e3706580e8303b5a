//! Commands that change the services of a machine: `start`, `stop`, `restart`.

use std::convert::Infallible;
use std::str::FromStr;

use clap::Args;
use secrecy::SecretString;

use super::values::OutputFormat;
use crate::base::release::ReleaseTag;
use crate::base::types::{ImageName, ImageRegistry, ImageTag};
use crate::guest::control::Image;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  service-manager start kubernetes
  service-manager start docker --install")]
pub(crate) struct StartArgs {
    /// The services, for example `kubernetes`
    #[arg(value_name = "SERVICE", required = true)]
    pub(crate) services: Vec<String>,
    /// Stop what cannot run beside it
    #[arg(long)]
    pub(crate) replace: bool,
    /// Say what is wrong with this command, as far as that is known without asking the machine; start nothing
    #[arg(long)]
    pub(crate) check: bool,
    /// Make Docker listen with TLS: make keys and a drop-in for its unit, and restart it once
    #[arg(long)]
    pub(crate) tls: bool,
    /// Print text, or JSON for programs
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    #[arg(conflicts_with = "check")]
    pub(crate) output: OutputFormat,

    #[command(flatten)]
    pub(crate) install: InstallArgs,

    #[command(flatten)]
    pub(crate) proxy: ProxyArgs,

    /// The registry of the image, for `sccli` and for units that read `DOCKER_REGISTRY`, `IMAGE_NAME` and `IMAGE_TAG`
    #[arg(long, value_name = "HOST", help_heading = "OpenShift")]
    openshift_docker_registry: Option<ImageRegistry>,
    /// The name of that image
    #[arg(long, value_name = "NAME", help_heading = "OpenShift")]
    openshift_image_name: Option<ImageName>,
    /// Its tag
    #[arg(long, value_name = "TAG", help_heading = "OpenShift")]
    openshift_image_tag: Option<ImageTag>,
}

// Whether services are installed first.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Installing")]
#[allow(clippy::struct_excessive_bools, reason = "each is an option")]
pub(crate) struct InstallArgs {
    /// Install what is not in the machine: from the packages of its distribution, or what this host downloads
    #[arg(long)]
    pub(crate) install: bool,
    /// Print the commands that would install it, and change nothing
    #[arg(long, requires = "install", conflicts_with_all = ["check", "output"])]
    pub(crate) dry_run: bool,
    /// The release of Kubernetes (k3s), for example `v1.31.5+k3s1`; else the latest stable one
    #[arg(long, value_name = "VERSION", requires = "install")]
    pub(crate) install_version: Option<ReleaseTag>,
    /// Bring its images along, for a machine without a network
    #[arg(long, requires = "install")]
    pub(crate) install_images: bool,
    /// This host downloads nothing: take what is in its cache
    #[arg(long, requires = "install")]
    pub(crate) offline: bool,
}

impl InstallArgs {
    /// The options for releases as they are typed; nothing in them needs quotes.
    pub(crate) fn of_releases(&self) -> Vec<String> {
        let version = self.install_version.as_ref().map(|tag| format!("--install-version {tag}"));
        let switches = [(self.install_images, "--install-images"), (self.offline, "--offline")];
        let switches = switches.into_iter().filter(|(is_typed, _)| *is_typed);
        version.into_iter().chain(switches.map(|(_, option)| option.to_owned())).collect()
    }
}

// The proxy of services that are started.
#[derive(Debug, Args)]
pub(crate) struct ProxyArgs {
    // Their values are looked at later: clap would show those that are not good, or that look like options.
    /// The services use this proxy: `http://HOST:PORT`
    #[arg(long, value_name = "URL", help_heading = "Proxy", allow_hyphen_values = true)]
    pub(crate) proxy: Option<String>,
    /// The user of the proxy
    #[arg(long, value_name = "USER", help_heading = "Proxy", allow_hyphen_values = true)]
    pub(crate) proxy_user: Option<String>,
    /// The user's password, which others see here; in `SERVICE_MANAGER_PROXY_PASSWORD` they do not
    #[arg(long, value_name = "PASSWORD", help_heading = "Proxy", allow_hyphen_values = true)]
    proxy_password: Option<HiddenArgument>,
    /// Remove the proxy from all services of the machine, even from those that are not named
    #[arg(long, help_heading = "Proxy", conflicts_with_all = ["proxy", "proxy_user", "proxy_password"])]
    pub(crate) no_proxy: bool,
}

/// What was typed and must not show.
#[derive(Clone, Debug)]
struct HiddenArgument(SecretString);

impl FromStr for HiddenArgument {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.into()))
    }
}

impl ProxyArgs {
    pub(crate) fn password(&self) -> Option<SecretString> {
        self.proxy_password.as_ref().map(|HiddenArgument(password)| password.clone())
    }
}

impl StartArgs {
    pub(crate) fn image(&self) -> Image {
        Image {
            registry: self.openshift_docker_registry.clone(),
            name: self.openshift_image_name.clone(),
            tag: self.openshift_image_tag.clone(),
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager stop kubernetes")]
pub(crate) struct StopArgs {
    /// The services, for example `kubernetes`
    #[arg(value_name = "SERVICE", required = true)]
    pub(crate) services: Vec<String>,
    /// Print text, or JSON for programs
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    pub(crate) output: OutputFormat,
}

#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager restart docker")]
pub(crate) struct RestartArgs {
    /// The services, for example `kubernetes`
    #[arg(value_name = "SERVICE", required = true)]
    pub(crate) services: Vec<String>,
    /// Print text, or JSON for programs
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    pub(crate) output: OutputFormat,
}
