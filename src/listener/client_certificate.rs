//! Certificates that clients show: asked for, never required, and judged only after the handshake.
//!
//! A client with an unknown certificate is served as if it had shown none. The handshake therefore
//! accepts any certificate whose key the client proves to have. Its issuer is checked afterwards.
//!
//! # Failure
//! None. A certificate counts for what it proves, and carries the reason why it does not prove
//! more.

use std::{path::Path, sync::Arc, time::Duration};

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    server::{
        ParsedCertificate, WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};
use rustls_pki_types::{CertificateDer, UnixTime};
use sha2::{Digest as _, Sha256};
use x509_parser::{
    prelude::{FromDer, GeneralName, X509Certificate, X509Version},
    public_key::PublicKey,
};

use crate::{
    device::{ClientCertificate, Worth},
    listener::{ClientCertificates, ListenerError, certificate::read_chain},
    model::{Fingerprint, Timestamp},
};

/// The maximum number of names read from one certificate. No legitimate certificate has more.
const NAMES_LIMIT: usize = 100;

/// Judges the certificates of devices.
pub(super) struct Judge {
    /// None without `client_ca`.
    authority: Option<Arc<dyn ClientCertVerifier>>,
}

impl Judge {
    /// Reads `client_ca`.
    pub(super) fn load(
        settings: &ClientCertificates,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, ListenerError> {
        let authority = match settings {
            ClientCertificates::Asked { ca: Some(path) } => Some(authority(path, provider)?),
            ClientCertificates::Asked { ca: None } | ClientCertificates::Ignored => None,
        };
        Ok(Self { authority })
    }

    /// What a chain of certificates, the client's own first, proves about the client.
    pub(super) fn read(
        &self,
        chain: &[CertificateDer<'_>],
        now: Timestamp,
    ) -> Option<ClientCertificate> {
        let (own, others) = chain.split_first()?;
        let (_, parsed) = X509Certificate::from_der(own).ok()?;
        let worth = match unprovable(own) {
            None => self.vouched(own, others, now),
            // The proof of the key was waived for it: see `AnyClient`.
            Some(reason) => Worth::Nothing(reason),
        };
        Some(ClientCertificate {
            fingerprint: Fingerprint(Sha256::digest(own).into()),
            names: names(&parsed),
            worth,
        })
    }

    fn vouched(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: Timestamp,
    ) -> Worth {
        let Some(authority) = &self.authority else {
            return Worth::Fingerprint(
                "no device has its fingerprint, and without client_ca, no authority confirms its \
                names"
                    .to_owned(),
            );
        };
        let now = UnixTime::since_unix_epoch(Duration::from_millis(now.as_millis()));
        match authority.verify_client_cert(own, others, now) {
            Ok(_verified) => Worth::Names,
            Err(error) => Worth::Fingerprint(why_not(&error)),
        }
    }
}

/// Why we cannot verify that a client has the key of its certificate. None when we can.
fn unprovable(certificate: &CertificateDer<'_>) -> Option<String> {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else {
        return Some("it cannot be read".to_owned());
    };
    if parsed.version() != X509Version::V3 {
        return Some(OLD_FORM.to_owned());
    }
    if let Err(error) = ParsedCertificate::try_from(certificate) {
        return Some(format!("it cannot be read: {error}"));
    }
    let key = parsed.public_key();
    match key.parsed() {
        Ok(PublicKey::RSA(rsa)) if rsa.key_size() < LEAST_RSA_BITS => Some(format!(
            "its key of {} bits is too short to prove anything; {LEAST_RSA_BITS} or more are \
            needed",
            rsa.key_size()
        )),
        Ok(PublicKey::RSA(_)) => None,
        Ok(PublicKey::EC(_)) => {
            let curve = key
                .algorithm
                .parameters
                .as_ref()
                .and_then(|curve| curve.as_oid().ok())
                .map(|curve| curve.to_id_string());
            let known = curve.is_some_and(|curve| CURVES.contains(&curve.as_str()));
            (!known).then(|| {
                "its key is on a curve that cannot be checked; P-256 and P-384 can".to_owned()
            })
        }
        _ if key.algorithm.algorithm.to_id_string() == ED25519 => None,
        _another => Some(
            "its key is of a kind that cannot be checked; RSA, P-256, P-384 and Ed25519 can"
                .to_owned(),
        ),
    }
}

/// What can be checked (`ring`): RSA from this number of bits on, P-256 and P-384 (RFC 5480
/// 2.1.1.1), Ed25519 (RFC 8410 3).
const LEAST_RSA_BITS: usize = 2048;
const CURVES: [&str; 2] = ["1.2.840.10045.3.1.7", "1.3.132.0.34"];
const ED25519: &str = "1.3.101.112";

/// Whether certificates can issue others.
///
/// # Errors
/// The reason why one of them cannot.
pub fn check_authority(certificates: Vec<CertificateDer<'static>>) -> Result<(), String> {
    let mut roots = RootCertStore::empty();
    for (place, certificate) in certificates.into_iter().enumerate() {
        roots.add(certificate).map_err(|error| {
            format!("has a certificate ({} of it) that cannot be used: {error}", place + 1)
        })?;
    }
    Ok(())
}

const OLD_FORM: &str =
    "it is of X.509 version 1, which cannot be checked; give the device a certificate of version 3";

/// Why `client_ca` has not issued a certificate.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other errors of rustls are shown in its own words"
)]
fn why_not(error: &rustls::Error) -> String {
    let rustls::Error::InvalidCertificate(error) = error else {
        return error.to_string();
    };
    let words = match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet"
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "it was not issued by client_ca"
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "it is only for servers; the device needs one for client authentication"
        }
        // Recognised by its text, since rustls has no variant for it.
        other if other.to_string().contains("CaUsedAsEndEntity") => {
            "it is self-signed, or an authority's own; only its fingerprint can stand in \
            certificates"
        }
        other => return other.to_string(),
    };
    words.to_owned()
}

