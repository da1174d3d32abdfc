//! Valid and invalid certificates, over STARTTLS and implicit TLS.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::{ServerConfig, crypto::ring};
use rustls_pki_types::PrivateKeyDer;
use tempfile::NamedTempFile;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use super::{
    Act, Point, Script, Security, Server, ServerClient, Verification, client, connect, destination,
    letter, outcomes, over, pipe,
};
use crate::{
    attempt::Trouble,
    classify::{Concern, Fault, Outcome, Stage},
    clock,
    metrics::Metrics,
    model::Timestamp,
    upstream::{Finding, Step, finding::show_certificate},
};

/// A certificate authority. Its own certificate is in the file.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    file: NamedTempFile,
}

impl Authority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let file = NamedTempFile::new().unwrap();
        std::fs::write(file.path(), params.self_signed(&key).unwrap().pem()).unwrap();
        Self { issuer: Issuer::new(params, key), file }
    }

    /// A server whose certificate has this name and expires in this year.
    fn server(&self, name: &str, end: i32) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_after = date_time_ymd(end, 1, 1);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }

    fn destination(&self, security: Security) -> Server {
        {
            let mut destination = over(security);
            destination.smtp.ca_file = Some(self.file.path().to_owned());
            destination
        }
    }
}

fn script() -> Script {
    Script::new().offers(&["PIPELINING", "STARTTLS"])
}

/// Tries to send a message.
pub(super) async fn attempt(destination: Server, acceptor: TlsAcceptor) -> Result<(), Trouble> {
    let (ours, theirs) = pipe();
    match destination.smtp.security {
        Security::None | Security::StartTls | Security::Opportunistic => {
            drop(script().tls(acceptor).serve(theirs));
        }
        Security::Implicit => drop(tokio::spawn(async move {
            if let Ok(stream) = acceptor.accept(theirs).await {
                drop(script().serve(stream).await);
            }
        })),
    }
    let mut connection = client(destination).connect_over(ours).await?;
    assert_eq!(outcomes(&connection.send(letter(&["ann@contoso.com"])).await), [Outcome::Deliver]);
    connection.quit().await;
    Ok(())
}

