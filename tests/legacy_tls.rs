//! Devices of their time: SSL 3.0 to TLS 1.2 with the ciphers of then, from a client that shares no code with us
//! (tlslite-ng), each handing in a whole message; and refused where `oldest_tls` forbids.
#![cfg(feature = "legacy-tls")]
#![expect(clippy::unwrap_used, reason = "a broken helper should stop the test")]

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    process::Command,
    sync::{Arc, OnceLock},
    time::Duration,
};

use postroom::{
    clock::Clock,
    device::{DeviceAuth, DeviceSettings, Devices},
    listener::{Listener, ListenerSettings, ListenerTls, Protocol, Receiving, ReceivingLimits, Reception, Tls, TlsSettings},
    metrics::Metrics,
    model::{ByteSize, TlsVersion},
    smtp::EndOfData,
    spool::{Spool, SpoolSettings},
};
use tempfile::TempDir;
use tokio::{runtime::Runtime, sync::watch};

/// A receiving half that serves one device, as long as this lives.
struct Office {
    starttls: SocketAddr,
    implicit: SocketAddr,
    spool: Spool,
    _stop: watch::Sender<bool>,
    _runtime: Runtime,
    _folder: TempDir,
}

impl Office {
    fn open(oldest_tls: TlsVersion) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let inside = runtime.enter();
        let (clock, metrics) = (Clock::system(), Metrics::new());
        let settings =
            SpoolSettings { data_dir: folder.path().into(), min_free: ByteSize::from_octets(0), journal_keep: Duration::from_secs(86_400) };
        let spool = Spool::open(settings, Arc::new(|_envelope: &_| "scanner".into()), clock.clone(), metrics.clone()).unwrap();
        let receiving = Receiving {
            devices: Devices::new(vec![printers(oldest_tls)], Vec::new(), "postroom.contoso.lan", clock.clone(), metrics.clone()),
            spool: spool.clone(),
            hostname: "postroom.contoso.lan".into(),
            limits: ReceivingLimits {
                connections: 10,
                connections_per_client: 10,
                command_timeout: Duration::from_secs(300),
                data_timeout: Duration::from_secs(600),
            },
            clock,
            metrics,
        };
        let reception = Reception::new(receiving, tls());
        let (stop, stopping) = watch::channel(false);
        let serve = |tls| {
            let listener =
                Listener::bind(&ListenerSettings { address: (Ipv4Addr::LOCALHOST, 0).into(), tls, protocol: Protocol::Smtp }, None)
                    .unwrap();
            let address = listener.address();
            runtime.spawn(listener.run(reception.clone(), stopping.clone()));
            address
        };
        let (starttls, implicit) = (serve(ListenerTls::Starttls), serve(ListenerTls::Implicit));
        drop(inside);
        Self { starttls, implicit, spool, _stop: stop, _runtime: runtime, _folder: folder }
    }

    /// Runs the device once; what it reports.
    fn device(&self, transport: &str, version: &str, cipher: &str, mac: &str) -> String {
        let address = if transport == "implicit" { self.implicit } else { self.starttls };
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/old_device.py");
        let port = address.port().to_string();
        let run = Command::new("python3").args([script, "127.0.0.1", &port, transport, version, cipher, mac]).output().unwrap();
        let said = String::from_utf8_lossy(&run.stdout).trim().to_owned();
        assert!(run.status.success(), "{transport} {version} {cipher}: {said} {}", String::from_utf8_lossy(&run.stderr));
        said
    }
}

/// Made once: the key takes a second.
fn tls() -> Tls {
    static TLS: OnceLock<(TempDir, Tls)> = OnceLock::new();
    let made = TLS.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let hostname = "postroom.contoso.lan".to_owned();
        let settings = TlsSettings { files: None, legacy_files: None, data_dir: folder.path().into(), hostname };
        let tls = Tls::load(&settings).unwrap();
        (folder, tls)
    });
    made.1.clone()
}

fn printers(oldest_tls: TlsVersion) -> DeviceSettings {
    DeviceSettings {
        name: "printers".into(),
        networks: vec!["127.0.0.0/8".parse().unwrap()],
        auth: DeviceAuth::None,
        oldest_tls,
        senders: vec!["*".parse().unwrap()],
        recipients: vec!["*".parse().unwrap()],
        messages_per_minute: None,
        max_message: ByteSize::from_mebibytes(1),
        max_recipients: 100,
        connections: 10,
        mechanisms: Vec::new(),
        hide_extensions: Vec::new(),
        end_of_data: EndOfData::Strict,
        account: None,
        from: None,
    }
}

