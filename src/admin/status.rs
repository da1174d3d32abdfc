//! The state of the daemon, for the command, the API and `/readyz`.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use tracing::{error, warn};

use super::{
    Admin, Learning,
    condition::{Concern, Condition, Facts, concerns},
    today::{Day, midnight},
};
use crate::{
    device::Sighting,
    listener::{ListenerTls, Protocol},
    model::Timestamp,
    queue::AccountStatus,
    spool::{RecoveryReport, Room, SpoolError},
};

/// Strangers that were refused within this time are shown.
const LATELY: Duration = Duration::from_secs(24 * 3600);
/// Messages that are read to find the oldest that nobody holds back.
const LOOKED_AT: usize = 100;

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
    /// Learning mode, while it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning: Option<Learning>,
    /// What recovery found and corrected at the start. It is `None` until recovery has finished.
    pub recovery: Option<RecoveryReport>,
    /// Good, warning or trouble: the heaviest of the concerns.
    #[serde(default)]
    pub condition: Condition,
    /// The reasons why the condition is not good, the heaviest first.
    #[serde(default)]
    pub concerns: Vec<Concern>,
    /// When the oldest message was accepted that waits and that nobody holds back.
    #[serde(default)]
    pub oldest: Option<Timestamp>,
    /// What was sent today. Absent while the journal is being read after a start.
    #[serde(default)]
    pub today: Option<Day>,
    /// Unknown clients that were refused in the last 24 hours, if there are any.
    #[serde(default)]
    pub strangers: Option<Strangers>,
    /// The free space of the disk, if it can be asked.
    #[serde(default)]
    pub disk: Option<Room>,
}

/// Unknown clients that were refused in the last 24 hours.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Strangers {
    /// How many of them are remembered.
    pub clients: u64,
    /// The address of the last one.
    pub last: IpAddr,
    /// When it was refused.
    pub at: Timestamp,
}

impl Strangers {
    fn among(strangers: &[Sighting], now: Timestamp) -> Option<Self> {
        let refused = strangers.iter().filter_map(|stranger| {
            let at = stranger.last_refusal.as_ref()?.at;
            (now.since(at) < LATELY).then_some((at, stranger.peer))
        });
        let refused: Vec<(Timestamp, IpAddr)> = refused.collect();
        let (at, last) = refused.iter().max().copied()?;
        Some(Self { clients: u64::try_from(refused.len()).unwrap_or(u64::MAX), last, at })
    }
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
    /// Collects the state of the daemon, without what was sent today.
    #[must_use]
    pub fn status(&self) -> Status {
        let parts = &self.0;
        let known = parts.progress.known();
        let missing = self.missing();
        let now = parts.clock.now();
        let mut status = Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            hostname: self.hostname(),
            data_dir: parts.data_dir.clone(),
            started: parts.started,
            uptime_seconds: now.since(parts.started).as_secs(),
            ready: missing.is_empty(),
            missing,
            listeners: known.listeners,
            admin: known.admin,
            metrics: known.metrics,
            queue_messages: parts.spool.count(),
            accounts: parts.queue.accounts(),
            learning: known.learning,
            recovery: known.recovery,
            condition: Condition::Good,
            concerns: Vec::new(),
            oldest: self.oldest(),
            today: None,
            strangers: Strangers::among(&parts.devices.strangers(), now),
            disk: parts.spool.room().ok(),
        };
        let facts = Facts {
            missing: &status.missing,
            listeners: status.listeners.len(),
            disk: status.disk,
            oldest: status.oldest,
            accounts: &status.accounts,
        };
        status.concerns = concerns(&facts, now);
        status.condition = status.concerns.first().map_or(Condition::Good, |first| first.condition);
        status
    }

    /// Collects the state of the daemon, with what was sent today.
    pub async fn status_of_today(&self) -> Status {
        let parts = Arc::clone(&self.0);
        let count = move || {
            let now = parts.clock.now();
            let since = midnight(now, TimeZone::system());
            let counted = parts.history.count_since(&parts.spool, since, now)?;
            Ok::<_, SpoolError>(counted.map(|counted| Day {
                since,
                sent: counted.delivered,
                failed: counted.failed,
            }))
        };
        let mut today = None;
        match spawn_blocking(count).await {
            Ok(Ok(day)) => today = day,
            // The status is wanted most when the index cannot be read.
            Ok(Err(error)) => warn!(%error, "journal of today not read"),
            Err(panic) => error!(%panic, "journal of today not read"),
        }
        Status { today, ..self.status() }
    }

    /// Ids are in the order of acceptance.
    fn oldest(&self) -> Option<Timestamp> {
        let first = self.0.spool.list(None, LOOKED_AT).unwrap_or_default();
        first.iter().find(|entry| entry.hold.is_none()).map(|entry| entry.received)
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
