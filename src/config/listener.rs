//! `[[listener]]`, `[receiving]` and `[tls]`.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    Placed,
    problem::Severity,
    reference::{Key, Shown},
    table::Table,
};
use crate::device::{CertificatePattern, DeviceSettings};
use crate::listener::{ClientCertificates, ListenerSettings, ListenerTls, Protocol, ReceivingLimits, TlsSettings};

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "address",
        shown: Shown::As("\"[::]:25\""),
        about: "Address and port. \"[::]\" is every address of this machine, IPv4 too.",
    },
    Key {
        name: "tls",
        shown: Shown::As("\"auto\""),
        about: "\"none\", \"starttls\" (usual on 25 and 587), \"implicit\" (usual on 465), or \"auto\": whatever the device begins with.",
    },
    Key {
        name: "protocol",
        shown: Shown::As("\"smtp\""),
        about: "\"smtp\", or \"pop3\" (usual on 110 and 995) for old devices that log in by POP before they send.",
    },
];

pub(super) const RECEIVING_KEYS: &[Key] = &[
    Key {
        name: "connections",
        shown: Shown::As("500"),
        about: "Connections at once, all listeners together. More are told 421 and come back.",
    },
    Key { name: "connections_per_client", shown: Shown::As("50"), about: "Connections at once from one address." },
    Key {
        name: "command_timeout",
        shown: Shown::As("\"5m\""),
        about: "Longest silence between commands (RFC 5321: at least five minutes).",
    },
    Key { name: "data_timeout", shown: Shown::As("\"10m\""), about: "Longest silence inside a message: scanners think between pages." },
    Key {
        name: "pop_window",
        shown: Shown::As("\"10m\""),
        about: "How long an address may send after a device has logged in from it by POP (POP before SMTP).",
    },
];

pub(super) const TLS_KEYS: &[Key] = &[
    Key {
        name: "certificate",
        shown: Shown::As("\"/etc/postroom/tls.pem\""),
        about: "The certificate and those between it and the root, PEM. RSA: many devices know nothing else.",
    },
    Key { name: "key", shown: Shown::As("\"/etc/postroom/tls.key\""), about: "Its private key, PEM." },
    Key {
        name: "legacy_certificate",
        shown: Shown::As("\"/etc/postroom/legacy.pem\""),
        about: "The certificate for SSL 3.0 to TLS 1.1, PEM. Absent: RSA signed with SHA-1, made at first start.",
    },
    Key { name: "legacy_key", shown: Shown::As("\"/etc/postroom/legacy.key\""), about: "Its private key, PEM." },
    Key {
        name: "client_ca",
        shown: Shown::Off("\"/etc/postroom/devices-ca.pem\""),
        about: "Who vouches for the certificates of devices, PEM. Needed where [[device]] certificates has names.",
    },
];

/// An office has some dozen devices; a connection costs some 100 KB.
const CONNECTIONS: usize = 500;
const CONNECTIONS_PER_CLIENT: usize = 50;
/// More than this would need a raised limit of open files, twice over.
const MOST_CONNECTIONS: usize = 100_000;
// RFC 5321 4.5.3.2.7: at least five minutes.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(5 * 60);
const DATA_TIMEOUT: Duration = Duration::from_secs(10 * 60);
/// Devices send within a second of the login (Ricoh: 300 ms), save when a scan is many pages.
const POP_WINDOW: Duration = Duration::from_secs(10 * 60);
/// Devices can be set to wait ten seconds between login and mail, and a page takes its time.
const LEAST_POP_WINDOW: Duration = Duration::from_secs(60);

pub(super) fn read(table: &Table<'_>) -> Option<ListenerSettings> {
    let address = table.parse("address", "\"[::]:25\" or \"192.168.10.5:25\"");
    let words = [
        ("none", ListenerTls::None),
        ("starttls", ListenerTls::Starttls),
        ("implicit", ListenerTls::Implicit),
        ("auto", ListenerTls::Auto),
    ];
    let tls = table.choice("tls", &words).unwrap_or(ListenerTls::Auto);
    let protocol = table.choice("protocol", &[("smtp", Protocol::Smtp), ("pop3", Protocol::Pop3)]).unwrap_or(Protocol::Smtp);
    Some(ListenerSettings { address: table.required("address", address, "write for example \"[::]:25\"")?, tls, protocol })
}

