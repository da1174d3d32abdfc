//! The status of accounts as people see it, and the errors that answer their orders.

use serde::{Deserialize, Serialize};

use crate::{
    model::{AccountName, MessageId, Timestamp},
    oauth::Expiry,
    queue::engine::account_state::AccountState,
    spool::SpoolError,
};

/// Why an order or a question of a person fails.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The disk failed, or there is no such message.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// There is no such account.
    #[error("there is no account \"{0}\" in the config")]
    NoSuchAccount(AccountName),
    /// The message is being attempted now.
    #[error("message {0} is being attempted just now; try again when the attempt is over")]
    Busy(MessageId),
    /// A trust store cannot be read.
    #[error("account \"{account}\": {source}")]
    TrustStore {
        /// The account.
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
    /// The number of messages that wait for it.
    pub waiting: u64,
    /// The number of open connections.
    pub connections: usize,
    /// The number of connections it may open now: fewer than its limit for a while after the server
    /// said that there are too many.
    #[serde(default)]
    pub connections_allowed: usize,
    /// Its limit of connections.
    #[serde(default)]
    pub connections_limit: usize,
    /// Transactions begun in the last 60 s.
    pub messages_last_minute: u32,
    /// Its limit of messages per minute.
    #[serde(default)]
    pub messages_per_minute: Option<u32>,
    /// Recipients charged in the last 24 h; `None` when there is no limit.
    pub recipients_last_day: Option<u32>,
    /// Its limit of recipients per day.
    #[serde(default)]
    pub recipients_per_day: Option<u32>,
    /// When the day's budget has room for a recipient again, if it has none now.
    #[serde(default)]
    pub day_free_at: Option<Timestamp>,
    /// When the next message may go, if the budget delays it.
    pub budget_free_at: Option<Timestamp>,
    /// The time of the last delivery.
    pub last_delivery: Option<Timestamp>,
    /// When the account's credentials expire, if that is known.
    #[serde(default)]
    pub credential: Option<Expiry>,
    /// Direct send: the domains that cannot be sent to although the account is ready.
    #[serde(default)]
    pub domains: Vec<DomainStatus>,
}

/// A domain that cannot be sent to now.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct DomainStatus {
    /// The name of the domain.
    pub domain: String,
    /// Whether it is paused or stopped.
    #[serde(flatten)]
    pub state: AccountState,
}
