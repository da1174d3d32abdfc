//! Certificate checks other than those of the trust store. The signatures of the handshake are
//! always checked.

use std::{fmt::Debug, sync::Arc};

use rustls::{
    DigitallySignedStruct, Error as TlsError, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

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
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
