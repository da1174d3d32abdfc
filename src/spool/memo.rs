//! Small values that are kept by name, beside the messages.

use serde::Serialize;
use serde_json::Value;

use crate::{clock::Clock, model::Timestamp, spool::SpoolError};

/// What the value is about. The words are part of the index's keys: they stay as they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MemoKind {
    /// The health of an account, by its name.
    AccountHealth,
    /// When an account last delivered, by its name.
    LastDelivery,
    /// What people have set of an account while the daemon ran, by its name.
    RunTimeSettings,
    /// How near the end of a login a person was last warned of, by the account's name.
    CredentialWarning,
    /// What was seen of a device, by its name or address.
    DeviceSighting,
    /// A change by a person, by its order.
    Audit,
    /// That the index was lost, and when.
    LostIndex,
    /// A moment of the steady time, which the next process continues.
    SteadyTime,
}

impl MemoKind {
    /// As the keys of the index have it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::AccountHealth => "account",
            Self::LastDelivery => "delivery",
            Self::RunTimeSettings => "batch",
            Self::CredentialWarning => "credential",
            Self::DeviceSighting => "sighting",
            Self::Audit => "audit",
            Self::LostIndex => "index",
            Self::SteadyTime => "time",
        }
    }
}

/// The only name under which the loss of the index is kept.
pub(super) const LOST: &str = "lost";

/// The only name under which the steady time is kept.
pub(super) const STEADY: &str = "steady";

/// A value to be kept under a name, or to be forgotten.
#[derive(Clone, PartialEq, Debug)]
pub struct Memo {
    pub(super) kind: MemoKind,
    pub(super) name: String,
    pub(super) value: Option<Value>,
}

impl Memo {
    /// Keeps a value, in the place of what was kept under that name.
    ///
    /// # Errors
    /// When the value cannot be written as JSON.
    pub fn keep(kind: MemoKind, name: &str, value: &impl Serialize) -> Result<Self, SpoolError> {
        let value = serde_json::to_value(value).map_err(|e| SpoolError::Index(e.to_string()))?;
        Ok(Self::of(kind, name, Some(value)))
    }

    /// Forgets what is kept under a name.
    #[must_use]
    pub fn forget(kind: MemoKind, name: &str) -> Self {
        Self::of(kind, name, None)
    }

    /// Keeps a value that is JSON already, or forgets it when there is none.
    #[must_use]
    pub fn of(kind: MemoKind, name: &str, value: Option<Value>) -> Self {
        Self { kind, name: name.to_owned(), value }
    }

    /// The present moment of the steady time.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn steady_time(clock: &Clock) -> Result<Self, SpoolError> {
        Self::keep(MemoKind::SteadyTime, STEADY, &clock.anchor())
    }

    /// The index was lost: charges, conditions and settings are gone with it.
    pub(super) fn index_lost(at: Timestamp) -> Result<Self, SpoolError> {
        Self::keep(MemoKind::LostIndex, LOST, &at)
    }

    /// Somebody has taken the loss of the index into account.
    #[must_use]
    pub fn index_loss_is_known() -> Self {
        Self::forget(MemoKind::LostIndex, LOST)
    }
}
