//! The state of the daemon, for the command, the API and `/readyz`.

use std::{net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::Admin;
use crate::{
    listener::{ListenerTls, Protocol},
    model::Timestamp,
    queue::AccountStatus,
    spool::RecoveryReport,
};

/// The state of the daemon: `GET /api/v1/status`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Status {
    /// The version of the program.
    pub version: String,
    /// `hostname` of the configuration.
    pub hostname: String,
    /// `data_dir` of the configuration.
    pub data_dir: PathBuf,
    /// The time at which the daemon started.
    pub started: Timestamp,
    /// The time since then, in seconds.
    pub uptime_seconds: u64,
    /// True if the daemon accepts mail and has examined everything that it found on disk.
    pub ready: bool,
    /// If it is not ready, the reasons.
    pub missing: Vec<String>,
    /// The listeners for devices, with the ports that were actually bound.
    pub listeners: Vec<ListenerStatus>,
    /// The address that serves health and metrics.
    pub admin: Option<SocketAddr>,
    /// The second address that serves metrics, if there is one.
    pub metrics: Option<SocketAddr>,
    /// The number of messages in the queue.
    pub queue_messages: u64,
    /// The accounts.
    pub accounts: Vec<AccountStatus>,
    /// What recovery found and corrected at the start. It is `None` until recovery has finished.
    pub recovery: Option<RecoveryReport>,
}

/// A listener for devices.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ListenerStatus {
    /// The bound address.
    pub address: SocketAddr,
    /// Its setting `tls`.
    pub tls: ListenerTls,
    /// Its setting `protocol`.
    pub protocol: Protocol,
}

impl Admin {
    /// Collects the state of the daemon.
    #[must_use]
    pub fn status(&self) -> Status {
        let parts = &self.0;
        let known = parts.progress.known();
        let missing = self.missing();
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            hostname: parts.hostname.clone(),
            data_dir: parts.data_dir.clone(),
            started: parts.started,
            uptime_seconds: parts.clock.now().since(parts.started).as_secs(),
            ready: missing.is_empty(),
            missing,
            listeners: known.listeners,
            admin: known.admin,
            metrics: known.metrics,
            queue_messages: parts.spool.count(),
            accounts: parts.queue.accounts(),
            recovery: known.recovery,
        }
    }

    /// The reasons why the daemon is not ready. An account that cannot send is not a reason,
    /// because the daemon still accepts mail.
    pub(super) fn missing(&self) -> Vec<String> {
        let known = self.0.progress.known();
        let mut missing = Vec::new();
        if known.stopping {
            missing.push("the daemon is stopping".to_owned());
        }
        if known.listeners.is_empty() {
            missing.push("no listener is bound yet".to_owned());
        }
        if known.recovery.is_none() {
            missing.push(
                "recovery is still comparing the spool with the index; mail is accepted meanwhile"
                    .to_owned(),
            );
        }
        missing
    }
}
