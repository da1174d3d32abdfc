//! The listener from a client's side, with the real session machine and a real spool in a temporary
//! folder.

mod limits;
mod sessions;
mod sockets;
mod tls;

use std::{
    net::IpAddr,
    path::Path,
    sync::{Arc, OnceLock},
    time::Duration,
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    sync::watch,
    task::JoinSet,
};

use crate::{
    clock::Clock,
    device::{
        DeviceAuth, DeviceEncryption, DeviceSettings, Devices, DirectorySettings, PasswordSource,
        UserSettings,
    },
    listener::{
        ClientCertificates, ListenerContext, ListenerParts, ListenerTls, ReceivingLimits,
        ReceivingSettings, Tls, TlsSettings, connection::Connection,
    },
    metrics::Metrics,
    model::{ByteSize, Secret, Timestamp, TlsVersion},
    smtp::{EndOfData, Mechanism},
    spool::{Spool, SpoolSettings},
};

pub(super) const PRINTER: &str = "192.168.10.9";
pub(super) const STRANGER: &str = "172.16.0.1";

pub(super) fn printers() -> DeviceSettings {
    DeviceSettings {
        name: "printers".into(),
        networks: vec!["192.168.10.0/24".parse().unwrap(), "127.0.0.0/8".parse().unwrap()],
        certificates: Vec::new(),
        auth: DeviceAuth::Optional,
        oldest_tls: TlsVersion::Tls12,
        encryption: DeviceEncryption::Optional,
        senders: vec!["*@contoso.com".parse().unwrap()],
        recipients: vec!["*".parse().unwrap()],
        messages_per_minute: None,
        max_message: ByteSize::from_mebibytes(1),
        max_recipients: 100,
        connections: 10,
        mechanisms: vec![Mechanism::Plain, Mechanism::Login],
        hide_extensions: Vec::new(),
        end_of_data: EndOfData::Strict,
        account: None,
        from: None,
    }
}

pub(super) fn user() -> UserSettings {
    let password =
        PasswordSource::Clear { file: "mfp1.pass".into(), secret: Secret::new("geheim".into()) };
    UserSettings { name: "mfp1".into(), password, device: "printers".into() }
}

pub(super) const LIMITS: ReceivingLimits = ReceivingLimits {
    connections: 16,
    connections_per_client: 4,
    command_timeout: Duration::from_secs(300),
    data_timeout: Duration::from_secs(600),
    pop_window: Duration::from_secs(600),
};

/// Made once for all tests: it takes a second.
pub(super) fn tls_folder() -> &'static Path {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    FOLDER.get_or_init(|| tempfile::tempdir().unwrap()).path()
}

pub(super) fn tls() -> Tls {
    static TLS: OnceLock<Tls> = OnceLock::new();
    let settings = || TlsSettings {
        files: None,
        legacy_files: None,
        clients: ClientCertificates::Ignored,
        data_dir: tls_folder().into(),
        hostname: "postroom.contoso.lan".into(),
    };
    TLS.get_or_init(|| Tls::load(&settings()).unwrap()).clone()
}

/// A whole receiving half.
pub(super) struct Office {
    pub(super) context: ListenerContext,
    pub(super) spool: Spool,
    pub(super) metrics: Metrics,
    pub(super) devices: Devices,
    pub(super) stop: watch::Sender<bool>,
    pub(super) connections: JoinSet<()>,
    pub(super) folder: TempDir,
}

impl Office {
    pub(super) fn open() -> Self {
        Self::with(printers(), LIMITS)
    }

    pub(super) fn with(device: DeviceSettings, limits: ReceivingLimits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (clock, metrics) =
            (Clock::fixed(Timestamp::from_millis(1_800_000_000_000)), Metrics::new());
        let settings = SpoolSettings {
            data_dir: folder.path().into(),
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
            devices: vec![device],
            users: vec![user()],
            hostname: "postroom.contoso.lan".into(),
        }));
        let devices = Devices::new(directory.subscribe(), clock.clone(), metrics.clone());
        let settings = watch::Sender::new(Arc::new(ReceivingSettings {
            hostname: "postroom.contoso.lan".into(),
            limits,
            tls: tls(),
        }));
        let parts = ListenerParts {
            devices: devices.clone(),
            spool: spool.clone(),
            settings: settings.subscribe(),
            clock,
            metrics: metrics.clone(),
        };
        let context = ListenerContext::new(parts);
        let (stop, _) = watch::channel(false);
        Self { context, spool, metrics, devices, stop, connections: JoinSet::new(), folder }
    }

    /// A client that has connected, and is served.
    pub(super) fn call(&mut self, peer: &str, mode: ListenerTls) -> Caller {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let peer: IpAddr = peer.parse().unwrap();
        let client = self.devices.identify(peer);
        let (context, stop) = (self.context.for_connection(), self.stop.subscribe());
        let slot = context.take_slot(&client).unwrap();
        self.connections.spawn(async move {
            if let Some(connection) =
                Connection::open(context, client, slot, mode, theirs, stop).await
            {
                connection.serve().await;
            }
        });
        Caller(ours)
    }

    /// The text of the only message in the spool.
    pub(super) async fn only_message(&self) -> String {
        let entries = self.spool.list(None, 10).unwrap();
        assert_eq!(entries.len(), 1);
        let mut reader = self.spool.body(entries[0].id).await.unwrap();
        let (mut text, mut chunk) = (Vec::new(), Vec::new());
        loop {
            reader.read(&mut chunk).await.unwrap();
            if chunk.is_empty() {
                return String::from_utf8(text).unwrap();
            }
            text.extend_from_slice(&chunk);
        }
    }
}

/// The client's end.
pub(super) struct Caller(pub(super) DuplexStream);

impl Caller {
    pub(super) async fn say(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// The next reply, all its lines, without the last line end.
    pub(super) async fn hear(&mut self) -> String {
        reply(&mut self.0).await
    }

    /// Says a line and returns the reply.
    pub(super) async fn ask(&mut self, line: &str) -> String {
        self.say(&format!("{line}\r\n")).await;
        self.hear().await
    }

    /// Everything up to the end of the connection.
    pub(super) async fn hear_out(mut self) -> String {
        let mut rest = String::new();
        self.0.read_to_string(&mut rest).await.unwrap();
        rest
    }
}

/// Reads one reply octet by octet, so that nothing of the next is taken.
pub(super) async fn reply(from: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut text = String::new();
    loop {
        let start = text.len();
        while !text.ends_with("\r\n") || text.len() == start {
            match from.read_u8().await {
                Ok(octet) => text.push(octet.into()),
                Err(_end) => return format!("{text}(closed)"),
            }
        }
        if text.as_bytes().get(start + 3) != Some(&b'-') {
            return text.trim_end().to_owned();
        }
    }
}

pub(super) const MESSAGE: &str =
    "From: scan@contoso.com\r\nSubject: scan\r\n\r\n..one page\r\n.\r\n";