#[track_caller]
fn check_served(office: &Office, transport: &str, version: &str, cipher: &str, mac: &str, expected: &str) {
    let said = office.device(transport, version, cipher, mac);
    assert!(said.starts_with(expected) && said.contains("250 2.0.0 queued as "), "{transport} {version} {cipher} {mac}: {said}");
}

#[test]
fn the_oldest_devices_hand_in_their_mail_where_they_may() {
    let office = Office::open(TlsVersion::Ssl3);
    check_served(&office, "implicit", "ssl3", "rc4", "md5", "SSL 3.0\trc4");
    check_served(&office, "implicit", "ssl3", "rc4", "sha", "SSL 3.0\trc4");
    check_served(&office, "starttls", "ssl3", "3des", "sha", "SSL 3.0\t3des");
    check_served(&office, "implicit", "ssl3", "aes128", "sha", "SSL 3.0\taes128");
    check_served(&office, "starttls", "tls1.0", "3des", "sha", "TLS 1.0\t3des");
    check_served(&office, "implicit", "tls1.0", "aes256", "sha", "TLS 1.0\taes256");
    check_served(&office, "starttls", "tls1.1", "aes128", "sha", "TLS 1.1\taes128");
    check_served(&office, "starttls", "tls1.2", "rc4", "sha", "TLS 1.2\trc4");
    let entries = office.spool.list(None, 100).unwrap();
    assert_eq!(entries.len(), 8);
    // Each came in whole: header, and a thousand lines of 72 octets, below our own field.
    assert!(entries.iter().all(|entry| entry.size.octets() > 72_017), "{entries:?}");
}

#[test]
fn tls_1_2_with_yesterdays_ciphers_needs_no_permission() {
    let office = Office::open(TlsVersion::Tls12);
    check_served(&office, "starttls", "tls1.2", "aes128", "sha", "TLS 1.2\taes128");
    check_served(&office, "implicit", "tls1.2", "aes128gcm", "aead", "TLS 1.2\taes128gcm");
}

fn check_refused(office: &Office, transport: &str, version: &str, cipher: &str, alert: &str) {
    let said = office.device(transport, version, cipher, "sha");
    assert!(said.starts_with("refused\t") && said.contains(alert), "{transport} {version} {cipher}: {said}");
    assert_eq!(office.spool.count(), 0);
}

#[test]
fn what_is_older_than_the_device_may_use_is_refused_with_an_alert() {
    let office = Office::open(TlsVersion::Tls11);
    check_refused(&office, "implicit", "ssl3", "3des", "handshake_failure");
    check_refused(&office, "starttls", "ssl3", "3des", "handshake_failure");
    check_refused(&office, "implicit", "tls1.0", "aes128", "protocol_version");
    check_refused(&office, "starttls", "tls1.0", "aes128", "protocol_version");
    let office = Office::open(TlsVersion::Tls12);
    check_refused(&office, "starttls", "tls1.1", "aes128", "protocol_version");
    // TLS 1.2, but with a cipher that has no business there.
    check_refused(&office, "implicit", "tls1.2", "rc4", "handshake_failure");
    check_refused(&office, "implicit", "tls1.2", "3des", "handshake_failure");
}

/// The hello of SSL 2.0 that offers something newer (RFC 5246 E.2), with the suites 3DES and AES-128.
fn ssl2_hello(version: [u8; 2]) -> Vec<u8> {
    let mut hello = vec![0x80, 9 + 6 + 16, 1, version[0], version[1], 0, 6, 0, 0, 0, 16, 0, 0, 0x0a, 0, 0, 0x2f];
    hello.extend([0x5a; 16]);
    hello
}

#[test]
fn a_hello_in_the_form_of_ssl_2_is_answered_in_the_version_that_it_offers() {
    let office = Office::open(TlsVersion::Ssl3);
    for version in [[3, 0], [3, 1]] {
        let mut device = TcpStream::connect(office.implicit).unwrap();
        device.write_all(&ssl2_hello(version)).unwrap();
        let mut answer = [0; 11];
        device.read_exact(&mut answer).unwrap();
        // A handshake record with a ServerHello, both of that version.
        assert_eq!((answer[0], &answer[1..3], answer[5], &answer[9..11]), (22, &version[..], 2, &version[..]));
    }
}

#[test]
fn ssl_2_itself_is_refused() {
    let office = Office::open(TlsVersion::Ssl3);
    let mut device = TcpStream::connect(office.implicit).unwrap();
    device.write_all(&ssl2_hello([0, 2])).unwrap();
    let mut answer = Vec::new();
    device.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, [21, 3, 0, 0, 2, 2, 40]);
}
