//! The sandbox's certificate authority and its server certificates, valid and invalid.
//!
//! # Failure
//! All certificates are made at start. An error stops the start.

use std::{io, sync::Arc};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, date_time_ymd,
};
use rustls::{
    DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{
        CryptoProvider, ring::default_provider, verify_tls12_signature, verify_tls13_signature,
    },
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};
use tokio_rustls::TlsAcceptor;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::dialect::Handshake;

/// The names in every certificate.
const NAMES: &[&str] = &[
    "localhost",
    "127.0.0.1",
    "::1",
    "smtp.office365.com",
    "*.office365.com",
    "*.outlook.office365.com",
    "*.mail.protection.outlook.com",
    "graph.microsoft.com",
];

/// TLS acceptors, one for each kind of handshake.
pub(crate) struct Certificates {
    pub(crate) ca_pem: String,
    proper: TlsAcceptor,
    wrong_name: TlsAcceptor,
    untrusted: TlsAcceptor,
    expired: TlsAcceptor,
}

/// An authority and its key.
struct Authority {
    pem: String,
    der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Certificates {
    pub(crate) fn make(names: &[String]) -> io::Result<Self> {
        let authority = Authority::make("Postroom sandbox")?;
        let stranger = Authority::make("Nobody's authority")?;
        let names: Vec<String> =
            NAMES.iter().map(|name| (*name).to_owned()).chain(names.iter().cloned()).collect();
        let good = || CertificateParams::new(names.clone());
        let mut expired = good().map_err(io::Error::other)?;
        expired.not_after = date_time_ymd(2020, 1, 1);
        Ok(Self {
            ca_pem: authority.pem.clone(),
            proper: authority.acceptor(good().map_err(io::Error::other)?)?,
            wrong_name: authority.acceptor(
                CertificateParams::new(vec!["other.example".to_owned()])
                    .map_err(io::Error::other)?,
            )?,
            untrusted: stranger.acceptor(good().map_err(io::Error::other)?)?,
            expired: authority.acceptor(expired)?,
        })
    }

    /// The acceptor for a handshake; none for one that is not TLS.
    pub(crate) const fn acceptor(&self, handshake: Handshake) -> Option<&TlsAcceptor> {
        match handshake {
            Handshake::Proper => Some(&self.proper),
            Handshake::WrongName => Some(&self.wrong_name),
            Handshake::UntrustedIssuer => Some(&self.untrusted),
            Handshake::Expired => Some(&self.expired),
            Handshake::Garbage => None,
        }
    }
}

impl Authority {
    fn make(name: &str) -> io::Result<Self> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(io::Error::other)?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).map_err(io::Error::other)?;
        Ok(Self {
            pem: certificate.pem(),
            der: certificate.der().clone(),
            issuer: Issuer::new(params, key),
        })
    }

    fn acceptor(&self, mut params: CertificateParams) -> io::Result<TlsAcceptor> {
        params.distinguished_name.push(DnType::CommonName, "Postroom sandbox, server");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(io::Error::other)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(io::Error::other)?;
        let provider = Arc::new(default_provider());
        let config = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_client_cert_verifier(Arc::new(AnyClient(provider)))
            .with_single_cert(
                vec![certificate.der().clone(), self.der.clone()],
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
            )
            .map_err(io::Error::other)?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

/// Requests a client certificate and accepts any whose key the client holds. The name in the
/// certificate matters, but its issuer does not: an administrator rehearses before buying the real
/// certificate.
#[derive(Debug)]
struct AnyClient(Arc<CryptoProvider>);

impl ClientCertVerifier for AnyClient {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// The names that a client certificate covers: its alternative names, otherwise its common name.
/// None when the issuers were not sent with it: Exchange Online then treats the client as unknown
/// (550 5.7.64 TenantAttribution).
pub(crate) fn names_in(chain: &[CertificateDer<'static>]) -> Vec<String> {
    let parsed: Result<Vec<_>, _> = chain
        .iter()
        .map(|der| X509Certificate::from_der(der).map(|(_, certificate)| certificate))
        .collect();
    let Ok(parsed) = parsed else { return Vec::new() };
    let Some(certificate) = parsed.first() else { return Vec::new() };
    let follows = parsed
        .windows(2)
        .all(|pair| matches!(pair, [issued, issuer] if has_issued(issuer, issued)));
    if !follows || (parsed.len() == 1 && !has_issued(certificate, certificate)) {
        return Vec::new();
    }
    let alternatives = certificate
        .subject_alternative_name()
        .ok()
        .flatten()
        .map(|extension| &extension.value.general_names);
    let mut names: Vec<String> = Vec::new();
    for name in alternatives.into_iter().flatten() {
        if let GeneralName::DNSName(name) = name {
            names.push((*name).to_owned());
        }
    }
    if names.is_empty() {
        names.extend(
            certificate
                .subject()
                .iter_common_name()
                .filter_map(|name| name.as_str().ok())
                .map(str::to_owned),
        );
    }
    names
}

fn has_issued(issuer: &X509Certificate<'_>, issued: &X509Certificate<'_>) -> bool {
    issued.issuer() == issuer.subject()
        && issued.verify_signature(Some(issuer.public_key())).is_ok()
}
