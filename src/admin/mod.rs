//! The HTTP interface: health and metrics over TCP, and the API of the commands over a Unix socket.
//!
//! - `status`: [`Status`], the state of the daemon, for the command, the API and `/readyz`
//! - `condition`: [`Condition`], the state in one word with its reasons; `today`: the present day
//! - `filter`: selects messages of the queue
//! - `import`: takes exported messages in
//! - `history`: settled recipients, found in the journal
//! - `sightings`: [`Sightings`], the devices and unknown clients that were seen
//! - `health`: the TCP side: `/healthz`, `/readyz`, `/metrics`. It needs no login, because nothing
//!   can be changed through it
//! - `control`: orders that change settings, which the daemon carries out
//! - `api`: the Unix side, `/api/v1/…`, with the same actions as the commands. Whoever may open the
//!   socket may do everything
//! - `server`: sockets and connections, with bounds

mod api;
mod condition;
mod control;
mod filter;
mod health;
mod history;
mod import;
mod server;
mod sightings;
mod status;
mod today;

pub use condition::{Concern, Condition};
pub use control::{Answer, Control, Order, OrderError, Ordered, SettingChange, SettingStatus};
pub use filter::{Matching, QueueFilter, QueueState};
pub use history::{Found, HistoryAnswer, HistoryRequest};
pub use server::{AdminError, AdminServer};
pub use sightings::Sightings;
pub use status::{ListenerStatus, Status, Strangers};
pub use today::Day;

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
    spool::{Entry, History, RecoveryReport, Spool},
};

/// The validated sections `[admin]` and `[metrics]` of the configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AdminSettings {
    /// `admin.address`. Port 0 selects a free port.
    pub address: SocketAddr,
    /// `metrics.address`, a second address for `/metrics`.
    pub metrics: Option<SocketAddr>,
}

/// The path of the commands' socket in a data directory.
#[must_use]
pub fn socket_path(data_dir: &Path) -> PathBuf {
    data_dir.join("admin.sock")
}

/// The parts of a running daemon, for the interfaces that inspect it. Cheap to clone.
#[derive(Clone)]
pub struct Admin(Arc<Parts>);

/// The parts of [`Admin`].
pub struct Parts {
    /// `hostname` of the configuration.
    pub hostname: String,
    /// `data_dir` of the configuration.
    pub data_dir: PathBuf,
    /// The spool with accepted mail.
    pub spool: Spool,
    /// The queue, which sends the mail.
    pub queue: Queue,
    /// The devices and what was seen of them.
    pub devices: Devices,
    /// Takes orders that change settings.
    pub control: Control,
    /// The clock.
    pub clock: Clock,
    /// The metrics.
    pub metrics: Metrics,
    /// The time at which the daemon started.
    pub started: Timestamp,
    /// Finds lines of the journal.
    pub history: History,
    /// The facts that become known after the start.
    pub progress: Progress,
}

/// Facts that become known after the start, such as bound addresses.
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
    /// Combines the parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// Records that a listener now accepts connections on this address.
    pub fn listening(&self, address: SocketAddr, settings: &ListenerSettings) {
        let listener = ListenerStatus { address, tls: settings.tls, protocol: settings.protocol };
        self.0.progress.change(|known| known.listeners.push(listener));
    }

    /// Records the addresses on which health and metrics are served.
    pub fn serving(&self, admin: SocketAddr, metrics: Option<SocketAddr>) {
        self.0.progress.change(|known| {
            known.admin = Some(admin);
            known.metrics = metrics;
        });
    }

    /// Records that recovery has compared every file with the index.
    pub fn recovered(&self, report: RecoveryReport) {
        self.0.progress.change(|known| known.recovery = Some(report));
    }

    /// Records that the stop has begun. The daemon is no longer ready.
    pub fn stopping(&self) {
        self.0.progress.change(|known| known.stopping = true);
    }
}

/// A queued message and its forecast: `GET /api/v1/queue` and `/api/v1/queue/ID`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Queued {
    /// The message's entry in the index.
    #[serde(flatten)]
    pub entry: Entry,
    /// When the message will probably be sent, and what it waits for.
    pub forecast: Forecast,
    /// The subject, if the configuration keeps subjects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

/// A request to put a test message into the spool: `POST /api/v1/send`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SendRequest {
    /// `MAIL FROM`.
    pub sender: Address,
    /// `RCPT TO`, at least one.
    pub recipients: Vec<Address>,
    /// The account that sends the message.
    pub account: AccountName,
    /// The whole message, with CRLF line ends.
    pub text: String,
}

/// The answer to [`SendRequest`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SendAnswer {
    /// The message's id.
    pub id: MessageId,
}

/// A request to hold a message: `POST /api/v1/queue/ID/hold`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct HoldRequest {
    /// The reason, which the commands show.
    pub reason: String,
}

/// A request to let another account send a message: `POST /api/v1/queue/ID/redirect`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RedirectRequest {
    /// The account.
    pub account: AccountName,
}

/// A request to change settings of an account: `POST /api/v1/accounts/NAME/settings`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SetRequest {
    /// Keys and values as in the configuration, such as `batch.interval` and `60s`.
    pub set: BTreeMap<String, String>,
    /// The person who makes the change, which the commands show.
    pub by: String,
}

/// A request to reset changed settings or the recorded usage: `POST
/// /api/v1/accounts/NAME/restore-defaults` and `…/forget-budget`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RestoreRequest {
    /// The person who makes the change, for the log.
    pub by: String,
}

/// The API's answer to a request that failed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Refusal {
    /// What went wrong, and what to do.
    pub error: String,
}
