//! What people see of the queue, and what they may say to it.

use serde::{Deserialize, Serialize};

use crate::{
    model::{AccountName, MessageId, Timestamp},
    oauth::Expiry,
    queue::engine::account_state::AccountState,
    spool::SpoolError,
};

/// What a person asked for and cannot have.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The disk, or no such message.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// No such account.
    #[error("there is no account \"{0}\" in the config")]
    NoSuchAccount(AccountName),
    /// A setting that makes no sense.
    #[error("{0}")]
    Setting(String),
    /// It is being attempted just now.
    #[error("message {0} is being attempted just now; try again when the attempt is over")]
    Busy(MessageId),
    /// A trust store that cannot be read.
    #[error("account \"{account}\": {source}")]
    TrustStore {
        /// Which account.
        account: AccountName,
        /// The error of the operating system.
        source: std::io::Error,
    },
}

/// What an account is doing, as `postroom status`, the API and the metrics show it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AccountStatus {
    /// The name of the account.
    pub name: AccountName,
    /// Ready, paused, stopped or disabled.
    pub state: AccountState,
    /// Messages waiting for it.
    pub waiting: u64,
    /// Open connections.
    pub connections: usize,
    /// How many it may open now: fewer than its limit for a while after the server said that there
    /// are too many.
    #[serde(default)]
    pub connections_allowed: usize,
    /// Its limit.
    #[serde(default)]
    pub connections_limit: usize,
    /// Transactions begun in the last 60 s.
    pub messages_last_minute: u32,
    /// Its limit.
    #[serde(default)]
    pub messages_per_minute: Option<u32>,
    /// Recipients charged in the last 24 h; none when there is no limit.
    pub recipients_last_day: Option<u32>,
    /// Its limit.
    #[serde(default)]
    pub recipients_per_day: Option<u32>,
    /// When the day has room for a recipient again, if it has none now.
    #[serde(default)]
    pub day_free_at: Option<Timestamp>,
    /// When the next message may go, if the budget holds it up.
    pub budget_free_at: Option<Timestamp>,
    /// When something last arrived.
    pub last_delivery: Option<Timestamp>,
    /// When what it logs in with ends, where that is known.
    #[serde(default)]
    pub credential: Option<Expiry>,
    /// Direct send: the domains that mail waits for, though the account is ready.
    #[serde(default)]
    pub domains: Vec<DomainStatus>,
}

/// A domain that cannot be sent to just now.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct DomainStatus {
    /// The domain that is held up.
    pub domain: String,
    /// Paused or stopped.
    #[serde(flatten)]
    pub state: AccountState,
}
