//! The settings of reports, and the changes of an account that are reported.

use crate::model::{AccountName, Address};

/// The validated section `[report]` of the configuration.
#[derive(Clone, Debug)]
pub struct ReportSettings {
    /// `administrator`: the address that receives notices and alerts. If it is absent, events are
    /// only logged.
    pub administrator: Option<Address>,
    /// `from`: the sender in the header of notices. The envelope sender is always empty.
    pub from: Option<Address>,
    /// The name of the reporting MTA (RFC 3464 2.2.2).
    pub hostname: String,
    /// The account that sends notices.
    pub account: AccountName,
    /// `keep_subjects`: whether the journal and lists show the subjects of messages.
    pub subjects: Subjects,
}

/// Whether subjects are kept. They are personal data, and the log never shows them.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Subjects {
    /// The journal does not have them.
    #[default]
    Forgotten,
    /// The journal keeps them.
    Kept,
}

/// A change of an account's state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AccountChange {
    /// The account pauses briefly. The change is only logged.
    Hiccup,
    /// The account waits, and the administrator should look at it.
    Trouble,
    /// The account sends again, after the administrator was alerted.
    Recovered,
}
