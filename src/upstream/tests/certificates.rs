//! Certificates that `ca_file` and `fingerprint` accept as they are: those that an office's own
//! server has issued to itself.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, SigningKey, date_time_ymd,
};
use rustls::{ServerConfig, SupportedProtocolVersion, crypto::ring, version};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use tokio_rustls::TlsAcceptor;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{Security, Server as Destination, Verification, destination, tls::attempt};
use crate::{classify::Outcome, model::Fingerprint};

/// A server's certificate and its key.
struct Server {
    der: CertificateDer<'static>,
    key: KeyPair,
}

/// As `openssl req -x509 -subj /CN=NAME` makes it, with these alternative names.
fn by_itself(alternatives: &[&str], end: i32) -> Server {
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = alternatives.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, "fake.example.com");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.not_after = date_time_ymd(end, 1, 1);
    Server { der: params.self_signed(&key).unwrap().der().clone(), key }
}

/// The same certificate in the form of X.509 v1 (RFC 5280 4.1.2.1): without a version and without
/// extensions.
fn in_old_form(server: Server) -> Server {
    let tagged = |tag: u8, parts: &[&[u8]]| {
        let content = parts.concat();
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        let header: &[u8] = match length {
            [0, short @ ..=0x7f] => &[tag, short],
            [0, middle] => &[tag, 0x81, middle],
            [high, low] => &[tag, 0x82, high, low],
        };
        [header, &content].concat()
    };
    let (_, parsed) = X509Certificate::from_der(&server.der).unwrap();
    let body: &[u8] = parsed.tbs_certificate.as_ref();
    // The header of the outer sequence has four octets, the version five; the extensions stand
    // behind the key.
    let key = parsed.public_key().raw;
    let place = body.windows(key.len()).position(|window| window == key).unwrap();
    let body = tagged(0x30, &[&body[4 + 5..place + key.len()]]);
    let ecdsa_with_sha256 = [0x30, 0x0a, 0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
    let signature = tagged(3, &[&[0], &server.key.sign(&body).unwrap()]);
    let der = tagged(0x30, &[&body, &ecdsa_with_sha256, &signature]);
    Server { der: der.into(), key: server.key }
}

impl Server {
    fn file(&self) -> NamedTempFile {
        let file = NamedTempFile::new().unwrap();
        std::fs::write(file.path(), pem(&self.der)).unwrap();
        file
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint(Sha256::digest(&self.der).into())
    }

    async fn attempt(&self, destination: Destination) -> Result<(), String> {
        self.attempt_over(destination, &version::TLS13).await
    }

    async fn attempt_over(
        &self,
        destination: Destination,
        version: &'static SupportedProtocolVersion,
    ) -> Result<(), String> {
        let provider = ring::default_provider();
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).unwrap();
        let signing = provider.key_provider.load_private_key(key).unwrap();
        // rustls does not compare the key with a certificate in an old form.
        let shown = rustls::sign::CertifiedKey::new(vec![self.der.clone()], signing);
        let config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(shown)));
        attempt(destination, TlsAcceptor::from(Arc::new(config))).await.map_err(|trouble| {
            assert_eq!(trouble.verdict.outcome, Outcome::Stop, "{trouble:?}");
            format!("{} {}", trouble.fault, trouble.verdict.advice)
        })
    }
}

fn pem(der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}

fn naming(file: &NamedTempFile) -> Destination {
    let mut destination = destination();
    destination.smtp.security = Security::Implicit;
    destination.smtp.ca_file = Some(file.path().to_owned());
    destination
}

fn pinning(fingerprint: Fingerprint) -> Destination {
    let mut destination = destination();
    destination.smtp.security = Security::Implicit;
    destination.smtp.verify = Verification::Pinned(fingerprint);
    destination
}

#[track_caller]
fn says(result: Result<(), String>, words: &[&str]) {
    let Err(said) = result else { panic!("accepted, where {words:?} was expected") };
    for words in words {
        assert!(said.contains(words), "{said}\nlacks: {words}");
    }
}

#[tokio::test]
async fn a_certificate_in_ca_file_is_trusted_as_itself_and_its_alternative_names_count() {
    for names in [&["fake.example.com"][..], &["*.example.com"], &[]] {
        let server = by_itself(names, 2999);
        let accepted = server.attempt(naming(&server.file())).await;
        assert_eq!(accepted, Ok(()), "{names:?}");
    }
    let other = by_itself(&["other.example.com"], 2999);
    says(other.attempt(naming(&other.file())).await, &["another name", "other.example.com"]);
    let ended = by_itself(&["fake.example.com"], 2020);
    says(ended.attempt(naming(&ended.file())).await, &["expired"]);
    let stranger = by_itself(&["fake.example.com"], 2999);
    let said = stranger.attempt(naming(&other.file())).await;
    says(said, &["certificate of an authority", "ca_file", "fingerprint"]);
}

#[tokio::test]
async fn a_certificate_in_an_old_form_is_trusted_when_it_is_named() {
    let server = in_old_form(by_itself(&[], 2999));
    for version in [&version::TLS12, &version::TLS13] {
        assert_eq!(server.attempt_over(naming(&server.file()), version).await, Ok(()));
        assert_eq!(server.attempt_over(pinning(server.fingerprint()), version).await, Ok(()));
        let other = by_itself(&["fake.example.com"], 2999);
        let said = server.attempt_over(naming(&other.file()), version).await;
        says(said, &["X.509 v1", "fingerprint"]);
        // A thief of the certificate does not have its key.
        let thief = Server { der: server.der.clone(), key: KeyPair::generate().unwrap() };
        assert!(thief.attempt_over(naming(&server.file()), version).await.is_err());
    }
}

#[tokio::test]
async fn a_pinned_certificate_is_accepted_whatever_it_says_and_no_other_is() {
    let server = by_itself(&["other.example.com"], 2020);
    assert_eq!(server.attempt(pinning(server.fingerprint())).await, Ok(()));
    let renewed = by_itself(&["other.example.com"], 2020);
    let said = renewed.attempt(pinning(server.fingerprint())).await;
    says(said, &["not the one that fingerprint names", &renewed.fingerprint().to_string()]);
}
