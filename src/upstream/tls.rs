//! TLS towards the server: whom to trust, the handshake, and what its failures mean in words.
//!
//! TLS 1.2 and 1.3 only (RFC 8996). Nothing is pinned: Exchange Online moved its chain to DigiCert
//! Global Root G2 in 2026.
//!
//! # Failure
//! [`Tls::new`] fails on a `ca_file` without certificates. [`Tls::handshake`] yields a [`Fault`]
//! whose words `classify` knows.

use std::{io, path::Path, sync::Arc, time::Duration};

use rustls::{
    CertificateError, ClientConfig, ConfigBuilder, Error as TlsError, RootCertStore,
    client::WantsClientCert,
    crypto::{CryptoProvider, ring},
    time_provider::TimeProvider,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::{
    clock::Clock,
    model::Timestamp,
    oauth::HttpClient,
    upstream::{
        ClientCertificate, Destination, Fault, Verification,
        chain::Chain,
        dane::{ByRecord, Tlsa},
        verifier::{Anyone, Verifier},
        wire,
        wire::Stream,
    },
};

/// Words that [`classify`](crate::upstream::classify) knows the handshake's failures by.
pub(super) mod words {
    pub(in crate::upstream) const EXPIRED: &str = "the server's certificate has expired";
    pub(in crate::upstream) const NOT_YET: &str = "the server's certificate is not valid yet";
    pub(in crate::upstream) const WRONG_NAME: &str = "the server's certificate is for another name";
    pub(in crate::upstream) const UNKNOWN_ISSUER: &str =
        "the server's certificate comes from an issuer that is not trusted";
    pub(in crate::upstream) const OTHER_ISSUER: &str = "the server's certificate names an issuer \
        that is trusted, and was not signed by it but by another of the same name";
    pub(in crate::upstream) const BAD_CERTIFICATE: &str =
        "the server's certificate is not acceptable";
    pub(in crate::upstream) const NOT_RECORDED: &str =
        "the server's certificate is not the one that its domain has recorded (DANE)";
    pub(in crate::upstream) const NO_IDENTITY: &str = "the client certificate cannot be used";
    pub(in crate::upstream) const NOT_TLS: &str = "the server did not answer with TLS";
    pub(in crate::upstream) const NO_COMMON_VERSION: &str =
        "the server offers nothing newer than TLS 1.1, or no cipher that is still safe";
}

/// An encrypted stream, and the certificate that the server has shown.
pub(super) struct Secured {
    pub(super) stream: Box<dyn Stream>,
    pub(super) certificate: Option<CertificateDer<'static>>,
}

/// How to speak TLS on behalf of one account.
pub(super) struct Tls {
    provider: Arc<CryptoProvider>,
    clock: Clock,
    roots: Arc<RootCertStore>,
    /// Kept, so that sessions are resumed.
    trusting: Arc<ClientConfig>,
    careless: Arc<ClientConfig>,
    /// Read for each handshake.
    identity: Option<ClientCertificate>,
}

/// Which certificates will do.
#[derive(Clone, Debug)]
pub(super) enum Check {
    /// From a trusted issuer, for the right name.
    Trusted,
    /// Any.
    Anyone,
    /// What the domain has recorded in DNS.
    Recorded(Arc<[Tlsa]>),
}

impl Tls {
    /// Reads the trust store.
    pub(super) fn new(destination: &Destination, clock: Clock) -> io::Result<Self> {
        let roots = Arc::new(match destination.verify {
            Verification::Required => trusted(destination.ca_file.as_deref())?,
            Verification::Off => RootCertStore::empty(),
        });
        let provider = Arc::new(ring::default_provider());
        let config = |check: &Check| {
            build(&provider, &clock, &roots, check)
                .map(|builder| Arc::new(builder.with_no_client_auth()))
        };
        let trusting = config(&Check::Trusted).map_err(io::Error::other)?;
        let careless = config(&Check::Anyone).map_err(io::Error::other)?;
        Ok(Self {
            trusting,
            careless,
            provider,
            clock,
            roots,
            identity: destination.identity.clone(),
        })
    }

    /// The handshake, over TCP or after STARTTLS.
    pub(super) async fn handshake(
        &self,
        stream: Box<dyn Stream>,
        host: &str,
        check: &Check,
        within: Duration,
    ) -> Result<Secured, Fault> {
        let config = match (&self.identity, check) {
            (Some(identity), check) => self.as_ourselves(identity.clone(), check).await?,
            (None, Check::Trusted) => Arc::clone(&self.trusting),
            (None, Check::Anyone) => Arc::clone(&self.careless),
            (None, Check::Recorded(_)) => Arc::new(
                self.builder(check)
                    .map_err(|e| Fault::Failed(e.to_string()))?
                    .with_no_client_auth(),
            ),
        };
        let name = ServerName::try_from(host.to_owned()).map_err(|_not_a_name| {
            Fault::Failed(format!("\"{host}\" is neither a DNS name nor an address"))
        })?;
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

    fn builder(
        &self,
        check: &Check,
    ) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, TlsError> {
        build(&self.provider, &self.clock, &self.roots, check)
    }

    /// With our certificate, as it is on the disk now.
    async fn as_ourselves(
        &self,
        files: ClientCertificate,
        check: &Check,
    ) -> Result<Arc<ClientConfig>, Fault> {
        let unusable = |reason: &dyn std::fmt::Display| {
            Fault::Failed(format!("{}: {reason}", words::NO_IDENTITY))
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

/// For requests over HTTPS to an authorization server: the machine's trust, never `ca_file`, which
/// is for the mail server.
///
/// # Errors
/// When the provider of cryptography has no version of TLS in common with us: never, as it is
/// built.
pub fn https_client(clock: Clock) -> io::Result<HttpClient> {
    let builder = ClientConfig::builder_with_details(
        Arc::new(ring::default_provider()),
        Arc::new(WallClock(clock)),
    )
    .with_safe_default_protocol_versions()
    .map_err(io::Error::other)?;
    Ok(HttpClient::new(Arc::new(
        builder.with_root_certificates(trusted(None)?).with_no_client_auth(),
    )))
}

/// `ca_file` alone, else the platform's store, else Mozilla's list (a container without
/// certificates has no store).
fn trusted(ca_file: Option<&Path>) -> io::Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    if let Some(path) = ca_file {
        let unreadable = |error: &dyn std::fmt::Display| {
            io::Error::other(format!("ca_file \"{}\" {error}", path.display()))
        };
        let text = std::fs::read_to_string(path)
            .map_err(|error| unreadable(&format!("cannot be read: {error}")))?;
        for certificate in certificates(&text).map_err(|error| unreadable(&error))? {
            store.add(certificate).map_err(|error| {
                unreadable(&format!("holds a certificate that cannot be used: {error}"))
            })?;
        }
        return Ok(store);
    }
    // Platform stores do hold certificates that cannot be read; the others are good all the same.
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if store.is_empty() {
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    Ok(store)
}

/// The certificates of a PEM text, at least one.
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

/// What a failed handshake means.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other errors of rustls are shown in its own words"
)]
fn fault(error: &io::Error) -> Fault {
    let Some(cause) = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()) else {
        return wire::fault(error);
    };
    Fault::Failed(match cause {
        TlsError::InvalidCertificate(reason) => describe(reason),
        TlsError::InvalidMessage(_) => format!("{} ({cause})", words::NOT_TLS),
        TlsError::PeerIncompatible(_)
        | TlsError::AlertReceived(
            rustls::AlertDescription::ProtocolVersion | rustls::AlertDescription::HandshakeFailure,
        ) => {
            format!("{} ({cause})", words::NO_COMMON_VERSION)
        }
        other => other.to_string(),
    })
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other errors of rustls are shown in its own words"
)]
fn describe(reason: &CertificateError) -> String {
    let on =
        |time: &UnixTime| Timestamp::from_millis(time.as_secs().saturating_mul(1000)).to_rfc3339();
    match reason {
        CertificateError::Expired => words::EXPIRED.to_owned(),
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("{}: it ended at {}", words::EXPIRED, on(not_after))
        }
        CertificateError::NotValidYet => words::NOT_YET.to_owned(),
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("{}: it begins at {}", words::NOT_YET, on(not_before))
        }
        CertificateError::NotValidForName => words::WRONG_NAME.to_owned(),
        CertificateError::NotValidForNameContext { expected, presented } => {
            format!(
                "{}: \"{}\" was asked for, it is for {}",
                words::WRONG_NAME,
                expected.to_str(),
                names(presented)
            )
        }
        // What DANE says no to.
        CertificateError::ApplicationVerificationFailure => words::NOT_RECORDED.to_owned(),
        CertificateError::BadSignature => words::OTHER_ISSUER.to_owned(),
        CertificateError::UnknownIssuer => words::UNKNOWN_ISSUER.to_owned(),
        other => format!("{}: {other}", words::BAD_CERTIFICATE),
    }
}

/// rustls gives each as `DnsName("mail.example.com")`.
fn names(presented: &[String]) -> String {
    let bare = |name: &String| name.split('"').nth(1).unwrap_or(name).to_owned();
    if presented.is_empty() {
        "no name at all".to_owned()
    } else {
        presented.iter().map(bare).collect::<Vec<_>>().join(", ")
    }
}

/// Certificates are judged by the same clock as everything else.
#[derive(Debug)]
struct WallClock(Clock);

impl TimeProvider for WallClock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_millis(self.0.now().as_millis())))
    }
}
