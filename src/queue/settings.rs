//! The validated settings of accounts and retries.

use std::{collections::HashMap, sync::Arc, time::Duration};

use crate::{
    message::footer::FooterTemplate,
    model::{AccountName, Address, ByteSize, DeviceName, FromIdentity, Pattern},
    upstream::Route,
};

/// Everything that the queue goes by. The daemon sends another one when it changes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QueueSettings {
    /// The accounts; the first one is the default.
    pub accounts: Vec<AccountSettings>,
    /// When failed recipients are attempted again.
    pub retry: RetrySettings,
}

/// One `[[account]]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccountSettings {
    /// `name`: the name of the account.
    pub name: AccountName,
    /// `route`: how mail leaves: the server to send to, how to connect and log in.
    pub route: Route,
    /// `address`: the mailbox, if there is one.
    pub address: Option<Address>,
    /// `limits`: the limits of the account.
    pub limits: LimitSettings,
    /// `batch`: the batches of the account.
    pub batch: BatchSettings,
    /// `sender`: the sender addresses of the account.
    pub sender: SenderSettings,
    /// `for_senders`: mail from these senders goes by the account.
    pub for_senders: Vec<Pattern>,
    /// `for_recipients`: mail to these recipients goes by the account.
    pub for_recipients: Vec<Pattern>,
    /// `footer`: the text at the end of each message.
    pub footer: Option<FooterTemplate>,
    /// `spill_to`: the accounts that take over when this one cannot send.
    pub spill_to: Vec<AccountName>,
}

/// `limits = { … }`. `None` sets no limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LimitSettings {
    /// The maximum number of transactions begun in any 60 s.
    pub messages_per_minute: Option<u32>,
    /// The maximum number of recipients in any 24 h.
    pub recipients_per_day: Option<u32>,
    /// The maximum number of recipients of one transaction.
    pub recipients_per_message: usize,
    /// The maximum number of connections at once.
    pub connections: usize,
    /// The maximum size of one message. A larger message fails before any attempt.
    pub message_size: Option<ByteSize>,
}

/// `batch = { messages, interval, split }`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchSettings {
    /// The maximum number of messages in one batch.
    pub messages: u32,
    /// The rest before the next batch begins.
    pub interval: Duration,
    /// How recipients share transactions.
    pub split: Split,
}

impl BatchSettings {
    /// The maximum of `messages`.
    pub const MOST_MESSAGES: u32 = 1_000_000;
    /// The maximum of `interval`.
    pub const LONGEST_REST: Duration = Duration::from_secs(24 * 3600);
}

/// How recipients of a message share transactions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Split {
    /// One transaction for all that are due.
    Never,
    /// One transaction for each recipient.
    Always,
    /// One transaction for all at first. After a refusal at end of data each later attempt halves
    /// the group.
    OnFailure,
}

/// `sender = { rewrite, allowed }`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SenderSettings {
    /// `rewrite`: when the sender is rewritten.
    pub rewrite: SenderRewrite,
    /// `allowed`: the addresses that the mailbox may send as.
    pub allowed: Vec<Pattern>,
    /// `from` of each device that has one.
    pub identities: Arc<HashMap<DeviceName, FromIdentity>>,
    /// `senders` of each device: the addresses that its headers may have.
    pub senders: Arc<HashMap<DeviceName, Vec<Pattern>>>,
}

/// `rewrite = "never" | "when_not_allowed" | "always"`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SenderRewrite {
    /// Senders stay as they were received.
    Never,
    /// Senders not in `allowed` become the account's address.
    WhenNotAllowed,
    /// All senders become the account's address.
    Always,
}

/// `[retry]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RetrySettings {
    /// `spacing`: the wait after the first, second, … failed attempt; the last one repeats. None is
    /// under [`RetrySettings::FLOOR`].
    pub spacing: Vec<Duration>,
    /// `give_up_after`: the age at which the recipient fails and the administrator is told.
    pub give_up_after: Duration,
    /// `delay_notice_after`: the age at which people are told of the delay.
    pub delay_notice_after: Duration,
}

impl RetrySettings {
    /// RFC 5321 4.5.4.1: at least 30 minutes.
    pub const FLOOR: Duration = Duration::from_secs(30 * 60);
}
