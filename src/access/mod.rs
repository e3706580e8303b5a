//! From credentials to an endpoint that the host has really connected to.

pub(crate) mod certificate;
pub(crate) mod credentials;
mod curves;
pub(crate) mod docker_context;
pub(crate) mod endpoint;
mod go_x509;
pub(crate) mod kubeconfig;
mod pem;
pub(crate) mod registry_client;
pub(crate) mod registry_config;
pub(crate) mod tls;
#[cfg(test)]
mod tls_tests;
mod verifier;
