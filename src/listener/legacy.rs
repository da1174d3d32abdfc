//! SSL 3.0, TLS 1.0 and TLS 1.1 by a private OpenSSL, for devices that know nothing newer; and TLS
//! 1.2 for those that know none of today's ciphers. The only file that names openssl;
//! `legacy_absent` stands in for it without the feature `legacy-tls`.
//!
//! These versions protect nothing (RFC 8996): every policy decision treats them as plaintext. They
//! exist so that a device that insists on TLS can send its mail.

use std::{io, path::Path, pin::Pin};

use openssl::{
    asn1::Asn1Time,
    bn::{BigNum, MsbOption},
    error::ErrorStack,
    hash::MessageDigest,
    nid::Nid,
    pkey::{Id, PKey, Private},
    provider::Provider,
    rsa::Rsa,
    ssl::{
        self, Ssl, SslContext, SslContextBuilder, SslFiletype, SslMethod, SslOptions, SslRef,
        SslSessionCacheMode, SslVerifyMode, SslVersion,
    },
    x509::{X509, X509NameBuilder, X509Ref, extension::SubjectAlternativeName},
};
use rustls_pki_types::CertificateDer;
use tokio_openssl::SslStream;

use crate::{
    device::TlsRefusal,
    listener::{
        BadPair, ClientCertificates, KeyKind, ListenerError, TlsSettings, certificate,
        encrypted::{Agreed, Encrypted, HandshakeError},
        wire::{Replay, Transport},
    },
    model::TlsVersion,
};

/// Whether this build serves the versions that rustls does not.
pub(super) const PRESENT: bool = true;

/// Every cipher that OpenSSL still has, except those without a certificate, which a client that
/// offers "all" would get.
const ANY_CIPHER: &str = "ALL:!aNULL:@SECLEVEL=0";
/// For devices that may not use less than TLS 1.2: no RC4, no 3DES, but RSA key exchange and CBC.
/// The level is 0 for SHA-1 signatures in the handshake, which hellos of that age ask for.
const TLS12_CIPHER: &str = "HIGH:!aNULL:!3DES:@SECLEVEL=0";

/// `SSL_R_NO_SHARED_CIPHER`, which the crate does not name.
const NO_SHARED_CIPHER: i32 = 193;

/// The most that the oldest devices compute with; smaller keys can be configured.
const RSA_BITS: u32 = 2048;

/// Our side of the old protocols.
pub(super) struct Legacy {
    any: SslContext,
    tls12: SslContext,
    clients: ClientCertificates,
    /// RC4 is only there while this is loaded.
    _providers: [Provider; 2],
}

impl Legacy {
    /// Reads the certificate of the old protocols, or makes it: RSA, signed with SHA-1.
    pub(super) fn load(settings: &TlsSettings) -> Result<Self, ListenerError> {
        let (certificate, key) = match &settings.legacy_files {
            Some(files) => files.clone(),
            None => {
                certificate::kept_or(&settings.data_dir, "legacy", || make(&settings.hostname))?
            }
        };
        let failed =
            |error: ErrorStack| ListenerError::tls("use legacy certificate", &certificate, &error);
        // Loading one by name switches off the automatic loading of the other.
        let providers = [
            Provider::try_load(None, "legacy", true).map_err(failed)?,
            Provider::load(None, "default").map_err(failed)?,
        ];
        let any = context(&certificate, &key, ANY_CIPHER, SslVersion::SSL3).map_err(failed)?;
        let tls12 =
            context(&certificate, &key, TLS12_CIPHER, SslVersion::TLS1_2).map_err(failed)?;
        Ok(Self { any, tls12, clients: settings.clients.clone(), _providers: providers })
    }

    /// Performs the handshake. Versions older than `oldest` are refused.
    pub(super) async fn accept<IO: Transport + 'static>(
        &self,
        io: Replay<IO>,
        oldest: TlsVersion,
        offered: TlsVersion,
    ) -> Result<Encrypted, HandshakeError> {
        let context = if oldest.is_secure() { &self.tls12 } else { &self.any };
        let mut ssl = Ssl::new(context).map_err(io::Error::other)?;
        ssl.set_min_proto_version(Some(to_openssl(oldest))).map_err(io::Error::other)?;
        // Below TLS 1.2 a certificate proves nothing, and firmware of that age fails over the
        // request.
        if offered.is_secure() && self.clients != ClientCertificates::Ignored {
            // Any certificate is accepted here. `client_certificate` judges it.
            ssl.set_verify_callback(SslVerifyMode::PEER, |_verified, _chain| true);
        }
        let mut stream = SslStream::new(ssl, io).map_err(io::Error::other)?;
        Pin::new(&mut stream).accept().await.map_err(|error| told(error, oldest))?;
        let version = stream.ssl().version2().and_then(from_openssl);
        let version = version
            .ok_or_else(|| io::Error::other("OpenSSL agreed on a version that we do not know"))?;
        let cipher = stream
            .ssl()
            .current_cipher()
            .map_or("", |cipher| cipher.standard_name().unwrap_or(cipher.name()));
        let chain = if version.is_secure() {
            chain(stream.ssl()).map_err(io::Error::other)?
        } else {
            Vec::new()
        };
        Ok(Encrypted { agreed: Agreed { version, cipher }, chain, stream: Box::new(stream) })
    }
}

