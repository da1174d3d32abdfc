//! TLS with rustls on the other side. The old protocols are tested with a client of their own:
//! `tests/peers/legacy_tls.rs`.

use std::{sync::Arc, time::Duration};

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    device::{DeviceEncryption, DeviceSettings, advice},
    listener::{
        ListenerTls,
        tests::{LIMITS, MESSAGE, Office, PRINTER, printers, reply, tls, tls_folder},
    },
    smtp::Quirk,
};

fn connector(versions: &[&'static rustls::SupportedProtocolVersion]) -> TlsConnector {
    tls();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(tls_folder().join("tls/server.pem")).unwrap()).unwrap();
    let config =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

/// The certificate is checked: it is its own root, and bears the host's name.
async fn encrypt<IO: AsyncRead + AsyncWrite + Unpin>(
    versions: &[&'static rustls::SupportedProtocolVersion],
    io: IO,
) -> TlsStream<IO> {
    let name = ServerName::try_from("postroom.contoso.lan").unwrap();
    connector(versions).connect(name, io).await.unwrap()
}

async fn hand_in(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> String {
    let dialogue = format!(
        "EHLO mfp1\r\nMAIL FROM:<scan@contoso.com>\r\nRCPT \
        TO:<anna@contoso.com>\r\nDATA\r\n{MESSAGE}QUIT\r\n"
    );
    stream.write_all(dialogue.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    let mut replies = String::new();
    stream.read_to_string(&mut replies).await.unwrap();
    replies
}

#[tokio::test(start_paused = true)]
async fn a_message_comes_in_over_tls_from_the_first_byte() {
    for (versions, name) in
        [([&rustls::version::TLS12], "tls1.2"), ([&rustls::version::TLS13], "tls1.3")]
    {
        let mut office = Office::open();
        let caller = office.call(PRINTER, ListenerTls::Implicit);
        let replies = hand_in(encrypt(&versions, caller.0).await).await;
        assert!(
            replies.starts_with("220 ") && replies.contains("\r\n250 2.0.0 queued as "),
            "{replies}"
        );
        assert!(!replies.contains("STARTTLS"), "{replies}");
        assert!(office.only_message().await.contains(name));
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_comes_in_after_starttls() {
    let mut office = Office::open();
    let mut caller = office.call(PRINTER, ListenerTls::Starttls);
    caller.hear().await;
    assert!(caller.ask("EHLO mfp1").await.contains("STARTTLS"));
    assert!(caller.ask("STARTTLS").await.starts_with("220 "));
    let replies = hand_in(encrypt(&[&rustls::version::TLS13], caller.0).await).await;
    assert!(
        replies.contains("\r\n250 2.0.0 queued as ") && !replies.contains("STARTTLS"),
        "{replies}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_before_the_handshake_is_not_taken_for_encrypted() {
    let mut office = Office::open();
    let mut caller = office.call(PRINTER, ListenerTls::Starttls);
    caller.hear().await;
    caller.ask("EHLO mfp1").await;
    assert!(caller.ask("STARTTLS\r\nMAIL FROM:<evil@contoso.com>").await.starts_with("220 "));
    let mut stream = encrypt(&[&rustls::version::TLS12], caller.0).await;
    stream.write_all(b"EHLO mfp1\r\nRCPT TO:<anna@contoso.com>\r\n").await.unwrap();
    assert!(reply(&mut stream).await.starts_with("250-"));
    assert!(reply(&mut stream).await.starts_with("503 "));
}

#[tokio::test(start_paused = true)]
async fn an_automatic_port_serves_both_and_waits_only_once() {
    let mut office = Office::open();
    for expected in [Duration::from_millis(300), Duration::ZERO] {
        let start = tokio::time::Instant::now();
        let mut caller = office.call(PRINTER, ListenerTls::Auto);
        assert!(caller.hear().await.starts_with("220 "));
        assert_eq!(start.elapsed().as_millis(), expected.as_millis());
    }
    let caller = office.call("192.168.10.77", ListenerTls::Auto);
    let replies = hand_in(encrypt(&[&rustls::version::TLS12], caller.0).await).await;
    assert!(replies.contains("\r\n250 2.0.0 queued as "), "{replies}");
}

#[tokio::test(start_paused = true)]
async fn a_device_that_is_set_to_something_else_on_an_automatic_port_fails_once_at_most() {
    let mut office = Office::open();
    let mut caller = office.call(PRINTER, ListenerTls::Auto);
    assert!(caller.hear().await.starts_with("220 "));
    drop(caller);
    // Now it is set to TLS: known to be plain, it gets the banner at once, while its hello is on
    // the way.
    let mut caller = office.call(PRINTER, ListenerTls::Auto);
    assert!(caller.hear().await.starts_with("220 "));
    caller.0.write_all(&[22, 3, 1, 0, 80, 1]).await.unwrap();
    assert_eq!(caller.hear_out().await, "");
    for _ in 0..2 {
        let caller = office.call(PRINTER, ListenerTls::Auto);
        let replies = hand_in(encrypt(&[&rustls::version::TLS12], caller.0).await).await;
        assert!(replies.contains("\r\n250 2.0.0 queued as "), "{replies}");
    }
    // And back: it waits for its banner, and gets it.
    for _ in 0..2 {
        assert!(
            hand_in(office.call(PRINTER, ListenerTls::Auto).0)
                .await
                .contains("\r\n250 2.0.0 queued as ")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn tls_from_the_first_byte_on_a_starttls_port_is_served_and_noted() {
    let mut office = Office::open();
    let caller = office.call(PRINTER, ListenerTls::Starttls);
    let replies = hand_in(encrypt(&[&rustls::version::TLS12], caller.0).await).await;
    assert!(replies.contains("\r\n250 2.0.0 queued as "), "{replies}");
    assert!(office.devices.sightings()[0].clients[0].quirks.contains_key(&Quirk::EarlyTls));
}

#[tokio::test(start_paused = true)]
async fn tls_where_there_is_none_is_told_to_the_administrator_with_what_to_do() {
    let mut office = Office::open();
    let mut caller = office.call(PRINTER, ListenerTls::None);
    caller.hear().await;
    caller.0.write_all(&[22, 3, 1, 0, 80, 1]).await.unwrap();
    assert_eq!(caller.hear_out().await, "");
    let seen = office.devices.sightings().remove(0).clients.remove(0);
    assert!(!seen.quirks.contains_key(&Quirk::EarlyTls));
    let trouble = seen.last_trouble.and_then(|dialogue| dialogue.trouble).unwrap();
    let what = advice::on_trouble(&trouble, Some(&printers())).unwrap();
    assert!(
        trouble.contains("no TLS on this port") && what.contains("tls = \"auto\""),
        "{trouble}: {what}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_device_that_must_encrypt_gets_nothing_done_in_clear_and_everything_after_starttls() {
    let mut office = Office::with(
        DeviceSettings { encryption: DeviceEncryption::Required, ..printers() },
        LIMITS,
    );
    let mut caller = office.call(PRINTER, ListenerTls::Starttls);
    caller.hear().await;
    let offered = caller.ask("EHLO mfp1").await;
    assert!(offered.contains("STARTTLS") && !offered.contains("AUTH"), "{offered}");
    assert!(caller.ask("AUTH PLAIN AG1mcDEAeA==").await.starts_with("530 5.7.0 Log in over TLS"));
    let refusal =
        "530 5.7.0 use TLS 1.2 or newer: device \"printers\" has encryption = \"required\"";
    assert_eq!(caller.ask("MAIL FROM:<scan@contoso.com>").await, refusal);
    assert!(caller.ask("STARTTLS").await.starts_with("220 "));
    let mut stream = encrypt(&[&rustls::version::TLS12], caller.0).await;
    stream.write_all(b"EHLO mfp1\r\n").await.unwrap();
    assert!(reply(&mut stream).await.contains("AUTH PLAIN LOGIN"));
    let replies = hand_in(stream).await;
    assert!(replies.contains("\r\n250 2.0.0 queued as "), "{replies}");
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_never_comes_ends_the_connection() {
    let mut office = Office::open();
    let caller = office.call(PRINTER, ListenerTls::Implicit);
    let start = tokio::time::Instant::now();
    assert_eq!(caller.hear_out().await, "");
    assert_eq!(start.elapsed().as_secs(), 60);
    assert_eq!(office.metrics.receiving().handshakes_failed.get(), 1);
}
