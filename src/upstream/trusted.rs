//! Which certificates `ca_file` and `fingerprint` of an account accept.
//!
//! `ca_file` names issuers. It also names servers: an office's own server often shows a certificate
//! that it has issued to itself (`openssl req -x509`), which marks it as an authority.

use std::{fmt::Debug, io, net::IpAddr, path::Path, sync::Arc};

use rustls::{
    CertificateError, Error as TlsError, OtherError, RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier as _},
    crypto::CryptoProvider,
};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use sha2::{Digest, Sha256};

use crate::{
    model::{Fingerprint, Timestamp},
    upstream::{
        client_certificate::Leaf,
        verifier::{Judge, Shown},
    },
};

/// Accepts what the configuration of an account names.
#[derive(Debug)]
pub(super) enum Trusted {
    /// Exactly this certificate.
    Pinned(Fingerprint),
    /// The certificates of a file, and what they have issued.
    File {
        /// All certificates of the file.
        certificates: Vec<CertificateDer<'static>>,
        /// Those that can be issuers.
        issuers: Option<Arc<WebPkiServerVerifier>>,
    },
}

impl Trusted {
    /// Reads `ca_file`.
    ///
    /// # Errors
    /// When the file cannot be read, or has no certificate, or one that cannot be read.
    pub(super) fn read(path: &Path, provider: &Arc<CryptoProvider>) -> io::Result<Self> {
        let unusable = |error: &dyn std::fmt::Display| {
            io::Error::other(format!("ca_file \"{}\" {error}", path.display()))
        };
        let text = std::fs::read_to_string(path)
            .map_err(|error| unusable(&format!("cannot be read: {error}")))?;
        let certificates = certificates(&text).map_err(|error| unusable(&error))?;
        let mut roots = RootCertStore::empty();
        for (number, certificate) in (1..).zip(&certificates) {
            if Leaf::read(certificate).is_none() {
                return Err(unusable(&format!(
                    "has a certificate that is not one: number {number}"
                )));
            }
            // What cannot be an issuer can still be a server.
            let _is_issuer = roots.add(certificate.clone()).is_ok();
        }
        let issuers = if roots.is_empty() {
            None
        } else {
            let verifier =
                WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
            Some(verifier.build().map_err(|error| unusable(&error))?)
        };
        Ok(Self::File { certificates, issuers })
    }
}

impl Judge for Trusted {
    fn judge(&self, shown: &Shown<'_>) -> Result<(), TlsError> {
        match self {
            Self::Pinned(wanted) => {
                let found = Fingerprint(Sha256::digest(shown.end_entity).into());
                if found == *wanted {
                    return Ok(());
                }
                Err(CertificateError::Other(OtherError(Arc::new(NotPinned(found)))).into())
            }
            Self::File { certificates, .. } if certificates.contains(shown.end_entity) => {
                itself(shown)
            }
            Self::File { issuers: Some(issuers), .. } => issuers
                .verify_server_cert(
                    shown.end_entity,
                    shown.intermediates,
                    shown.name,
                    shown.ocsp_response,
                    shown.now,
                )
                .map(drop),
            Self::File { issuers: None, .. } => Err(CertificateError::UnknownIssuer.into()),
        }
    }
}

/// The server shows another certificate than the pinned one.
#[derive(Debug)]
pub(super) struct NotPinned(pub(super) Fingerprint);

impl std::fmt::Display for NotPinned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl std::error::Error for NotPinned {}

/// The certificates in a PEM text: at least one.
///
/// # Errors
/// When there is none, or one that cannot be read.
pub fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match parsed {
        Ok(certificates) if certificates.is_empty() => {
            Err("holds no certificate; it has to be in PEM form".to_owned())
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(format!("is no PEM file: {error}")),
    }
}

/// A certificate that the file names needs no issuer. Its dates count, and its names if it has
/// alternative names.
fn itself(shown: &Shown<'_>) -> Result<(), TlsError> {
    let leaf = Leaf::read(shown.end_entity).ok_or(CertificateError::BadEncoding)?;
    let now = Timestamp::from_millis(shown.now.as_secs().saturating_mul(1000));
    if now < leaf.not_before {
        return Err(CertificateError::NotValidYet.into());
    }
    if now > leaf.not_after {
        return Err(CertificateError::Expired.into());
    }
    if leaf.has_alternatives && !leaf.names.iter().any(|name| covers(name, shown.name)) {
        return Err(CertificateError::NotValidForNameContext {
            expected: shown.name.to_owned(),
            presented: leaf.names,
        }
        .into());
    }
    Ok(())
}

/// RFC 9525 6.3: a `*` stands for the first label.
fn covers(name: &str, wanted: &ServerName<'_>) -> bool {
    let wanted = wanted.to_str();
    if let Ok(address) = wanted.parse::<IpAddr>() {
        return name.parse() == Ok(address);
    }
    let is_same = |one: &str, other: &str| {
        one.trim_end_matches('.').eq_ignore_ascii_case(other.trim_end_matches('.'))
    };
    match name.strip_prefix("*.") {
        Some(parent) => wanted.split_once('.').is_some_and(|(_label, rest)| is_same(parent, rest)),
        None => is_same(name, &wanted),
    }
}