fn context(
    certificate: &Path,
    key: &Path,
    ciphers: &str,
    oldest: SslVersion,
) -> Result<SslContext, ErrorStack> {
    let mut builder = SslContextBuilder::new(SslMethod::tls_server())?;
    // The level comes first: it decides what the other settings may be.
    builder.set_security_level(0);
    builder.set_min_proto_version(Some(oldest))?;
    // A client that offers TLS 1.3 never comes here.
    builder.set_max_proto_version(Some(SslVersion::TLS1_2))?;
    builder.set_cipher_list(ciphers)?;
    // ALL has the workarounds for old clients, among them no empty fragments, over which some
    // stumble.
    builder.set_options(
        SslOptions::ALL
            | SslOptions::CIPHER_SERVER_PREFERENCE
            | SslOptions::NO_RENEGOTIATION
            | SslOptions::NO_TICKET,
    );
    // Old devices close without close_notify.
    builder.set_options(SslOptions::IGNORE_UNEXPECTED_EOF);
    builder.clear_options(SslOptions::NO_SSLV3);
    builder.set_session_cache_mode(SslSessionCacheMode::OFF);
    builder.set_certificate_chain_file(certificate)?;
    builder.set_private_key_file(key, SslFiletype::PEM)?;
    builder.check_private_key()?;
    Ok(builder.build())
}

/// Whether OpenSSL can use a certificate and its key, in PEM; which kind of key it is.
///
/// # Errors
/// Which of the two is wrong, and how. The key is never shown.
pub fn check_legacy_pair(certificate: &str, key: &str) -> Result<KeyKind, BadPair> {
    let none = || {
        BadPair::Certificate(
            "holds no certificate in PEM form (\"-----BEGIN CERTIFICATE-----\")".to_owned(),
        )
    };
    let chain = X509::stack_from_pem(certificate.as_bytes()).map_err(|_error| none())?;
    let own = chain.first().ok_or_else(none)?;
    // The callback keeps OpenSSL from asking for a password.
    let key = PKey::private_key_from_pem_callback(key.as_bytes(), |_password| Ok(0));
    let key = key.map_err(|_shows_nothing| {
        BadPair::Key(
            "holds no private key in PEM form (\"-----BEGIN PRIVATE KEY-----\"); one that is \
            locked with a password cannot be used"
                .to_owned(),
        )
    })?;
    let public = own
        .public_key()
        .map_err(|error| BadPair::Certificate(format!("cannot be used: {error}")))?;
    if !key.public_eq(&public) {
        return Err(BadPair::Key(
            "is not the key of the certificate; write the key that belongs to it".to_owned(),
        ));
    }
    Ok(if key.id() == Id::RSA { KeyKind::Rsa } else { KeyKind::Other })
}

/// A certificate that the oldest devices can read: X.509 with RSA and SHA-1.
fn make(hostname: &str) -> Result<certificate::Made, String> {
    let made = || -> Result<certificate::Made, ErrorStack> {
        let key = PKey::from_rsa(Rsa::generate(RSA_BITS)?)?;
        let certificate =
            String::from_utf8_lossy(&self_signed(hostname, &key)?.to_pem()?).into_owned();
        let key = String::from_utf8_lossy(&key.private_key_to_pem_pkcs8()?).into_owned();
        Ok(certificate::Made { certificate, key: key.into() })
    };
    made().map_err(|error| error.to_string())
}

fn self_signed(hostname: &str, key: &PKey<Private>) -> Result<X509, ErrorStack> {
    let mut name = X509NameBuilder::new()?;
    name.append_entry_by_nid(Nid::COMMONNAME, hostname)?;
    let name = name.build();
    let mut serial = BigNum::new()?;
    serial.rand(127, MsbOption::MAYBE_ZERO, false)?;
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    builder.set_serial_number(serial.to_asn1_integer()?.as_ref())?;
    builder.set_subject_name(&name)?;
    builder.set_issuer_name(&name)?;
    // The same dates as in `certificate`, for the same reason.
    builder.set_not_before(Asn1Time::from_str("20000101000000Z")?.as_ref())?;
    builder.set_not_after(Asn1Time::from_str("20491231235959Z")?.as_ref())?;
    builder.set_pubkey(key)?;
    let names =
        SubjectAlternativeName::new().dns(hostname).build(&builder.x509v3_context(None, None))?;
    builder.append_extension(names)?;
    builder.sign(key, MessageDigest::sha1())?;
    Ok(builder.build())
}

/// The client's certificate, followed by those that came with it.
fn chain(ssl: &SslRef) -> Result<Vec<CertificateDer<'static>>, ErrorStack> {
    let own = ssl.peer_certificate().map(|own| own.to_der()).transpose()?;
    let others = ssl.peer_cert_chain().into_iter().flatten().map(X509Ref::to_der);
    own.map(Ok).into_iter().chain(others).map(|der| der.map(CertificateDer::from)).collect()
}

/// OpenSSL has sent the alert. The administrator learns which setting would have helped.
fn told(error: ssl::Error, oldest: TlsVersion) -> HandshakeError {
    let no_cipher = |stack: &ErrorStack| {
        stack.errors().iter().any(|error| error.reason_code() == NO_SHARED_CIPHER)
    };
    if oldest.is_secure() && error.ssl_error().is_some_and(no_cipher) {
        return HandshakeError::Refused(TlsRefusal::OldCiphers);
    }
    HandshakeError::Broken(io::Error::other(error))
}

const fn to_openssl(version: TlsVersion) -> SslVersion {
    match version {
        TlsVersion::Ssl3 => SslVersion::SSL3,
        TlsVersion::Tls10 => SslVersion::TLS1,
        TlsVersion::Tls11 => SslVersion::TLS1_1,
        TlsVersion::Tls12 | TlsVersion::Tls13 => SslVersion::TLS1_2,
    }
}

fn from_openssl(version: SslVersion) -> Option<TlsVersion> {
    [TlsVersion::Ssl3, TlsVersion::Tls10, TlsVersion::Tls11, TlsVersion::Tls12]
        .into_iter()
        .find(|ours| to_openssl(*ours) == version)
}
