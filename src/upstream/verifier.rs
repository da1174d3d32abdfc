//! Certificate checks other than those of the trust store. The signatures of the handshake are
//! always checked.

use std::{fmt::Debug, sync::Arc};

use rustls::{
    CertificateError, DigitallySignedStruct, Error as TlsError, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{
        CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
        verify_tls13_signature_with_raw_key,
    },
};
use rustls_pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use x509_parser::prelude::{FromDer, SubjectPublicKeyInfo, X509Certificate, X509Version};

/// The certificates that a server presented, with the expected name and the time.
pub(super) struct Shown<'a> {
    pub(super) end_entity: &'a CertificateDer<'a>,
    pub(super) intermediates: &'a [CertificateDer<'a>],
    pub(super) name: &'a ServerName<'a>,
    pub(super) ocsp_response: &'a [u8],
    pub(super) now: UnixTime,
}

/// Decides whether a certificate is accepted.
pub(super) trait Judge: Debug + Send + Sync {
    /// # Errors
    /// When the certificate is refused.
    fn judge(&self, shown: &Shown<'_>) -> Result<(), TlsError>;
}

impl<J: Judge> Judge for Arc<J> {
    fn judge(&self, shown: &Shown<'_>) -> Result<(), TlsError> {
        self.as_ref().judge(shown)
    }
}

/// `verify = false`: any certificate is accepted, for servers on the local network.
#[derive(Debug)]
pub(super) struct Anyone;

impl Judge for Anyone {
    fn judge(&self, _shown: &Shown<'_>) -> Result<(), TlsError> {
        Ok(())
    }
}

/// A judge in the form that rustls needs.
#[derive(Debug)]
pub(super) struct Verifier<J> {
    pub(super) judge: J,
    pub(super) provider: Arc<CryptoProvider>,
}

impl<J: Judge> ServerCertVerifier for Verifier<J> {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        self.judge.judge(&Shown { end_entity, intermediates, name, ocsp_response, now })?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        match old_key(cert) {
            Some(key) => by_key(&key, message, dss, algorithms),
            None => verify_tls12_signature(message, cert, dss, algorithms),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        match old_key(cert) {
            Some(key) => verify_tls13_signature_with_raw_key(message, &key, dss, algorithms),
            None => verify_tls13_signature(message, cert, dss, algorithms),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// The key of an X.509 v1 certificate, which rustls does not read. Old servers show such
/// certificates. Only `ca_file` or `fingerprint` can accept them.
fn old_key(certificate: &CertificateDer<'_>) -> Option<SubjectPublicKeyInfoDer<'static>> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let key = parsed.public_key().raw;
    (parsed.version() == X509Version::V1).then(|| key.to_vec().into())
}

/// Checks the signature of a TLS 1.2 handshake with a key (RFC 5246 7.4.3).
fn by_key(
    key: &SubjectPublicKeyInfoDer<'_>,
    message: &[u8],
    signed: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, TlsError> {
    let bad = || TlsError::InvalidCertificate(CertificateError::BadSignature);
    let (_, parsed) = SubjectPublicKeyInfo::from_der(key).map_err(|_unreadable| bad())?;
    let known = algorithms.mapping.iter().find(|(scheme, _)| *scheme == signed.scheme);
    let is_valid = known.is_some_and(|(_, algorithms)| {
        algorithms.iter().any(|algorithm| {
            has_algorithm(key, algorithm.public_key_alg_id().as_ref())
                && algorithm
                    .verify_signature(&parsed.subject_public_key.data, message, signed.signature())
                    .is_ok()
        })
    });
    if is_valid { Ok(HandshakeSignatureValid::assertion()) } else { Err(bad()) }
}

/// Whether a key is of this algorithm, which is given as the content of an `AlgorithmIdentifier`. A
/// key is a sequence that begins with that sequence (RFC 5280 4.1.2.7).
fn has_algorithm(key: &[u8], algorithm: &[u8]) -> bool {
    // DER: tag and length; a length from 128 on has its own number of octets.
    let header = match key.get(1) {
        Some(length @ 0x81..=0x84) => 2 + usize::from(*length & 0x7f),
        Some(_) | None => 2,
    };
    let Ok(length) = u8::try_from(algorithm.len()) else { return false };
    key.get(header..)
        .and_then(|rest| rest.strip_prefix(&[0x30, length]))
        .is_some_and(|rest| rest.starts_with(algorithm))
}
