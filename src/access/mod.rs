//! From credentials to an endpoint that the host has really connected to.

pub mod certificate;
pub mod credentials;
pub mod endpoint;
pub mod kubeconfig;
pub mod tls;
