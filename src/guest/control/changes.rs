//! What may be changed about a service when it is started.

use std::net::IpAddr;

use secrecy::SecretString;

use super::keys::Keys;
use super::proxy::Proxy;
use crate::base::types::{ImageName, ImageRegistry, ImageTag};
use crate::catalogue::Control;

/// What is changed about a service when it is started.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes {
    /// The proxy that it goes through.
    pub proxy: Option<ProxyChange>,
    /// The image that it runs.
    pub image: Image,
    /// It is made to listen with TLS, with these.
    pub keys: Option<Keys>,
    /// The guest's addresses, which no proxy is asked for.
    pub addresses: Vec<IpAddr>,
}

/// When changes to a service that runs take effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Apply {
    /// There are none.
    None,
    /// At once: what they concern is restarted.
    Now,
    /// When it starts the next time.
    NextStart,
}

impl Changes {
    /// When they take effect while the service runs: `sccli` sets proxy and image when it starts a service.
    pub(crate) fn apply(&self, control: &Control) -> Apply {
        let is_set = matches!(self.proxy, Some(ProxyChange::Set(_))) || !self.image.is_empty();
        let is_any = self.proxy.is_some() || self.keys.is_some() || !self.image.is_empty();
        match control {
            _ if !is_any => Apply::None,
            Control::Sccli { .. } if is_set => Apply::NextStart,
            _ => Apply::Now,
        }
    }
}

/// What becomes of the proxy.
#[derive(Clone, Debug)]
pub(crate) enum ProxyChange {
    /// It is this one.
    Set(Proxy),
    /// There is none any more.
    Remove,
}

/// The image that a service runs; what is not said stays as it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Image {
    /// The registry that it is from.
    pub registry: Option<ImageRegistry>,
    /// Its name.
    pub name: Option<ImageName>,
    /// Its tag.
    pub tag: Option<ImageTag>,
}

impl Image {
    /// True when nothing is said.
    pub(crate) fn is_empty(&self) -> bool {
        self.registry.is_none() && self.name.is_none() && self.tag.is_none()
    }

    /// The variables that it is taken from.
    pub(super) fn variables(&self) -> Vec<(&'static str, SecretString)> {
        let Self { registry, name, tag } = self;
        let variables = [
            ("DOCKER_REGISTRY", registry.as_ref().map(ImageRegistry::as_str)),
            ("IMAGE_NAME", name.as_ref().map(ImageName::as_str)),
            ("IMAGE_TAG", tag.as_ref().map(ImageTag::as_str)),
        ];
        variables.into_iter().filter_map(|(variable, value)| Some((variable, value?.into()))).collect()
    }
}
