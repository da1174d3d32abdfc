//! An accepted message, as the sandbox stores and shows it.

use serde::Serialize;

use crate::dialect::wording::Role;
use postroom_core::model::{Address, Timestamp, TlsVersion};

/// A recipient that was accepted with 250.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct AcceptedRecipient {
    pub(crate) address: Address,
    pub(crate) parameters: Vec<String>,
}

/// An accepted message without its text. This is the content of `<n>.json`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct Accepted {
    pub(crate) listener: Role,
    pub(crate) session: String,
    /// The time at which `MAIL FROM` arrived.
    pub(crate) begun: Timestamp,
    /// The time at which end of data arrived.
    pub(crate) received: Timestamp,
    pub(crate) helo: String,
    pub(crate) tls: Option<TlsVersion>,
    pub(crate) user: Option<Address>,
    /// The sender; empty for the null path.
    pub(crate) sender: String,
    pub(crate) parameters: Vec<String>,
    pub(crate) recipients: Vec<AcceptedRecipient>,
    pub(crate) octets: u64,
    pub(crate) message_id: String,
}
