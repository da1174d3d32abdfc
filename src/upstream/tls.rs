//! TLS towards the server: the trusted issuers, the handshake, and the meaning of its failures.
//!
//! Only TLS 1.2 and 1.3 are used (RFC 8996). Nothing is pinned: Exchange Online moved its chain to
//! DigiCert Global Root G2 in 2026.
//!
//! # Failure
//! [`Tls::new`] fails on a `ca_file` without certificates. [`Tls::handshake`] returns a [`Fault`].

use std::{io, path::Path, sync::Arc, time::Duration};

use rustls::{
    CertificateError, ClientConfig, ConfigBuilder, Error as TlsError, RootCertStore,
    client::WantsClientCert,
    crypto::{CryptoProvider, ring},
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::{
    classify::{Fault, TlsFault},
    clock::Clock,
    http::trust::{WallClock, machine_store},
    model::Timestamp,
    upstream::{
        client_certificate::Chain,
        dns::dane::{ByRecord, Tlsa},
        smtp::{
            settings::{ClientCertificate, SmtpSettings, Verification},
            stream::{self, Secured, Stream},
        },
        verifier::{Anyone, Verifier},
    },
};

/// The TLS settings of one account.
pub(super) struct Tls {
    provider: Arc<CryptoProvider>,
    clock: Clock,
    roots: Arc<RootCertStore>,
    /// The settings for a trusted certificate. They are kept so that sessions can be resumed.
    trusting: Arc<ClientConfig>,
    careless: Arc<ClientConfig>,
    /// The client certificate. Its files are read for each handshake.
    identity: Option<ClientCertificate>,
}

/// The certificates that are accepted.
#[derive(Clone, Debug)]
pub(super) enum Check {
    /// A certificate from a trusted issuer with the right name.
    Trusted,
    /// Any certificate.
    Anyone,
    /// A certificate that matches the domain's TLSA records.
    Recorded(Arc<[Tlsa]>),
}

impl Tls {
    /// Reads the trust store.
    pub(super) fn new(settings: &SmtpSettings, clock: Clock) -> io::Result<Self> {
        let roots = Arc::new(match settings.verify {
            Verification::Required => trusted(settings.ca_file.as_deref())?,
            Verification::Off => RootCertStore::empty(),
        });
        let provider = Arc::new(ring::default_provider());
        let config = |check: &Check| {
            build(&provider, &clock, &roots, check)
                .map(|builder| Arc::new(builder.with_no_client_auth()))
        };
        let trusting = config(&Check::Trusted).map_err(io::Error::other)?;
        let careless = config(&Check::Anyone).map_err(io::Error::other)?;
        Ok(Self { trusting, careless, provider, clock, roots, identity: settings.identity.clone() })
    }

    /// Runs the handshake, directly over TCP or after STARTTLS.
    pub(super) async fn handshake(
        &self,
        stream: Box<dyn Stream>,
        host: &str,
        check: &Check,
        within: Duration,
    ) -> Result<Secured, Fault> {
        let config = self.config(check).await?;
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_not_a_name| TlsFault::NotAName(host.to_owned()))?;
        match timeout(within, TlsConnector::from(config).connect(name, stream)).await {
            Ok(Ok(stream)) => {
                let certificate =
                    stream.get_ref().1.peer_certificates().and_then(|chain| chain.first()).cloned();
                Ok(Secured { stream: Box::new(stream), certificate })
            }
            Ok(Err(error)) => Err(fault(&error)),
            Err(_elapsed) => Err(Fault::TimedOut),
        }
    }

    /// The settings of a handshake, with our certificate as it is on disk now.
    pub(super) async fn config(&self, check: &Check) -> Result<Arc<ClientConfig>, Fault> {
        match (&self.identity, check) {
            (Some(identity), check) => self.as_ourselves(identity.clone(), check).await,
            (None, Check::Trusted) => Ok(Arc::clone(&self.trusting)),
            (None, Check::Anyone) => Ok(Arc::clone(&self.careless)),
            (None, Check::Recorded(_)) => Ok(Arc::new(
                self.builder(check)
                    .map_err(|error| TlsFault::Other(error.to_string()))?
                    .with_no_client_auth(),
            )),
        }
    }

    fn builder(
        &self,
        check: &Check,
    ) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, TlsError> {
        build(&self.provider, &self.clock, &self.roots, check)
    }

    /// The settings with our certificate as it is on disk now.
    async fn as_ourselves(
        &self,
        files: ClientCertificate,
        check: &Check,
    ) -> Result<Arc<ClientConfig>, Fault> {
        let unusable = |reason: &dyn std::fmt::Display| {
            Fault::from(TlsFault::ClientCertificate(reason.to_string()))
        };
        let loaded = tokio::task::spawn_blocking(move || Chain::load(&files))
            .await
            .map_err(|error| unusable(&error))?;
        let (chain, key) = loaded.map_err(|error| unusable(&error))?;
        let config = self
            .builder(check)
            .and_then(|builder| builder.with_client_auth_cert(chain.into_certificates(), key));
        config.map(Arc::new).map_err(|error| unusable(&error))
    }
}

