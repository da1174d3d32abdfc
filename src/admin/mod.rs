//! HTTP for tools: health and metrics over TCP, the commands over a Unix socket.
//!
//! - `status`: [`Status`], what the daemon is doing, as the command, the API and `/readyz` show it
//! - `sightings`: [`Sightings`], who was seen
//! - `health`: the TCP side: `/healthz`, `/readyz`, `/metrics`. It changes nothing, so it asks for
//!   no login
//! - `api`: the Unix side, `/api/v1/…`: the same verbs as the commands. Who may open the socket may
//!   do everything
//! - `server`: sockets and connections, within bounds

mod api;
mod health;
mod server;
mod sightings;
mod status;

pub use server::{AdminError, AdminServer};
pub use sightings::Sightings;
pub use status::{ListenerStatus, Status};

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};

use crate::{
    clock::Clock,
    device::Devices,
    listener::ListenerSettings,
    metrics::Metrics,
    model::{AccountName, Address, MessageId, Timestamp},
    queue::{Forecast, Queue},
    spool::{Entry, RecoveryReport, Spool},
};

/// `[admin]` and `[metrics]`, checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AdminSettings {
    /// `admin.address`; port 0 takes a free one.
    pub address: SocketAddr,
    /// `metrics.address`, a second place for `/metrics`.
    pub metrics: Option<SocketAddr>,
}

/// The commands' socket of a data folder.
#[must_use]
pub fn socket_path(data_dir: &Path) -> PathBuf {
    data_dir.join("admin.sock")
}

/// What a daemon is made of, for those who look at it from outside. Cheap to clone.
#[derive(Clone)]
pub struct Admin(Arc<Parts>);

/// The parts of [`Admin`].
pub struct Parts {
    /// `hostname`.
    pub hostname: String,
    /// `data_dir`.
    pub data_dir: PathBuf,
    /// Accepted mail.
    pub spool: Spool,
    /// The sending half.
    pub queue: Queue,
    /// Who hands in mail.
    pub devices: Devices,
    /// Time.
    pub clock: Clock,
    /// Counters.
    pub metrics: Metrics,
    /// When the daemon started.
    pub started: Timestamp,
    /// What comes to be known after the start.
    pub progress: Progress,
}

/// What comes to be known after the start.
#[derive(Default)]
pub struct Progress(Mutex<Known>);

#[derive(Clone, Default)]
struct Known {
    listeners: Vec<ListenerStatus>,
    admin: Option<SocketAddr>,
    metrics: Option<SocketAddr>,
    recovery: Option<RecoveryReport>,
    stopping: bool,
}

impl Progress {
    fn change(&self, change: impl FnOnce(&mut Known)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn known(&self) -> Known {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Admin {
    /// Joins the parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// A listener takes connections now, on this address.
    pub fn listening(&self, address: SocketAddr, settings: &ListenerSettings) {
        let listener = ListenerStatus { address, tls: settings.tls, protocol: settings.protocol };
        self.0.progress.change(|known| known.listeners.push(listener));
    }

    /// The HTTP sides are bound.
    pub fn serving(&self, admin: SocketAddr, metrics: Option<SocketAddr>) {
        self.0.progress.change(|known| {
            known.admin = Some(admin);
            known.metrics = metrics;
        });
    }

    /// Every file has been compared with the index.
    pub fn recovered(&self, report: RecoveryReport) {
        self.0.progress.change(|known| known.recovery = Some(report));
    }

    /// The stop has begun: not ready any more.
    pub fn stopping(&self) {
        self.0.progress.change(|known| known.stopping = true);
    }
}

/// A message of the queue, and when it will go: `GET /api/v1/queue` and `/api/v1/queue/ID`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Queued {
    /// What has become of it.
    #[serde(flatten)]
    pub entry: Entry,
    /// What will probably become of it next.
    pub forecast: Forecast,
}

/// A test message to be put into the spool: `POST /api/v1/send`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SendRequest {
    /// `MAIL FROM`.
    pub sender: Address,
    /// `RCPT TO`, at least one.
    pub recipients: Vec<Address>,
    /// Which way out.
    pub account: AccountName,
    /// The whole message, lines ended by CRLF.
    pub text: String,
}

/// Its answer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SendAnswer {
    /// The message's id.
    pub id: MessageId,
}

/// Why a person is kept from what was asked for: `POST /api/v1/queue/ID/hold`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct HoldRequest {
    /// For whoever looks next.
    pub reason: String,
}

/// Settings of an account to be changed while it runs: `POST /api/v1/accounts/NAME/settings`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SetRequest {
    /// Keys and values as the config has them: `batch.interval` and `60s`.
    pub set: BTreeMap<String, String>,
    /// Who asks, for whoever looks next.
    pub by: String,
}

/// The file's settings are to come back, or the budget is to be forgotten: `POST
/// /api/v1/accounts/NAME/restore-defaults` and `…/forget-budget`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RestoreRequest {
    /// Who asks, for whoever reads the log.
    pub by: String,
}

/// What the API says when it cannot.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Refusal {
    /// What happened, and what to do.
    pub error: String,
}
