//! Which authorities a certificate is believed of.

use std::io;
use std::path::Path;

use reqwest::blocking::ClientBuilder;

/// Has a client believe the authorities in the file `named` in place of the system's.
///
/// Errors: the file cannot be read, or holds no certificates.
#[cfg(not(target_os = "linux"))]
pub(crate) fn believe(builder: ClientBuilder, named: Option<&Path>) -> io::Result<ClientBuilder> {
    let Some(path) = named else { return Ok(builder) };
    let text = std::fs::read(path)?;
    let authorities = reqwest::Certificate::from_pem_bundle(&text).map_err(io::Error::other)?;
    if authorities.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "there are no certificates in it"));
    }
    Ok(builder.tls_certs_only(authorities))
}

/// The same: there the library that reads the system's authorities does it by itself.
#[cfg(target_os = "linux")]
#[allow(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
pub(crate) fn believe(builder: ClientBuilder, _named: Option<&Path>) -> io::Result<ClientBuilder> {
    Ok(builder)
}
