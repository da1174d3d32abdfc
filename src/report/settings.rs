//! What the config says of reports, and the words that reports are made of.

use crate::model::{AccountName, Address};

/// `[report]`, checked.
#[derive(Clone, Debug)]
pub struct ReportSettings {
    /// `administrator`: who is told of failures; none only logs.
    pub administrator: Option<Address>,
    /// `from`: the sender shown in notices; the envelope's is always null.
    pub from: Option<Address>,
    /// Names the reporting MTA (RFC 3464 2.2.2).
    pub hostname: String,
    /// The account that carries notices.
    pub account: AccountName,
}

/// The fixed words of the log and the journal for what became of a recipient.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Word {
    /// The server took it.
    Delivered,
    /// Given up.
    Failed,
    /// It will be tried again.
    Delayed,
    /// It will be tried again, and may have been delivered already.
    Doubtful,
    /// A person deleted it.
    Deleted,
}

impl Word {
    /// As the log and the journal have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Delayed => "delayed",
            Self::Doubtful => "doubtful",
            Self::Deleted => "deleted",
        }
    }
}

/// A recipient that was given up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Failure {
    /// Its place in the entry.
    pub index: usize,
    /// Where the last attempt ended, as the log names it.
    pub stage: &'static str,
    /// What it means and what to do.
    pub advice: &'static str,
}

/// What became of an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AccountChange {
    /// It waits a little; the log is enough.
    Hiccup,
    /// It waits, and somebody should look.
    Trouble,
    /// It sends again, after trouble that somebody was told about.
    Recovered,
}
