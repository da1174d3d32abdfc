//! What goes out when, by which account: retry plan, budgets, batches, splitting, fairness, workers.
//!
//! The decisions are pure and take `now` as an argument; [`Queue`] runs them with tasks around.

mod settings;

pub use settings::{AccountSettings, BatchSettings, LimitSettings, RetrySettings, SenderRewrite, SenderSettings, Split};

use serde::{Deserialize, Serialize};

use crate::{
    clock::Clock,
    metrics::Metrics,
    model::{AccountName, MessageId, Timestamp},
    report::Reporter,
    spool::{Spool, SpoolError},
};

/// The sending half. Cheap to clone.
#[derive(Clone)]
pub struct Queue {}

impl Queue {
    /// Prepares the accounts; sends nothing before [`Queue::run`].
    ///
    /// # Errors
    /// When the spool cannot be read or an account's trust store cannot be loaded.
    pub fn new(
        _accounts: Vec<AccountSettings>,
        _retry: RetrySettings,
        _spool: Spool,
        _reporter: Reporter,
        _clock: Clock,
        _metrics: Metrics,
    ) -> Result<Self, QueueError> {
        todo!()
    }

    /// Sends until `stop` turns true; then lets attempts under way finish, within the drain time of the daemon.
    pub async fn run(&self, _stop: tokio::sync::watch::Receiver<bool>) {
        todo!()
    }

    /// What each account is doing.
    #[must_use]
    pub fn accounts(&self) -> Vec<AccountStatus> {
        todo!()
    }

    /// Makes a message due now, whatever the plan says. Shortens the spacing of 30 minutes: a person asked for it.
    ///
    /// # Errors
    /// When there is no such message, or the disk refuses.
    pub async fn retry(&self, _id: MessageId) -> Result<(), QueueError> {
        todo!()
    }

    /// Keeps a message back.
    ///
    /// # Errors
    /// When there is no such message, or the disk refuses.
    pub async fn hold(&self, _id: MessageId, _reason: String) -> Result<(), QueueError> {
        todo!()
    }

    /// Lets a held message go on.
    ///
    /// # Errors
    /// When there is no such message, or the disk refuses.
    pub async fn release(&self, _id: MessageId) -> Result<(), QueueError> {
        todo!()
    }

    /// Deletes a message; the journal keeps a line for each recipient.
    ///
    /// # Errors
    /// When there is no such message, it is being attempted, or the disk refuses.
    pub async fn delete(&self, _id: MessageId) -> Result<(), QueueError> {
        todo!()
    }

    /// Switches an account on or off by a person's word; kept across restarts.
    ///
    /// # Errors
    /// When there is no such account, or the disk refuses.
    pub async fn set_enabled(&self, _account: &AccountName, _enabled: Enabled) -> Result<(), QueueError> {
        todo!()
    }
}

/// A person's word about an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Enabled {
    /// It sends.
    On,
    /// It does not.
    Off,
}

/// What a person asked for and cannot have.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The disk, or no such message.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// No such account.
    #[error("there is no account \"{0}\" in the config")]
    NoSuchAccount(AccountName),
    /// It is being attempted just now.
    #[error("message {0} is being attempted just now; try again when the attempt is over")]
    Busy(MessageId),
    /// A trust store that cannot be read.
    #[error("account \"{account}\": {source}")]
    TrustStore {
        /// Which account.
        account: AccountName,
        /// Why.
        source: std::io::Error,
    },
}

/// What an account is doing, as `postroom status`, the API and the metrics show it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AccountStatus {
    /// Which.
    pub name: AccountName,
    /// Ready, paused, stopped or disabled.
    pub state: AccountState,
    /// Messages waiting for it.
    pub waiting: u64,
    /// Open connections.
    pub connections: usize,
    /// Transactions begun in the last 60 s.
    pub messages_last_minute: u32,
    /// Recipients charged in the last 24 h.
    pub recipients_last_day: u32,
    /// When the next message may go, if the budget holds it up.
    pub budget_free_at: Option<Timestamp>,
    /// When something last arrived.
    pub last_delivery: Option<Timestamp>,
}

/// The state of an account.
///
/// ```text
///   Ready ──trouble──▶ Paused ──time──▶ Ready
///     └────refusal───▶ Stopped ──probe succeeds──▶ Ready
///   any ──person──▶ Disabled ──person──▶ Ready
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum AccountState {
    /// It sends.
    Ready,
    /// It waits for a known time.
    Paused {
        /// Until when.
        until: Timestamp,
        /// What happened, in the server's words.
        reason: String,
        /// What to do.
        advice: String,
    },
    /// It waits for a cheap login to succeed, or for a person.
    Stopped {
        /// Since when.
        since: Timestamp,
        /// The next cheap login.
        probe_at: Timestamp,
        /// What happened, in the server's words.
        reason: String,
        /// What to do.
        advice: String,
    },
    /// Switched off by a person.
    Disabled,
}
