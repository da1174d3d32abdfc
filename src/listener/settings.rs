//! The checked settings of listeners.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// One `[[listener]]`, checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListenerSettings {
    /// `address`. Port 0 takes a free port.
    pub address: SocketAddr,
    /// `tls`.
    pub tls: ListenerTls,
    /// `protocol`.
    pub protocol: Protocol,
}

/// `protocol` of a listener.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// SMTP: accepts mail.
    Smtp,
    /// POP3: accepts logins of devices that support POP before SMTP but not AUTH.
    Pop3,
}

/// `tls` of a listener.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListenerTls {
    /// Plaintext, without STARTTLS.
    None,
    /// Plaintext, with STARTTLS.
    Starttls,
    /// TLS from the first byte.
    Implicit,
    /// TLS or plaintext, as the device begins.
    Auto,
}

impl Protocol {
    /// The value in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Pop3 => "pop3",
        }
    }
}

impl ListenerTls {
    /// The value in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Starttls => "starttls",
            Self::Implicit => "implicit",
            Self::Auto => "auto",
        }
    }
}

/// `[tls]`, checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsSettings {
    /// `certificate` and `key`, PEM. If none, a self-signed RSA certificate is made in
    /// `data_dir/tls` at the first start.
    pub files: Option<(PathBuf, PathBuf)>,
    /// `legacy_certificate` and `legacy_key`, PEM, for TLS below 1.2. If none, a certificate signed
    /// with SHA-1 is made.
    pub legacy_files: Option<(PathBuf, PathBuf)>,
    /// `client_ca`, and whether any device has `certificates`.
    pub clients: ClientCertificates,
    /// `data_dir`.
    pub data_dir: PathBuf,
    /// `hostname`, for the certificate's name.
    pub hostname: String,
}

/// Whether clients are asked for a certificate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClientCertificates {
    /// They are not: no device is known by a certificate, and some devices fail over the request.
    Ignored,
    /// They are asked, and need not show one.
    Asked {
        /// `client_ca`, PEM: the authorities that issue the certificates of devices.
        ca: Option<PathBuf>,
    },
}

/// The kind of key that a certificate is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyKind {
    /// RSA, which all devices support.
    Rsa,
    /// Any other kind, which only newer devices support.
    Other,
}

/// What is wrong with a certificate and its key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BadPair {
    /// The certificate is wrong.
    Certificate(String),
    /// The key is wrong.
    Key(String),
}

/// Bounds on what clients can make us hold. `docs/limits.md` has the reason of each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReceivingLimits {
    /// The maximum number of connections at once, of all listeners together.
    pub connections: usize,
    /// The maximum number of connections at once from one address.
    pub connections_per_client: usize,
    /// The longest silence between commands (RFC 5321 4.5.3.2.7: at least five minutes).
    pub command_timeout: Duration,
    /// The longest silence inside a text: scanners pause between pages.
    pub data_timeout: Duration,
    /// How long an address may send after a login by POP.
    pub pop_window: Duration,
}