fn build(
    provider: &Arc<CryptoProvider>,
    clock: &Clock,
    roots: &Arc<RootCertStore>,
    check: &Check,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, TlsError> {
    let time = Arc::new(WallClock(clock.clone()));
    let builder = ClientConfig::builder_with_details(Arc::clone(provider), time)
        .with_safe_default_protocol_versions()?;
    let provider = Arc::clone(provider);
    Ok(match check {
        Check::Trusted => builder.with_root_certificates(Arc::clone(roots)),
        Check::Anyone => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Verifier { judge: Anyone, provider })),
        Check::Recorded(records) => {
            let judge = ByRecord { records: Arc::clone(records), provider: Arc::clone(&provider) };
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Verifier { judge, provider }))
        }
    })
}

/// The issuers to trust: those in `ca_file` alone, otherwise the machine's.
fn trusted(ca_file: Option<&Path>) -> io::Result<RootCertStore> {
    let Some(path) = ca_file else { return Ok(machine_store()) };
    let unreadable = |error: &dyn std::fmt::Display| {
        io::Error::other(format!("ca_file \"{}\" {error}", path.display()))
    };
    let text = std::fs::read_to_string(path)
        .map_err(|error| unreadable(&format!("cannot be read: {error}")))?;
    let mut store = RootCertStore::empty();
    for certificate in certificates(&text).map_err(|error| unreadable(&error))? {
        store.add(certificate).map_err(|error| {
            unreadable(&format!("holds a certificate that cannot be used: {error}"))
        })?;
    }
    Ok(store)
}

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

/// The meaning of a failed handshake.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other errors of rustls are shown in its own words"
)]
fn fault(error: &io::Error) -> Fault {
    let Some(cause) = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()) else {
        return stream::fault(error);
    };
    let fault = match cause {
        TlsError::InvalidCertificate(reason) => certificate_fault(reason),
        TlsError::InvalidMessage(_) => TlsFault::NotTls(cause.to_string()),
        TlsError::PeerIncompatible(_)
        | TlsError::AlertReceived(
            rustls::AlertDescription::ProtocolVersion | rustls::AlertDescription::HandshakeFailure,
        ) => TlsFault::NoCommonVersion(cause.to_string()),
        other => TlsFault::Other(other.to_string()),
    };
    fault.into()
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other errors of rustls are shown in its own words"
)]
fn certificate_fault(reason: &CertificateError) -> TlsFault {
    let at = |time: &UnixTime| Timestamp::from_millis(time.as_secs().saturating_mul(1000));
    match reason {
        CertificateError::Expired => TlsFault::Expired { ended: None },
        CertificateError::ExpiredContext { not_after, .. } => {
            TlsFault::Expired { ended: Some(at(not_after)) }
        }
        CertificateError::NotValidYet => TlsFault::NotYetValid { begins: None },
        CertificateError::NotValidYetContext { not_before, .. } => {
            TlsFault::NotYetValid { begins: Some(at(not_before)) }
        }
        CertificateError::NotValidForName => {
            TlsFault::WrongName { asked: None, presented: Vec::new() }
        }
        CertificateError::NotValidForNameContext { expected, presented } => TlsFault::WrongName {
            asked: Some(expected.to_str().into_owned()),
            presented: presented.iter().map(|name| bare(name)).collect(),
        },
        // DANE refused the certificate.
        CertificateError::ApplicationVerificationFailure => TlsFault::NotRecorded,
        CertificateError::BadSignature => TlsFault::OtherIssuer,
        CertificateError::UnknownIssuer => TlsFault::UnknownIssuer,
        other => TlsFault::BadCertificate(other.to_string()),
    }
}

/// The name alone: rustls formats it as `DnsName("mail.example.com")`.
fn bare(name: &str) -> String {
    name.split('"').nth(1).unwrap_or(name).to_owned()
}
