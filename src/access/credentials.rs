//! What a client needs to be sure of a service and to be accepted by it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::certificate::Certificates;
use super::go_x509::Unfit;
use super::pem;
use crate::base::types::{AccountToken, HostName};

/// An authority, and how the client proves who it is.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    /// The authorities that vouch for the server.
    pub authority: Certificates,
    /// How the client proves who it is.
    pub client_auth: ClientAuth,
    /// The server talks HTTP without TLS, so that only a tunnel may lead there.
    pub is_plain: bool,
    /// The server's port as the guest's file names it.
    pub port: u16,
    /// The host name in the guest's `server`, when it is a name and no address.
    pub server_name: Option<HostName>,
}

/// How a client proves who it is.
#[derive(Clone, Debug)]
pub(crate) enum ClientAuth {
    /// A certificate and its key.
    Certificate {
        /// The chain.
        certificate: Certificates,
        /// The private key, in PEM.
        key: SecretString,
    },
    /// A bearer token.
    Token(SecretString),
    /// Not at all: it is only looked whether the service answers.
    Anonymous,
    /// A user and a password, as old servers accept them.
    Password {
        /// The user.
        user: String,
        /// The password.
        password: SecretString,
    },
}

impl ClientAuth {
    /// A client's certificate and its key, both in PEM.
    ///
    /// Errors: there is none in one of them.
    pub(crate) fn certificate(certificate: &[u8], key: &[u8]) -> Result<Self, CredentialError> {
        let certificate =
            Certificates::parse(certificate).ok_or(CredentialError::Invalid("client certificate"))?;
        let key = pem::private_key(key).ok_or(CredentialError::Invalid("client key"))?;
        Ok(Self::Certificate { certificate, key: key.into() })
    }

    /// The token of a service account.
    ///
    /// Errors: it is none.
    pub(crate) fn account_token(token: &[u8]) -> Result<Self, CredentialError> {
        let token = std::str::from_utf8(token).ok().and_then(|text| AccountToken::parse(text.trim()).ok());
        Ok(Self::Token(token.ok_or(CredentialError::Missing("service account's token"))?.as_str().into()))
    }

    /// When it ends, if it is a token that says so (`exp` in RFC 7519). Nobody has verified that it is true.
    pub(crate) fn expires_at(&self) -> Option<SystemTime> {
        #[derive(Deserialize)]
        struct Claims {
            exp: u32,
        }
        let Self::Token(token) = self else { return None };
        let claims = token.expose_secret().split('.').nth(1)?;
        let claims: Claims = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
        Some(UNIX_EPOCH + Duration::from_secs(claims.exp.into()))
    }
}

/// Credentials that were good once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expired {
    /// Which part of them.
    pub what: &'static str,
    /// The last day, as `2021-01-01`.
    pub on: String,
}

impl Credentials {
    /// What Docker's client keeps in `ca.pem`, `cert.pem` and `key.pem`.
    ///
    /// Errors: one of them does not hold what it should.
    pub(crate) fn docker(
        authority: &[u8],
        certificate: &[u8],
        key: &[u8],
        port: u16,
    ) -> Result<Self, CredentialError> {
        Ok(Self {
            authority: Certificates::parse(authority)
                .ok_or(CredentialError::Invalid("certificate authority"))?,
            client_auth: ClientAuth::certificate(certificate, key)?,
            is_plain: false,
            port,
            server_name: None,
        })
    }

    /// Those for a server that vouches for itself with its certificate.
    ///
    /// Errors: that is none.
    pub(crate) fn service_account(
        authority: &[u8],
        client_auth: ClientAuth,
        port: u16,
    ) -> Result<Self, CredentialError> {
        Ok(Self {
            authority: Certificates::parse(authority)
                .ok_or(CredentialError::Invalid("server certificate"))?,
            client_auth,
            is_plain: false,
            port,
            server_name: None,
        })
    }

    /// Those for an image registry, which shows its `authority` or talks HTTP without TLS.
    pub(crate) fn registry(authority: Option<Certificates>, port: u16) -> Self {
        let is_plain = authority.is_none();
        let authority = authority.unwrap_or_else(Certificates::none);
        Self { authority, client_auth: ClientAuth::Anonymous, is_plain, port, server_name: None }
    }

    /// Until when all of them are good, as far as they say that.
    pub(crate) fn end(&self) -> Option<SystemTime> {
        let client = match &self.client_auth {
            ClientAuth::Certificate { certificate, .. } => certificate.end(),
            auth => auth.expires_at(),
        };
        client.into_iter().chain(self.authority.end()).min()
    }

    /// These credentials without the authorities that have expired: some libraries would still trust them,
    /// kubectl does not.
    ///
    /// Errors: nothing is left, or the client's certificate has expired. A server would say of it only that it
    /// does not accept it.
    pub(crate) fn current(self, now: SystemTime) -> Result<Self, Expired> {
        if let ClientAuth::Certificate { certificate, .. } = &self.client_auth
            && let Some(on) = certificate.expired(now)
        {
            return Err(Expired { what: "client certificate", on });
        }
        match self.authority.current(now) {
            Ok(authority) => Ok(Self { authority, ..self }),
            Err(on) => Err(Expired { what: "certificate authority", on }),
        }
    }
}

/// Why credentials from the guest are not used. No text of the guest is in the message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the message says what a variant is")]
pub(crate) enum CredentialError {
    #[error("it is not text")]
    NotText,
    #[error("it is longer than 1 MiB")]
    TooLong,
    #[error("it uses YAML anchors or aliases")]
    Alias,
    #[error("it is not the YAML of a kubeconfig")]
    NotKubeconfig,
    #[error("it is not the YAML of a registry's settings")]
    NotRegistryConfig,
    #[error("it has no {0}")]
    Missing(&'static str),
    #[error("its user wants to run a program on the host (`{0}`)")]
    Program(&'static str),
    #[error("its {0} is not valid")]
    Invalid(&'static str),
    #[error("its {0} names a file that the guest does not have or does not show")]
    File(&'static str),
    #[error("its key does not belong to its certificate")]
    OtherKey,
    #[error("its client certificate {0}")]
    Certificate(Unfit),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_may_say_when_it_ends() {
        let end = |claims: &str| {
            let token = format!("x.{}.x", BASE64_URL_SAFE_NO_PAD.encode(claims));
            ClientAuth::Token(token.into()).expires_at()
        };
        assert_eq!(
            end(r#"{"exp":1700000000,"iss":"x"}"#),
            Some(UNIX_EPOCH + Duration::from_secs(1_700_000_000))
        );
        for odd in [
            "{}",
            "",
            "[",
            r#"{"exp":"1"}"#,
            r#"{"exp":-1}"#,
            r#"{"exp":1e99}"#,
            r#"{"exp":18446744073709551615}"#,
        ] {
            assert_eq!(end(odd), None, "{odd}");
        }
        for token in ["abc", "a.b", "a.*.c", "..", ""] {
            assert_eq!(ClientAuth::Token(token.into()).expires_at(), None, "{token}");
        }
    }
}