#[tokio::test]
async fn a_good_certificate_lets_mail_through() {
    let authority = Authority::new("Contoso CA");
    for security in [Security::StartTls, Security::Implicit] {
        attempt(authority.destination(security), authority.server("fake.example.com", 2999))
            .await
            .unwrap();
        attempt(authority.destination(security), authority.server("*.example.com", 2999))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_bad_certificate_stops_the_account_and_says_why() {
    let (authority, stranger) = (Authority::new("Contoso CA"), Authority::new("Another CA"));
    for security in [Security::StartTls, Security::Implicit] {
        for (server, words, advice) in [
            (
                authority.server("other.example.org", 2999),
                "\"fake.example.com\" was asked for, it is for other.example.org",
                "host",
            ),
            (
                authority.server("fake.example.com", 2020),
                "has expired: it ended at 2020-01-01T00:00:00.000Z",
                "renew",
            ),
            (stranger.server("fake.example.com", 2999), "issuer that is not trusted", "ca_file"),
        ] {
            let trouble = attempt(authority.destination(security), server).await.unwrap_err();
            assert_eq!(
                (trouble.verdict.place, trouble.verdict.concern, trouble.verdict.outcome),
                (Stage::Tls.place(), Concern::Account, Outcome::Stop)
            );
            assert!(
                matches!(&trouble.fault, Fault::Local(_))
                    && trouble.fault.to_string().contains(words),
                "{words}: {:?}",
                trouble.fault
            );
            assert!(trouble.verdict.advice.contains(advice), "{}", trouble.verdict.advice);
        }
    }
}

#[tokio::test]
async fn a_ca_of_the_same_name_with_another_key_is_told_from_an_unknown_one() {
    let (authority, namesake) = (Authority::new("Contoso CA"), Authority::new("Contoso CA"));
    let trouble = attempt(
        authority.destination(Security::StartTls),
        namesake.server("fake.example.com", 2999),
    )
    .await
    .unwrap_err();
    assert_eq!(
        (trouble.verdict.place, trouble.verdict.outcome),
        (Stage::Tls.place(), Outcome::Stop)
    );
    assert!(
        matches!(&trouble.fault, Fault::Local(_))
            && trouble.fault.to_string().contains("another of the same name"),
        "{:?}",
        trouble.fault
    );
    assert!(
        trouble.verdict.advice.contains("ca_file holds the old CA certificate"),
        "{}",
        trouble.verdict.advice
    );
}

#[test]
fn a_certificate_that_ends_within_three_weeks_is_suspect() {
    let mut params =
        CertificateParams::new(vec!["fake.example.com".to_owned(), "192.0.2.7".to_owned()])
            .unwrap();
    params.not_after = date_time_ymd(2027, 3, 1);
    let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    let seen = |day: &str| {
        let mut findings = Vec::new();
        show_certificate(
            Some(certificate.der()),
            &destination().smtp,
            Timestamp::from_date(day).unwrap(),
            &mut |finding| findings.push(finding),
        );
        findings
    };
    let facts = "the certificate is for fake.example.com, 192.0.2.7, issued by CN=rcgen self \
        signed cert, good until 2027-03-01";
    let facts = Finding::Good(Step::Certificate, facts.to_owned());
    assert_eq!(seen("2027-02-08"), std::slice::from_ref(&facts));
    let [first, Finding::Suspect(Step::Certificate, text)] = &seen("2027-02-09")[..] else {
        panic!("nobody is warned")
    };
    assert_eq!(first, &facts);
    assert!(text.contains("expires in 20 days"), "{text}");
}

#[tokio::test]
async fn verification_off_takes_any_certificate() {
    let (authority, stranger) = (Authority::new("Contoso CA"), Authority::new("Another CA"));
    let mut destination = authority.destination(Security::StartTls);
    destination.smtp.verify = Verification::Off;
    attempt(destination, stranger.server("other.example.org", 2020)).await.unwrap();
}

#[tokio::test]
async fn the_platforms_store_does_not_trust_a_stranger() {
    let destination = over(Security::Implicit);
    let trouble =
        attempt(destination, Authority::new("Contoso CA").server("fake.example.com", 2999))
            .await
            .unwrap_err();
    assert!(
        matches!(&trouble.fault, Fault::Local(_))
            && trouble.fault.to_string().contains("issuer that is not trusted"),
        "{:?}",
        trouble.fault
    );
}

#[tokio::test]
async fn without_starttls_nothing_is_sent() {
    let destination = over(Security::StartTls);
    let (ours, theirs) = pipe();
    let server = Script::new().serve(theirs);
    let trouble = client(destination).connect_over(ours).await.err().unwrap();
    assert_eq!(
        (trouble.verdict.place, trouble.verdict.outcome),
        (Stage::Ehlo.place(), Outcome::Stop)
    );
    assert_eq!(server.await.unwrap(), "EHLO postroom.example.com\r\n");
}

#[tokio::test]
async fn what_is_slipped_in_before_the_handshake_is_not_believed() {
    // CVE-2011-0411 and similar: a reply sent ahead in plaintext must not count as one sent under
    // TLS.
    let authority = Authority::new("Contoso CA");
    let injected = script()
        .tls(authority.server("fake.example.com", 2999))
        .on(Point::StartTls, Act::say("220 go\r\n250-evil\r\n250 AUTH PLAIN"));
    let (ours, theirs) = pipe();
    let _server = injected.serve(theirs);
    let trouble =
        client(authority.destination(Security::StartTls)).connect_over(ours).await.err().unwrap();
    assert_eq!(
        (trouble.verdict.place, trouble.verdict.outcome),
        (Stage::Tls.place(), Outcome::Stop)
    );
}

#[tokio::test]
async fn a_refusal_of_starttls_is_the_accounts_trouble() {
    let refusing = script()
        .tls(Authority::new("Contoso CA").server("fake.example.com", 2999))
        .on(Point::StartTls, Act::say("454 4.7.0 TLS not available"));
    let (ours, theirs) = pipe();
    let _server = refusing.serve(theirs);
    let destination = over(Security::StartTls);
    let trouble = client(destination).connect_over(ours).await.err().unwrap();
    assert_eq!(
        (trouble.verdict.place, trouble.verdict.concern),
        (Stage::Ehlo.place(), Concern::Account)
    );
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_on_a_tls_port_is_named() {
    let destination = over(Security::Implicit);
    let (ours, mut theirs) = pipe();
    let server = tokio::spawn(async move {
        theirs.write_all(b"220 fake.example.com ESMTP\r\n").await.unwrap();
        drop(theirs.read_to_end(&mut Vec::new()).await);
    });
    let trouble = client(destination).connect_over(ours).await.err().unwrap();
    server.await.unwrap();
    assert_eq!(
        (trouble.verdict.place, trouble.verdict.outcome),
        (Stage::Tls.place(), Outcome::Stop)
    );
    assert!(trouble.verdict.advice.contains("587"), "{:?}", trouble);
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_is_never_answered_ends() {
    let destination = over(Security::Implicit);
    let (ours, _theirs) = pipe();
    let trouble = client(destination).connect_over(ours).await.err().unwrap();
    assert_eq!((trouble.verdict.place, trouble.fault), (Stage::Tls.place(), Fault::TimedOut));
}

#[tokio::test]
async fn a_ca_file_without_certificates_is_refused_at_start() {
    let empty = NamedTempFile::new().unwrap();
    for path in [empty.path().to_owned(), "/nonexistent/ca.pem".into()] {
        let mut destination = destination();
        destination.smtp.ca_file = Some(path.clone());
        let error = ServerClient::new(destination, clock::system(), Metrics::new()).err().unwrap();
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
}

#[tokio::test]
async fn plaintext_is_possible_where_the_config_says_so() {
    let (connection, _server) = connect(script()).await;
    assert_eq!(
        outcomes(&connection.unwrap().send(letter(&["ann@contoso.com"])).await),
        [Outcome::Deliver]
    );
}
