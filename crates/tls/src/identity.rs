//! A client's certificate and private key, from PEM (RFC 7468).

use core::fmt;
use pkcs8::EncryptedPrivateKeyInfo;
use rustls::pki_types::pem::{self, PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// A certificate chain and its key.
#[derive(Debug)]
pub struct Identity {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
}

/// Why there is no identity in what was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentityError {
    /// Not PEM.
    Pem(String),
    /// No certificate.
    NoCertificate,
    /// No private key.
    NoKey,
    /// The key is encrypted, and there is no pass phrase.
    NoPassword,
    /// The pass phrase does not open the key, or the key is encrypted in an unknown way.
    Locked(String),
    /// The key is encrypted in the way of old OpenSSL, outside any standard.
    OldEncryption,
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IdentityError::Pem(e) => write!(f, "not PEM: {e}"),
            IdentityError::NoCertificate => f.write_str("no certificate in it"),
            IdentityError::NoKey => f.write_str("no private key in it"),
            IdentityError::NoPassword => {
                f.write_str("the private key is encrypted: give its pass phrase by 'password'")
            }
            IdentityError::Locked(e) => write!(f, "the private key cannot be decrypted: {e}"),
            IdentityError::OldEncryption => f.write_str(
                "the private key is encrypted in an old form; convert it: \
                 openssl pkcs8 -topk8 -in OLD -out NEW",
            ),
        }
    }
}

impl std::error::Error for IdentityError {}

impl Identity {
    /// Reads a certificate chain and a key, which may stand in one file: then `key` is the same.
    /// A key that is encrypted (PKCS #8, RFC 5958) is opened with `password`.
    ///
    /// # Errors
    /// When one is missing, or the key cannot be opened.
    pub fn from_pem(
        certificate: &[u8],
        key: &[u8],
        password: Option<&[u8]>,
    ) -> Result<Identity, IdentityError> {
        let chain = CertificateDer::pem_slice_iter(certificate).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|e| IdentityError::Pem(e.to_string()))?;
        if chain.is_empty() {
            return Err(IdentityError::NoCertificate);
        }
        Ok(Identity { chain, key: private_key(key, password)? })
    }
}

fn private_key(
    text: &[u8],
    password: Option<&[u8]>,
) -> Result<PrivateKeyDer<'static>, IdentityError> {
    if contains(text, b"Proc-Type: 4,ENCRYPTED") {
        return Err(IdentityError::OldEncryption);
    }
    if contains(text, b"BEGIN ENCRYPTED PRIVATE KEY") {
        let password = password.ok_or(IdentityError::NoPassword)?;
        return decrypt(text, password);
    }
    match PrivateKeyDer::from_pem_slice(text) {
        Ok(key) => Ok(key),
        Err(pem::Error::NoItemsFound) => Err(IdentityError::NoKey),
        Err(e) => Err(IdentityError::Pem(e.to_string())),
    }
}

fn decrypt(text: &[u8], password: &[u8]) -> Result<PrivateKeyDer<'static>, IdentityError> {
    let der = encrypted(text).ok_or(IdentityError::NoKey)?;
    let locked = |e: String| IdentityError::Locked(e);
    let info = EncryptedPrivateKeyInfo::try_from(der.as_slice()).map_err(|e| locked(e.to_string()));
    let open = info?.decrypt(password).map_err(|e| locked(e.to_string()))?;
    Ok(PrivatePkcs8KeyDer::from(open.as_bytes().to_vec()).into())
}

/// The first encrypted key's DER; its label is none that rustls knows.
fn encrypted(text: &[u8]) -> Option<Vec<u8>> {
    let text = core::str::from_utf8(text).ok()?;
    let (_, rest) = text.split_once("-----BEGIN ENCRYPTED PRIVATE KEY-----")?;
    let (body, _) = rest.split_once("-----END ENCRYPTED PRIVATE KEY-----")?;
    // The same bytes under a label that is read.
    let relabelled = format!("-----BEGIN PRIVATE KEY-----{body}-----END PRIVATE KEY-----\n");
    let mut rest = relabelled.as_bytes();
    match pem::from_buf(&mut rest) {
        Ok(Some((SectionKind::PrivateKey, der))) => Some(der),
        _ => None,
    }
}

fn contains(text: &[u8], what: &[u8]) -> bool {
    text.windows(what.len()).any(|window| window == what)
}
