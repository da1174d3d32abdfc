//! What the config says of listeners, checked.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// One `[[listener]]`, checked.
#[derive(Clone, Copy, Debug)]
pub struct ListenerSettings {
    /// `address`; port 0 takes a free one.
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
    /// Takes mail.
    Smtp,
    /// Takes logins of devices that know POP before SMTP and no AUTH.
    Pop3,
}

/// `tls` of a listener.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListenerTls {
    /// Plaintext only.
    None,
    /// Plaintext, STARTTLS offered.
    Starttls,
    /// TLS from the first byte.
    Implicit,
    /// Whatever the device begins with.
    Auto,
}

impl Protocol {
    /// As the config has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Pop3 => "pop3",
        }
    }
}

impl ListenerTls {
    /// As the config has it.
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
#[derive(Clone, Debug)]
pub struct TlsSettings {
    /// `certificate` and `key`, PEM; none makes a self-signed RSA one in `data_dir/tls` at first
    /// start.
    pub files: Option<(PathBuf, PathBuf)>,
    /// `legacy_certificate` and `legacy_key`, PEM, for TLS below 1.2; none makes one that is signed
    /// with SHA-1.
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
    /// No: no device is known by one, and some stumble over the question.
    Ignored,
    /// Yes, and none is required.
    Asked {
        /// `client_ca`, PEM: who vouches for their names.
        ca: Option<PathBuf>,
    },
}

/// Which kind of key a certificate is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyKind {
    /// What all devices know.
    Rsa,
    /// What only newer ones know.
    Other,
}

/// What is wrong with a certificate and its key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BadPair {
    /// With the certificate.
    Certificate(String),
    /// With the key.
    Key(String),
}

/// Bounds on what clients can make us hold, each with its reason in `docs/limits.md`.
#[derive(Clone, Copy, Debug)]
pub struct ReceivingLimits {
    /// Connections at once, all listeners together.
    pub connections: usize,
    /// Connections at once from one address.
    pub connections_per_client: usize,
    /// Silence between commands (RFC 5321 4.5.3.2.7: at least five minutes).
    pub command_timeout: Duration,
    /// Silence inside the text: scanners think between pages.
    pub data_timeout: Duration,
    /// How long an address may send after a login by POP.
    pub pop_window: Duration,
}
