//! What the daemon is doing.

use std::{net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::Admin;
use crate::{
    listener::{ListenerTls, Protocol},
    model::Timestamp,
    queue::AccountStatus,
    spool::RecoveryReport,
};

/// What the daemon is doing: `GET /api/v1/status`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Status {
    /// Of the program.
    pub version: String,
    /// `hostname`.
    pub hostname: String,
    /// `data_dir`.
    pub data_dir: PathBuf,
    /// Since when.
    pub started: Timestamp,
    /// Since how long.
    pub uptime_seconds: u64,
    /// True when mail is taken and everything found on disk is known.
    pub ready: bool,
    /// What is missing, when it is not.
    pub missing: Vec<String>,
    /// Where devices connect, with the ports that were really taken.
    pub listeners: Vec<ListenerStatus>,
    /// Where health and metrics are served.
    pub admin: Option<SocketAddr>,
    /// Where metrics are served, besides.
    pub metrics: Option<SocketAddr>,
    /// Messages in the queue.
    pub queue_messages: u64,
    /// The ways out.
    pub accounts: Vec<AccountStatus>,
    /// What the start found and put right; none while it is still looking.
    pub recovery: Option<RecoveryReport>,
}

/// One listener.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ListenerStatus {
    /// Where it listens.
    pub address: SocketAddr,
    /// `tls`.
    pub tls: ListenerTls,
    /// `protocol`.
    pub protocol: Protocol,
}

impl Admin {
    /// What the daemon is doing.
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

    /// What keeps the daemon from being ready. An account that cannot send is not among it: mail is
    /// taken all the same.
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
                "the spool is still being compared with the index; mail is taken meanwhile"
                    .to_owned(),
            );
        }
        missing
    }
}
