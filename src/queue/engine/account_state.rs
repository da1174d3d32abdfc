//! The state of an account as people see it: what commands print, the API answers, and the index
//! remembers.

use serde::{Deserialize, Serialize};

use crate::model::{AccountName, Timestamp};

/// An order of a person that switches an account on or off.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Enabled {
    /// The account sends.
    On,
    /// The account does not send.
    Off,
}

/// The state of an account. An account that probes with one message at a time is shown as ready.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum AccountState {
    /// It sends.
    Ready,
    /// It waits for a known time.
    Paused {
        /// The end of the pause.
        until: Timestamp,
        /// What happened, in the server's words.
        reason: String,
        /// What the administrator can do.
        advice: String,
    },
    /// It waits until a probe succeeds or a person switches it on.
    Stopped {
        /// When it stopped.
        since: Timestamp,
        /// When the next probe is due.
        probe_at: Timestamp,
        /// What happened, in the server's words.
        reason: String,
        /// What the administrator can do.
        advice: String,
    },
    /// A person has switched it off.
    Disabled,
}

impl AccountState {
    /// Replaces its steady times by what `shown` makes of them, for people.
    pub(in crate::queue) fn shown(mut self, shown: impl Fn(Timestamp) -> Timestamp) -> Self {
        match &mut self {
            Self::Paused { until, .. } => *until = shown(*until),
            Self::Stopped { since, probe_at, .. } => {
                (*since, *probe_at) = (shown(*since), shown(*probe_at));
            }
            Self::Ready | Self::Disabled => {}
        }
        self
    }

    /// The state in one word.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Paused { .. } => "paused",
            Self::Stopped { .. } => "stopped",
            Self::Disabled => "disabled",
        }
    }

    /// Puts the account's name into the advice.
    pub(in crate::queue) fn named(mut self, account: &AccountName) -> Self {
        match &mut self {
            Self::Paused { advice, .. } | Self::Stopped { advice, .. } => {
                *advice = account.in_advice(advice);
            }
            Self::Ready | Self::Disabled => {}
        }
        self
    }
}
