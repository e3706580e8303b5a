//! The only reader and writer of PEM (RFC 7468).

use pem::{EncodeConfig, LineEnding, Pem};
use rustls::pki_types::PrivateKeyDer;

/// The certificates in `text`, in DER; none when something in it is no PEM.
pub(super) fn certificates(text: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut blocks = pem::parse_many(text).ok()?;
    blocks.retain(|block| block.tag() == CERTIFICATE);
    Some(blocks.into_iter().map(Pem::into_contents).collect())
}

/// `certificates` as one text.
pub(super) fn of_certificates(certificates: &[Vec<u8>]) -> String {
    let blocks: Vec<Pem> = certificates.iter().map(|der| Pem::new(CERTIFICATE, der.as_slice())).collect();
    pem::encode_many_config(&blocks, config())
}

/// The first private key in `text`, again in PEM and alone.
pub(super) fn private_key(text: &[u8]) -> Option<String> {
    let blocks = pem::parse_many(text).ok()?;
    let key = blocks.iter().find(|block| block.tag().ends_with("PRIVATE KEY"))?;
    Some(pem::encode_config(key, config()))
}

/// The private key in `text`, whatever it calls its form (PKCS #1, PKCS #8 or SEC 1).
pub(super) fn private_key_der(text: &str) -> Option<PrivateKeyDer<'static>> {
    PrivateKeyDer::try_from(pem::parse(text).ok()?.into_contents()).ok()
}

fn config() -> EncodeConfig {
    EncodeConfig::new().set_line_ending(LineEnding::LF)
}

const CERTIFICATE: &str = "CERTIFICATE";