fn authority(
    path: &Path,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, ListenerError> {
    let failed = |error: &dyn std::fmt::Display| ListenerError::tls("use client_ca", path, error);
    let mut roots = RootCertStore::empty();
    for certificate in read_chain(path)? {
        roots.add(certificate).map_err(|error| failed(&error))?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| failed(&error))
}

/// Common names, host names and mail addresses (RFC 5280 4.2.1.6). Devices' certificates have them
/// in either place.
fn names(parsed: &X509Certificate<'_>) -> Vec<String> {
    let common = parsed.subject().iter_common_name().filter_map(|name| name.as_str().ok());
    let alternative = parsed.subject_alternative_name().ok().flatten();
    let alternative = alternative
        .iter()
        .flat_map(|extension| &extension.value.general_names)
        .filter_map(|name| {
            let (GeneralName::DNSName(name) | GeneralName::RFC822Name(name)) = name else {
                return None;
            };
            Some(*name)
        });
    let mut names: Vec<String> = Vec::new();
    for name in common
        .chain(alternative)
        .filter(|name| !name.chars().any(char::is_control))
        .take(NAMES_LIMIT)
    {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// Accepts any certificate whose key the client has.
#[derive(Debug)]
pub(super) struct AnyClient(pub(super) Arc<CryptoProvider>);

impl ClientCertVerifier for AnyClient {
    /// None, so that devices with a self-signed certificate show it, too (RFC 8446 4.2.4, RFC 5246
    /// 7.4.4).
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn verify_client_cert(
        &self,
        _own: &CertificateDer<'_>,
        _others: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if unprovable(certificate).is_some() {
            // Usually from old firmware. It identifies nobody: `Judge::read` sees to that.
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if unprovable(certificate).is_some() {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests;
