//! From credentials to an endpoint that the host has really connected to.

pub mod certificate;
pub mod credentials;
mod curves;
pub mod endpoint;
mod go_x509;
pub mod kubeconfig;
mod pem;
pub mod tls;
#[cfg(test)]
mod tls_tests;
mod verifier;
