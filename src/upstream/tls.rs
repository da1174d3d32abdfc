//! TLS towards the server: the trusted issuers, the handshake, and the meaning of its failures.
//!
//! Only TLS 1.2 and 1.3 are used (RFC 8996). Nothing is pinned: Exchange Online moved its chain to
//! DigiCert Global Root G2 in 2026.
//!
//! # Failure
//! [`Tls::new`] fails on a `ca_file` without certificates. [`Tls::handshake`] returns a [`Fault`].

use std::{io, sync::Arc, time::Duration};

use rustls::{
    CertificateError, ClientConfig, ConfigBuilder, Error as TlsError, OtherError, RootCertStore,
    client::WantsClientCert,
    crypto::{CryptoProvider, ring},
};
use rustls_pki_types::{ServerName, UnixTime};
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
        trusted::{NotPinned, Trusted},
        verifier::{Anyone, Verifier},
    },
};

/// The TLS settings of one account.
pub(super) struct Tls {
    provider: Arc<CryptoProvider>,
    clock: Clock,
    trust: Trust,
    /// The settings for a trusted certificate. They are kept so that sessions can be resumed.
    trusting: Arc<ClientConfig>,
    careless: Arc<ClientConfig>,
    /// The client certificate. Its files are read for each handshake.
    identity: Option<ClientCertificate>,
}

/// What the account trusts.
enum Trust {
    /// The issuers in the machine's store; none when nothing is checked.
    Machine(Arc<RootCertStore>),
    /// What its configuration names.
    Named(Arc<Trusted>),
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
        let provider = Arc::new(ring::default_provider());
        let trust = match (settings.verify, settings.ca_file.as_deref()) {
            (Verification::Pinned(fingerprint), _) => {
                Trust::Named(Arc::new(Trusted::Pinned(fingerprint)))
            }
            (Verification::Required, Some(path)) => {
                Trust::Named(Arc::new(Trusted::read(path, &provider)?))
            }
            (Verification::Required, None) => Trust::Machine(Arc::new(machine_store())),
            (Verification::Off, _) => Trust::Machine(Arc::new(RootCertStore::empty())),
        };
        let config = |check: &Check| {
            build(&provider, &clock, &trust, check)
                .map(|builder| Arc::new(builder.with_no_client_auth()))
        };
        let trusting = config(&Check::Trusted).map_err(io::Error::other)?;
        let careless = config(&Check::Anyone).map_err(io::Error::other)?;
        Ok(Self { trusting, careless, provider, clock, trust, identity: settings.identity.clone() })
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

    /// The settings for servers with a trusted certificate, without a certificate of ours.
    pub(super) fn trusting(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.trusting)
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
        build(&self.provider, &self.clock, &self.trust, check)
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
    trust: &Trust,
    check: &Check,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, TlsError> {
    let time = Arc::new(WallClock(clock.clone()));
    let builder = ClientConfig::builder_with_details(Arc::clone(provider), time)
        .with_safe_default_protocol_versions()?;
    let provider = Arc::clone(provider);
    Ok(match check {
        Check::Trusted => match trust {
            Trust::Machine(roots) => builder.with_root_certificates(Arc::clone(roots)),
            Trust::Named(judge) => {
                let judge = Arc::clone(judge);
                builder
                    .dangerous()
                    .with_custom_certificate_verifier(Arc::new(Verifier { judge, provider }))
            }
        },
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
        TlsError::InvalidMessage(_) => TlsFault::NotTls(plain(cause)),
        TlsError::PeerIncompatible(_)
        | TlsError::AlertReceived(
            rustls::AlertDescription::ProtocolVersion | rustls::AlertDescription::HandshakeFailure,
        ) => TlsFault::NoCommonVersion(plain(cause)),
        other => TlsFault::Other(plain(other)),
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
        CertificateError::Other(OtherError(inner)) => match inner.downcast_ref::<NotPinned>() {
            Some(NotPinned(found)) => TlsFault::NotPinned { found: *found },
            None => by_webpki(&inner.to_string()),
        },
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            TlsFault::BadCertificate("it is not for servers (extended key usage)".to_owned())
        }
        CertificateError::BadEncoding => TlsFault::BadCertificate("it cannot be read".to_owned()),
        other => TlsFault::BadCertificate(plain(other)),
    }
}

/// The meaning of an error of webpki that rustls passes on. Postroom does not depend on webpki, so
/// the name of the error decides.
fn by_webpki(name: &str) -> TlsFault {
    match name {
        "CaUsedAsEndEntity" => TlsFault::Authority,
        "UnsupportedCertVersion" => TlsFault::OldForm,
        other => TlsFault::BadCertificate(plain(&other)),
    }
}

/// The words of rustls, whose names of errors are written in one piece: `BadCertificate` becomes
/// "bad certificate".
fn plain(error: &dyn std::fmt::Display) -> String {
    let said = error.to_string();
    let mut plain = String::with_capacity(said.len());
    let mut before = ' ';
    for letter in said.chars() {
        if letter.is_ascii_uppercase() && before.is_ascii_lowercase() {
            plain.push(' ');
            plain.push(letter.to_ascii_lowercase());
        } else {
            plain.push(letter);
        }
        before = letter;
    }
    plain
}

/// The name alone: rustls formats it as `DnsName("mail.example.com")`.
fn bare(name: &str) -> String {
    name.split('"').nth(1).unwrap_or(name).to_owned()
}
