//! What may be changed about a service when it is started.

use std::net::IpAddr;

use secrecy::SecretString;

use super::keys::Keys;
use super::proxy::Proxy;
use crate::base::types::{ImageName, ImageRegistry, ImageTag};

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

impl Changes {
    /// True when there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.proxy.is_none() && self.keys.is_none() && self.image.is_empty()
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
