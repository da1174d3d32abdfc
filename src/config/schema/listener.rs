//! `[[listener]]`, `[receiving]` and `[tls]`: the addresses that devices connect to, and their TLS.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use super::{
    key::{Key, keys},
    setting::Word,
};
use crate::listener::{ListenerTls, Protocol};

keys! {
    /// An address that devices connect to. May occur several times.
    LISTENER = "[[listener]]", tables [];

    /// Address and port. "[::]" means every address of this machine, including IPv4.
    ADDRESS: Key<Option<SocketAddr>> = Key::new("address")
        .required("write for example \"[::]:25\"")
        .example("[::]:25");
    /// "none", "starttls" (usual on 25 and 587), "implicit" (usual on 465), or "auto": whichever
    /// the device begins with.
    LISTENER_TLS: Key<ListenerTls> = Key::new("tls").default(|| ListenerTls::Auto);
    /// "smtp", or "pop3" (usual on 110 and 995) for old devices that log in with POP before they
    /// send.
    PROTOCOL: Key<Protocol> = Key::new("protocol").default(|| Protocol::Smtp);
}

/// The maximum: more connections would need a higher limit of open files.
const MOST_CONNECTIONS: u64 = 100_000;
const MINUTE: Duration = Duration::from_secs(60);

keys! {
    /// Limits on the resources that all clients together can use. Optional.
    RECEIVING = "[receiving]", tables [];

    /// Simultaneous connections to all listeners together. Further ones get a temporary refusal
    /// (421).
    // An office has a few dozen devices; a connection costs about 100 KB.
    CONNECTIONS: Key<usize> = Key::new("connections").within(1, MOST_CONNECTIONS).default(|| 500);
    /// Simultaneous connections from one address.
    CONNECTIONS_PER_CLIENT: Key<usize> = Key::new("connections_per_client")
        .within(1, MOST_CONNECTIONS)
        .default(|| 50);
    /// The longest silence between commands (RFC 5321: at least five minutes).
    COMMAND_TIMEOUT: Key<Duration> = Key::new("command_timeout").default(|| 5 * MINUTE);
    /// The longest silence inside a message: scanners pause between pages.
    DATA_TIMEOUT: Key<Duration> = Key::new("data_timeout").default(|| 10 * MINUTE);
    /// How long an address may send after a device has logged in from it with POP (POP before
    /// SMTP).
    // Devices send within a second of the login (Ricoh: 300 ms), except when a scan has many pages.
    POP_WINDOW: Key<Duration> = Key::new("pop_window").default(|| 10 * MINUTE);
}

keys! {
    /// The certificate shown to devices. When absent, a self-signed RSA certificate is made in
    /// data_dir/tls at the first start.
    TLS = "[tls]", tables [];

    /// The certificate and the intermediate certificates (PEM). Use RSA: many devices support
    /// nothing else.
    CERTIFICATE: Key<Option<PathBuf>> = Key::new("certificate").example("/etc/postroom/tls.pem");
    /// Its private key (PEM).
    KEY: Key<Option<PathBuf>> = Key::new("key").example("/etc/postroom/tls.key");
    /// The certificate for SSL 3.0 to TLS 1.1 (PEM). When absent, one with RSA, signed with SHA-1,
    /// is made at the first start.
    LEGACY_CERTIFICATE: Key<Option<PathBuf>> = Key::new("legacy_certificate")
        .example("/etc/postroom/legacy.pem");
    /// Its private key (PEM).
    LEGACY_KEY: Key<Option<PathBuf>> = Key::new("legacy_key").example("/etc/postroom/legacy.key");
    /// The authorities that issue the certificates of devices (PEM). Required where certificates of
    /// a [[device]] has names.
    CLIENT_CA: Key<Option<PathBuf>> = Key::new("client_ca").off("/etc/postroom/devices-ca.pem");
}

impl Word for ListenerTls {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("none", Self::None),
        ("starttls", Self::Starttls),
        ("implicit", Self::Implicit),
        ("auto", Self::Auto),
    ];
}

impl Word for Protocol {
    const WORDS: &'static [(&'static str, Self)] = &[("smtp", Self::Smtp), ("pop3", Self::Pop3)];
}
