//! Devices of their time: SSL 3.0 to TLS 1.2 with the ciphers of then, from a client that shares no
//! code with us (tlslite-ng), each handing in a whole message; and refused where `oldest_tls`
//! forbids.
#![cfg(feature = "legacy-tls")]

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::Path,
    process::Command,
    sync::{Arc, OnceLock},
    time::Duration,
};

use postroom::{
    clock::{self},
    device::{DeviceAuth, DeviceEncryption, DeviceSettings, Devices, DirectorySettings},
    listener::{
        ClientCertificates, Listener, ListenerContext, ListenerParts, ListenerSettings,
        ListenerTls, Protocol, ReceivingLimits, ReceivingSettings, Tls, TlsSettings,
    },
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
    auto: SocketAddr,
    devices: Devices,
    spool: Spool,
    _stop: watch::Sender<bool>,
    _runtime: Runtime,
    _folder: TempDir,
}

/// Port, transport, version, cipher and MAC: see `tests/support/old_device.py`.
type Job = (&'static str, &'static str, &'static str, &'static str, &'static str);

impl Office {
    fn open(oldest_tls: TlsVersion) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let inside = runtime.enter();
        let parts = parts(folder.path(), oldest_tls);
        let (devices, spool) = (parts.devices.clone(), parts.spool.clone());
        let context = ListenerContext::new(parts);
        let (stop, stopping) = watch::channel(false);
        let serve = |tls| {
            let listener = Listener::bind(
                &ListenerSettings {
                    address: (Ipv4Addr::LOCALHOST, 0).into(),
                    tls,
                    protocol: Protocol::Smtp,
                },
                None,
            )
            .unwrap();
            let address = listener.address();
            runtime.spawn(listener.run(
                context.clone(),
                watch::Sender::new(false).subscribe(),
                stopping.clone(),
            ));
            address
        };
        let (starttls, implicit, auto) =
            (serve(ListenerTls::Starttls), serve(ListenerTls::Implicit), serve(ListenerTls::Auto));
        drop(inside);
        Self {
            starttls,
            implicit,
            auto,
            devices,
            spool,
            _stop: stop,
            _runtime: runtime,
            _folder: folder,
        }
    }

    /// Runs the devices one after the other, in one process; what each reports.
    fn devices(&self, jobs: &[Job]) -> Vec<String> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/old_device.py");
        let words = jobs.iter().map(|(port, transport, version, cipher, mac)| {
            let address = match *port {
                "implicit" => self.implicit,
                "starttls" => self.starttls,
                _auto => self.auto,
            };
            format!("{},{transport},{version},{cipher},{mac}", address.port())
        });
        let run = Command::new("python3").args([script, "127.0.0.1"]).args(words).output().unwrap();
        let said = String::from_utf8_lossy(&run.stdout).into_owned();
        assert!(run.status.success(), "{jobs:?}: {said} {}", String::from_utf8_lossy(&run.stderr));
        let said: Vec<String> = said.lines().map(str::to_owned).collect();
        assert_eq!(said.len(), jobs.len());
        said
    }
}

fn parts(folder: &Path, oldest_tls: TlsVersion) -> ListenerParts {
    let (clock, metrics) = (clock::system(), Metrics::new());
    let settings = SpoolSettings {
        data_dir: folder.into(),
        min_free: ByteSize::from_octets(0),
        journal_keep: Duration::from_secs(86_400),
    };
    let spool = Spool::open(
        settings,
        Arc::new(|_envelope: &_| "scanner".into()),
        clock.clone(),
        metrics.clone(),
    )
    .unwrap();
    let directory = watch::Sender::new(Arc::new(DirectorySettings {
        devices: vec![printers(oldest_tls)],
        users: Vec::new(),
        hostname: "postroom.contoso.lan".into(),
    }));
    let devices = Devices::new(directory.subscribe(), clock.clone(), metrics.clone());
    let settings = watch::Sender::new(Arc::new(ReceivingSettings {
        hostname: "postroom.contoso.lan".into(),
        limits: ReceivingLimits {
            connections: 10,
            connections_per_client: 10,
            command_timeout: Duration::from_secs(300),
            data_timeout: Duration::from_secs(600),
            pop_window: Duration::from_secs(600),
        },
        tls: tls(),
    }));
    ListenerParts { devices, spool, settings: settings.subscribe(), clock, metrics }
}

