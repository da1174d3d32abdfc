//! An accepted message as it is kept and shown.

use serde::Serialize;

use crate::dialect::wording::Role;
use postroom_core::model::{Address, Timestamp, TlsVersion};

/// A recipient that was answered 250.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct AcceptedRecipient {
    pub(crate) address: Address,
    pub(crate) parameters: Vec<String>,
}

/// An accepted message, without its text. This is `<n>.json`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct Accepted {
    pub(crate) listener: Role,
    pub(crate) session: String,
    /// When `MAIL FROM` came.
    pub(crate) begun: Timestamp,
    /// When end of data came.
    pub(crate) received: Timestamp,
    pub(crate) helo: String,
    pub(crate) tls: Option<TlsVersion>,
    pub(crate) user: Option<Address>,
    /// Empty for the null path.
    pub(crate) sender: String,
    pub(crate) parameters: Vec<String>,
    pub(crate) recipients: Vec<AcceptedRecipient>,
    pub(crate) octets: u64,
    pub(crate) message_id: String,
}