pub(super) fn receiving(table: &Table<'_>) -> ReceivingLimits {
    let limits = ReceivingLimits {
        connections: table.number("connections", 1, MOST_CONNECTIONS).unwrap_or(CONNECTIONS),
        connections_per_client: table.number("connections_per_client", 1, MOST_CONNECTIONS).unwrap_or(CONNECTIONS_PER_CLIENT),
        command_timeout: table.duration("command_timeout").unwrap_or(COMMAND_TIMEOUT),
        data_timeout: table.duration("data_timeout").unwrap_or(DATA_TIMEOUT),
        pop_window: table.duration("pop_window").unwrap_or(POP_WINDOW),
    };
    if limits.pop_window < LEAST_POP_WINDOW {
        table.error("pop_window", "is over before a device has scanned; write at least \"1m\"");
    }
    for (name, timeout) in [("command_timeout", limits.command_timeout), ("data_timeout", limits.data_timeout)] {
        if timeout.is_zero() {
            table.error(name, "would end every connection at once; write for example \"5m\"");
        } else if timeout < COMMAND_TIMEOUT {
            table.warning(name, "is shorter than the five minutes of RFC 5321 4.5.3.2; slow scanners will be cut off");
        }
    }
    limits
}

pub(super) fn tls(table: &Table<'_>, data_dir: &Path, hostname: &str, devices: &[Placed<DeviceSettings>]) -> TlsSettings {
    let files = pair(table, "certificate", "key");
    let legacy_files = pair(table, "legacy_certificate", "legacy_key");
    let clients = clients(table, devices);
    TlsSettings { files, legacy_files, clients, data_dir: data_dir.to_owned(), hostname: hostname.to_owned() }
}

/// Only devices that are known by one are asked for a certificate, and a name is worth what vouches for it.
fn clients(table: &Table<'_>, devices: &[Placed<DeviceSettings>]) -> ClientCertificates {
    let ca = table.path("client_ca");
    exists(table, "client_ca", ca.as_deref());
    let named = |device: &&Placed<DeviceSettings>| device.value.certificates.iter().any(|c| matches!(c, CertificatePattern::Name(_)));
    if !table.has("client_ca")
        && let Some(device) = devices.iter().find(named)
    {
        let text =
            "has a name, which anyone can write into a certificate; name who vouches for it in [tls] client_ca, or write its \"sha256:…\"";
        table.reader.note(Severity::Error, &format!("{}.certificates", device.key), text);
    }
    if devices.iter().all(|device| device.value.certificates.is_empty()) {
        if ca.is_some() {
            table.warning("client_ca", "has no effect: no [[device]] has certificates");
        }
        return ClientCertificates::Ignored;
    }
    ClientCertificates::Asked { ca }
}

fn pair(table: &Table<'_>, certificate: &'static str, key: &'static str) -> Option<(PathBuf, PathBuf)> {
    let (certificate_file, key_file) = (table.path(certificate), table.path(key));
    if certificate_file.is_some() && !table.has(key) {
        table.error(key, "is missing; a certificate needs its private key");
    }
    if key_file.is_some() && !table.has(certificate) {
        table.error(certificate, "is missing; a private key needs its certificate");
    }
    for (name, file) in [(certificate, &certificate_file), (key, &key_file)] {
        exists(table, name, file.as_deref());
    }
    certificate_file.zip(key_file)
}

/// What is there but may not be read by whoever checks may yet be read by the daemon.
fn exists(table: &Table<'_>, name: &'static str, file: Option<&Path>) {
    if let Some(file) = file
        && let Err(error) = table.reader.files.read(file)
        && error.kind() == io::ErrorKind::NotFound
    {
        table.error(name, format!("{} is not there; write the path of a file (PEM)", file.display()));
    }
}