fn tls() -> Tls {
    made().1.clone()
}

/// Made once: the key takes a second.
fn made() -> &'static (TempDir, Tls) {
    static TLS: OnceLock<(TempDir, Tls)> = OnceLock::new();
    TLS.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let hostname = "postroom.contoso.lan".to_owned();
        let settings = TlsSettings {
            files: None,
            legacy_files: None,
            clients: ClientCertificates::Ignored,
            data_dir: folder.path().into(),
            hostname,
        };
        let tls = Tls::load(&settings).unwrap();
        (folder, tls)
    })
}

#[test]
fn the_certificate_for_old_devices_is_one_that_they_can_read() {
    let file = made().0.path().join("tls/legacy.pem");
    let shown = Command::new("openssl")
        .args(["x509", "-noout", "-text", "-in"])
        .arg(file)
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&shown.stdout);
    assert!(shown.contains("sha1WithRSAEncryption") && shown.contains("(2048 bit)"), "{shown}");
}

fn printers(oldest_tls: TlsVersion) -> DeviceSettings {
    DeviceSettings {
        name: "printers".into(),
        networks: vec!["127.0.0.0/8".parse().unwrap()],
        certificates: Vec::new(),
        auth: DeviceAuth::None,
        oldest_tls,
        encryption: DeviceEncryption::Optional,
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

fn check_served(office: &Office, jobs: &[Job]) {
    for ((port, transport, version, cipher, mac), said) in jobs.iter().zip(office.devices(jobs)) {
        let number = version.trim_start_matches(|c: char| c.is_ascii_alphabetic());
        let name = if *version == "ssl3" { "SSL 3.0".to_owned() } else { format!("TLS {number}") };
        let good = said.starts_with(&format!("{name}\t{cipher}\t"))
            && said.contains("250 2.0.0 queued as ");
        assert!(good, "{port} {transport} {version} {cipher} {mac}: {said}");
    }
    let entries = office.spool.list(None, 100).unwrap();
    assert_eq!(entries.len(), jobs.len());
    // Each came in whole: header, and the lines of 72 octets, below our own field.
    assert!(entries.iter().all(|entry| entry.size.octets() > 240 * 72 + 17), "{entries:?}");
}

#[test]
fn the_oldest_devices_hand_in_their_mail_where_they_may() {
    check_served(
        &Office::open(TlsVersion::Ssl3),
        &[
            ("implicit", "implicit", "ssl3", "rc4", "md5"),
            ("starttls", "starttls", "ssl3", "rc4", "sha"),
            ("auto", "implicit", "ssl3", "rc4", "sha"),
            ("implicit", "implicit", "ssl3", "3des", "sha"),
            ("starttls", "starttls", "ssl3", "3des", "sha"),
            ("auto", "starttls", "ssl3", "3des", "sha"),
            ("implicit", "implicit", "ssl3", "aes128", "sha"),
            ("starttls", "starttls", "ssl3", "aes256", "sha"),
            ("auto", "implicit", "ssl3", "aes128", "sha"),
        ],
    );
}

#[test]
fn devices_of_tls_1_0_to_1_2_hand_in_their_mail_with_the_ciphers_of_then() {
    check_served(
        &Office::open(TlsVersion::Ssl3),
        &[
            ("implicit", "implicit", "tls1.0", "rc4", "md5"),
            ("starttls", "starttls", "tls1.0", "3des", "sha"),
            ("auto", "implicit", "tls1.0", "aes256", "sha"),
            ("implicit", "implicit", "tls1.1", "3des", "sha"),
            ("starttls", "starttls", "tls1.1", "aes128", "sha"),
            ("auto", "starttls", "tls1.1", "rc4", "sha"),
            ("implicit", "implicit", "tls1.2", "aes128", "sha"),
            ("starttls", "starttls", "tls1.2", "rc4", "sha"),
            ("auto", "implicit", "tls1.2", "3des", "sha"),
        ],
    );
}

#[test]
fn a_hello_in_the_form_of_ssl_2_leads_to_a_whole_message() {
    check_served(
        &Office::open(TlsVersion::Ssl3),
        &[
            ("implicit", "implicit/ssl2", "ssl3", "3des", "sha"),
            ("starttls", "starttls/ssl2", "ssl3", "rc4", "md5"),
            ("auto", "implicit/ssl2", "tls1.0", "aes128", "sha"),
        ],
    );
}

#[test]
fn tls_1_2_with_yesterdays_ciphers_needs_no_permission() {
    check_served(
        &Office::open(TlsVersion::Tls12),
        &[
            ("starttls", "starttls", "tls1.2", "aes128", "sha"),
            ("implicit", "implicit", "tls1.2", "aes128gcm", "aead"),
        ],
    );
}

/// The client sees the alert, and the administrator what would let it in.
fn check_refused(office: &Office, jobs: &[(Job, &str, &str)]) {
    let only: Vec<Job> = jobs.iter().map(|(job, _, _)| *job).collect();
    for ((job, alert, _), said) in jobs.iter().zip(office.devices(&only)) {
        assert!(said.starts_with("refused\t") && said.contains(alert), "{job:?}: {said}");
    }
    assert_eq!(office.spool.count(), 0);
    let reason =
        office.devices.sightings().remove(0).clients.remove(0).failed_handshake.unwrap().reason;
    let setting = jobs.last().unwrap().2;
    assert!(
        reason.contains(&format!("{setting} in [[device]] \"printers\" admits it")),
        "{reason}"
    );
}

#[test]
fn what_is_older_than_the_device_may_use_is_refused_with_an_alert() {
    let ssl3 = "oldest_tls = \"ssl3\"";
    check_refused(
        &Office::open(TlsVersion::Tls11),
        &[
            (("implicit", "implicit", "tls1.0", "aes128", "sha"), "protocol_version", ""),
            (("starttls", "starttls", "tls1.0", "aes128", "sha"), "protocol_version", ""),
            (("auto", "implicit", "tls1.0", "rc4", "sha"), "protocol_version", ""),
            (("implicit", "implicit/ssl2", "tls1.0", "aes128", "sha"), "protocol_version", ""),
            (("implicit", "implicit/ssl2", "ssl3", "3des", "sha"), "handshake_failure", ""),
            (("implicit", "implicit", "ssl3", "3des", "sha"), "handshake_failure", ""),
            (("starttls", "starttls", "ssl3", "rc4", "md5"), "handshake_failure", ssl3),
        ],
    );
    // TLS 1.2, but with a cipher that has no business there.
    check_refused(
        &Office::open(TlsVersion::Tls12),
        &[
            (("starttls", "starttls", "tls1.1", "aes128", "sha"), "protocol_version", ""),
            (("implicit", "implicit", "tls1.2", "3des", "sha"), "handshake_failure", ""),
            (
                ("implicit", "implicit", "tls1.2", "rc4", "sha"),
                "handshake_failure",
                "oldest_tls = \"tls1.1\"",
            ),
        ],
    );
}

/// The hello of SSL 2.0 (RFC 5246 E.2), with the suites 3DES and AES-128.
fn ssl2_hello(version: [u8; 2]) -> Vec<u8> {
    let mut hello = vec![
        0x80,
        9 + 6 + 16,
        1,
        version[0],
        version[1],
        0,
        6,
        0,
        0,
        0,
        16,
        0,
        0,
        0x0a,
        0,
        0,
        0x2f,
    ];
    hello.extend([0x5a; 16]);
    hello
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
