//! Sockets, TLS and timers around the pure session machine.
//!
//! - `tls`: certificates, rustls, and the certificate of the first start
//! - `connection`: one device's connection: reads, feeds the machine, does what it says
//! - [`Listener`]: accepts, within limits

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use crate::{clock::Clock, device::Devices, metrics::Metrics, model::AccountName, spool::Spool};

/// One `[[listener]]`, checked.
#[derive(Clone, Debug)]
pub struct ListenerSettings {
    /// `address`; port 0 takes a free one.
    pub address: SocketAddr,
    /// `tls`.
    pub tls: ListenerTls,
}

/// `tls` of a listener.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
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

/// `[tls]`, checked.
#[derive(Clone, Debug)]
pub struct TlsSettings {
    /// `certificate` and `key`, PEM; none makes a self-signed RSA one in `data_dir/tls` at first start.
    pub files: Option<(PathBuf, PathBuf)>,
    /// `data_dir`.
    pub data_dir: PathBuf,
    /// `hostname`, for the certificate's name.
    pub hostname: String,
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
}

/// One bound socket.
pub struct Listener {}

impl Listener {
    /// Binds the address, or takes the socket that systemd has bound to it already. Inside a tokio runtime.
    ///
    /// # Errors
    /// When the address is taken or not ours.
    pub fn bind(_settings: ListenerSettings, _inherited: Option<std::net::TcpListener>) -> Result<Self, ListenerError> {
        todo!()
    }

    /// Where it listens, with the port that was really taken.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        todo!()
    }

    /// Serves until `stop` turns true; then accepts nothing more, tells each session at its next command boundary,
    /// and returns when the last has ended. The daemon bounds how long it waits for that.
    pub async fn run(self, _receiving: Receiving, _tls: Tls, _stop: tokio::sync::watch::Receiver<bool>) {
        todo!()
    }
}

/// The certificate and the protocol versions of all listeners. Cheap to clone; all clones change with [`Tls::reload`].
#[derive(Clone)]
pub struct Tls {}

impl Tls {
    /// Reads the certificate, or makes the one of the first start.
    ///
    /// # Errors
    /// When the files cannot be read or do not fit each other.
    pub fn load(_settings: &TlsSettings) -> Result<Self, ListenerError> {
        todo!()
    }

    /// Reads the files again, for connections from now on. On an error the old certificate stays.
    ///
    /// # Errors
    /// As [`Tls::load`].
    pub fn reload(&self) -> Result<(), ListenerError> {
        todo!()
    }
}

/// Why devices cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ListenerError {
    /// The socket.
    #[error("listener {address}: {source}")]
    Bind {
        /// Which.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The certificate or its key.
    #[error("{what} {path}: {reason}")]
    Tls {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
}

/// What every connection shares.
#[derive(Clone)]
pub struct Receiving {
    /// Who may do what.
    pub devices: Devices,
    /// Where messages go.
    pub spool: Spool,
    /// The account of devices without their own.
    pub default_account: AccountName,
    /// `hostname`.
    pub hostname: String,
    /// Bounds.
    pub limits: ReceivingLimits,
    /// Time.
    pub clock: Clock,
    /// Counters.
    pub metrics: Metrics,
}
