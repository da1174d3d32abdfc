//! Tells people what became of mail: delivery status notifications, the operator's alerts, one log line for each outcome.

use crate::{
    clock::Clock,
    metrics::Metrics,
    model::{AccountName, Address, Timestamp},
    spool::{Entry, JournalLine, Spool},
};

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

/// Writes notices into the spool. Cheap to clone.
#[derive(Clone)]
pub struct Reporter {}

impl Reporter {
    /// Notices go out through the spool like any mail.
    #[must_use]
    pub fn new(_settings: ReportSettings, _spool: Spool, _clock: Clock, _metrics: Metrics) -> Self {
        todo!()
    }

    /// One log line for each settled recipient, with the fixed words of `docs/operations.md`.
    pub fn settled(&self, _line: &JournalLine) {
        todo!()
    }

    /// Recipients were given up: a failure notice (RFC 3464) to the administrator, unless the message is a notice itself.
    /// Call it when the failure is stored; losing the notice in a crash is worse than sending it twice, so it is
    /// written before the message's entry and file go.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn failed(&self, _entry: &Entry, _indexes: &[usize]) -> Result<(), crate::spool::SpoolError> {
        todo!()
    }

    /// Recipients have waited long: a delay notice.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn delayed(&self, _entry: &Entry, _will_retry_until: Timestamp) -> Result<(), crate::spool::SpoolError> {
        todo!()
    }

    /// An account changed its state: one alert for the change, not one for each message.
    pub async fn account_changed(&self, _account: &AccountName, _what_happened: &str, _advice: &str) {
        todo!()
    }
}
