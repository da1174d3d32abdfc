//! What the config says of accounts and retries, checked.

use std::{collections::HashMap, sync::Arc, time::Duration};

use crate::{
    message::footer::FooterTemplate,
    model::{AccountName, Address, ByteSize, DeviceName, FromIdentity, Pattern},
    upstream::Destination,
};

/// One `[[account]]`.
#[derive(Clone, Debug)]
pub struct AccountSettings {
    /// `name`.
    pub name: AccountName,
    /// Where to and how.
    pub destination: Destination,
    /// `address`: the mailbox, when there is one.
    pub address: Option<Address>,
    /// `domains`: what the server takes by this way.
    pub reach: Reach,
    /// `limits`.
    pub limits: LimitSettings,
    /// `batch`.
    pub batch: BatchSettings,
    /// `sender`.
    pub sender: SenderSettings,
    /// `for_senders`: mail of these senders goes by it.
    pub for_senders: Vec<Pattern>,
    /// `for_recipients`: mail to these recipients goes by it.
    pub for_recipients: Vec<Pattern>,
    /// `footer`: what stands at the end of each message.
    pub footer: Option<FooterTemplate>,
    /// `spill_to`: who takes over when this one cannot send.
    pub spill_to: Vec<AccountName>,
}

/// What a server takes by an account's way, as far as that is known beforehand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reach {
    /// Whatever the server likes.
    Anywhere,
    /// Recipients in these domains alone: High Volume Email.
    Within(Vec<String>),
    /// Everything inside these domains, and from them: a connector that knows us by our address.
    From(Vec<String>),
}

/// `limits = { … }`. `None` sets no limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LimitSettings {
    /// Transactions begun in any 60 s.
    pub messages_per_minute: Option<u32>,
    /// Recipients in any 24 h.
    pub recipients_per_day: Option<u32>,
    /// Recipients of one transaction.
    pub recipients_per_message: usize,
    /// Connections at once.
    pub connections: usize,
    /// Octets of one message; a larger one fails before any attempt.
    pub message_size: Option<ByteSize>,
}

/// `batch = { messages, interval, split }`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchSettings {
    /// Most messages in one go.
    pub messages: u32,
    /// Rest before the next batch begins.
    pub interval: Duration,
    /// How recipients share transactions.
    pub split: Split,
}

/// How recipients of a message share transactions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Split {
    /// One transaction for all that are due.
    Never,
    /// One for each recipient.
    Always,
    /// All first; after a refusal at end of data each later attempt halves the group.
    OnFailure,
}

/// `sender = { rewrite, allowed }`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SenderSettings {
    /// `rewrite`.
    pub rewrite: SenderRewrite,
    /// `allowed`: what the mailbox may send as.
    pub allowed: Vec<Pattern>,
    /// `from` of the devices that have one.
    pub identities: Arc<HashMap<DeviceName, FromIdentity>>,
}

/// `rewrite = "never" | "when_not_allowed" | "always"`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SenderRewrite {
    /// Senders go out as they came in.
    Never,
    /// Those not in `allowed` become the account's address.
    WhenNotAllowed,
    /// All do.
    Always,
}

/// `[retry]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RetrySettings {
    /// `spacing`: how long after the first, second, … failed attempt; the last repeats. None is
    /// under [`RetrySettings::FLOOR`].
    pub spacing: Vec<Duration>,
    /// `give_up_after`: then the recipient fails and the administrator is told.
    pub give_up_after: Duration,
    /// `delay_notice_after`.
    pub delay_notice_after: Duration,
}

impl RetrySettings {
    /// RFC 5321 4.5.4.1: at least 30 minutes.
    pub const FLOOR: Duration = Duration::from_secs(30 * 60);
}
