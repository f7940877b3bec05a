//! TLS as health checks speak it: the client side, for `SSL_GET` and genhash.
//!
//! Owns how a client is configured. Moving bytes is its users' business.
//!
//! A check asks whether a server serves, not who it is: certificates are not
//! verified, as the reference does not verify them either. What is sent over
//! such a connection is a health check's request and nothing secret.

mod identity;
mod unverified;

pub use identity::{Identity, IdentityError};

use rustls::crypto::ring;
use rustls::{ClientConfig, ConfigBuilder, WantsVerifier, WantsVersions};
use std::sync::Arc;
use unverified::AnyCertificate;

/// A client without a certificate of its own that takes any server's.
///
/// # Errors
/// Never with the algorithms that this crate is built with.
pub fn client() -> Result<ClientConfig, rustls::Error> {
    Ok(unverified(versions()?).with_no_client_auth())
}

/// A client that shows this certificate to servers that ask, and takes any server's.
///
/// # Errors
/// When the key does not go with the certificate.
pub fn client_as(identity: &Identity) -> Result<ClientConfig, rustls::Error> {
    let (chain, key) = (identity.chain.clone(), identity.key.clone_key());
    unverified(versions()?).with_client_auth_cert(chain, key)
}

fn versions() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, rustls::Error> {
    let builder: ConfigBuilder<ClientConfig, WantsVersions> =
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    builder.with_safe_default_protocol_versions()
}

fn unverified(
    builder: ConfigBuilder<ClientConfig, WantsVerifier>,
) -> ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate::new()))
}
