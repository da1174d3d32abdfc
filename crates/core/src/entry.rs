//! What has become of a message: one [`Entry`], with one [`RecipientState`] for each recipient.
//!
//! ```text
//!             attempt begins          outcome
//!   Waiting ────────────────▶ Attempting ───▶ Delivered | Failed   (settled)
//!      ▲                          │  │
//!      └──────── retry ───────────┘  └── no reply after end of data: Waiting, with a doubt
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{
    AccountName, ByteSize, DeviceName, Envelope, MailParameters, MessageId, Recipient,
    RecipientOutcome, Reply, ReversePath, Timestamp,
};

/// The account of each recipient of a message, in their order. The last one applies to all further
/// recipients. Never empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Routes(Vec<AccountName>);

impl Routes {
    /// One account for each recipient.
    #[must_use]
    pub const fn new(accounts: Vec<AccountName>) -> Self {
        Self(accounts)
    }

    fn of(&self, place: usize) -> AccountName {
        self.0.get(place).or(self.0.last()).cloned().unwrap_or_else(|| AccountName::from(""))
    }
}

impl From<AccountName> for Routes {
    /// All recipients use the same account.
    fn from(account: AccountName) -> Self {
        Self(vec![account])
    }
}

impl From<&str> for Routes {
    /// All recipients use the same account.
    fn from(account: &str) -> Self {
        Self(vec![account.into()])
    }
}

/// One message in the queue.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// The message.
    pub id: MessageId,
    /// When it was accepted, by the wall clock.
    pub received: Timestamp,
    /// When it was accepted, by the steady clock. Older records lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued: Option<Timestamp>,
    /// The device that submitted it.
    pub device: DeviceName,
    /// The account that sends it, except for recipients that have one of their own.
    pub account: AccountName,
    /// The size of the text on disk, in octets.
    pub size: ByteSize,
    /// The envelope's sender.
    pub sender: ReversePath,
    /// The other parameters of `MAIL FROM`.
    #[serde(flatten)]
    pub parameters: MailParameters,
    /// One for each recipient of the envelope, in its order, settled ones included.
    pub recipients: Vec<RecipientState>,
    /// Set while a person holds the message back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// The time at which the delay notice was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_notice: Option<Timestamp>,
    /// Panics that attempts of this message caused; the second sends it to quarantine.
    #[serde(default)]
    pub panics: u8,
}

impl Entry {
    /// The entry of a message that was just accepted: every recipient is due at once.
    #[must_use]
    pub fn new(envelope: &Envelope, routes: impl Into<Routes>, size: ByteSize) -> Self {
        let routes = routes.into();
        let account = routes.of(0);
        let fresh = |(place, recipient): (usize, &Recipient)| RecipientState {
            recipient: recipient.clone(),
            account: Some(routes.of(place)).filter(|own| *own != account),
            progress: Progress::Waiting { due: envelope.received },
            attempts: 0,
            last_attempt: None,
            last_reply: None,
            doubts: Vec::new(),
            group: 0,
        };
        Self {
            id: envelope.id,
            received: envelope.received,
            queued: None,
            device: envelope.device.clone(),
            account: account.clone(),
            size,
            sender: envelope.sender.clone(),
            parameters: envelope.parameters.clone(),
            recipients: envelope.recipients.iter().enumerate().map(fresh).collect(),
            hold: None,
            delay_notice: None,
            panics: 0,
        }
    }

    /// The same entry, accepted at this steady time, and due from then on.
    #[must_use]
    pub fn queued_at(mut self, steady: Timestamp) -> Self {
        self.queued = Some(steady);
        for recipient in &mut self.recipients {
            recipient.put_off(steady);
        }
        self
    }

    /// The steady time from which its age counts.
    #[must_use]
    pub fn queued(&self) -> Timestamp {
        self.queued.unwrap_or(self.received)
    }

    /// The same entry with the due times that `shown` makes of its steady times, for people.
    #[must_use]
    pub fn shown(mut self, shown: impl Fn(Timestamp) -> Timestamp) -> Self {
        self.queued = None;
        for recipient in &mut self.recipients {
            if let Some(due) = recipient.due() {
                recipient.put_off(shown(due));
            }
        }
        self
    }

    /// When the next recipient is due; none when held or when nothing waits.
    ///
    /// A recipient with an attempt under way counts with the due time that was stored before the
    /// attempt. If its outcome is never reported, it becomes due again at that time.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        if self.hold.is_some() {
            return None;
        }
        self.recipients.iter().filter_map(RecipientState::due).min()
    }

    /// The account that sends to a recipient.
    #[must_use]
    pub fn account_of<'a>(&'a self, recipient: &'a RecipientState) -> &'a AccountName {
        recipient.account.as_ref().unwrap_or(&self.account)
    }

    /// When the next recipient of each account is due; empty when held or when nothing waits.
    #[must_use]
    pub fn due_by_account(&self) -> BTreeMap<&AccountName, Timestamp> {
        let mut due = BTreeMap::new();
        let waiting = self.recipients.iter().filter(|_| self.hold.is_none());
        for (account, at) in
            waiting.filter_map(|recipient| Some((self.account_of(recipient), recipient.due()?)))
        {
            due.entry(account)
                .and_modify(|first: &mut Timestamp| *first = at.min(*first))
                .or_insert(at);
        }
        due
    }

    /// True when nothing is left to do.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.recipients.iter().all(|r| r.due().is_none())
    }
}

/// What has become of one recipient.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RecipientState {
    /// The recipient as in the envelope.
    pub recipient: Recipient,
    /// Its account, if that is not the message's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountName>,
    /// Its state.
    pub progress: Progress,
    /// The number of attempts that were begun.
    pub attempts: u32,
    /// When the last one began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_attempt: Option<Timestamp>,
    /// The server's last reply about it, or what went wrong (with code 0).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_reply: Option<Reply>,
    /// Attempts whose outcome is unknown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<Doubt>,
    /// Recipients of one group share transactions; `split = "on_failure"` halves groups.
    #[serde(default)]
    pub group: u32,
}

impl RecipientState {
    /// The time at which it is due; `None` when settled.
    #[must_use]
    pub const fn due(&self) -> Option<Timestamp> {
        match &self.progress {
            Progress::Waiting { due } => Some(*due),
            Progress::Attempting(attempting) => Some(attempting.due),
            Progress::Delivered(_) | Progress::Failed(_) => None,
        }
    }

    /// Makes it due at this time. An attempt under way and a settled recipient stay unchanged.
    pub const fn put_off(&mut self, until: Timestamp) {
        match &mut self.progress {
            Progress::Waiting { due } | Progress::Attempting(Attempting { due, .. }) => {
                *due = until;
            }
            Progress::Delivered(_) | Progress::Failed(_) => {}
        }
    }
}

/// The state of a recipient.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Progress {
    /// It waits for its next attempt.
    Waiting {
        /// The earliest time of the next attempt.
        due: Timestamp,
    },
    /// An attempt was begun (stored before its first byte went out).
    Attempting(Attempting),
    /// The server accepted it.
    Delivered(Settled),
    /// Postroom gave up; the administrator has been or is being told.
    Failed(Settled),
}

/// An attempt under way.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Attempting {
    /// When it began.
    pub since: Timestamp,
    /// When the recipient is due again if nobody reports an outcome.
    pub due: Timestamp,
    /// The account, which after a spill is not the message's own.
    pub account: AccountName,
}

/// The final state of a recipient.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Settled {
    /// The time at which the recipient was settled.
    pub at: Timestamp,
}

/// An attempt whose outcome is unknown: end of data may have been sent and was never answered.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Doubt {
    /// When that attempt began.
    pub attempt: Timestamp,
    /// What is known about it.
    pub reason: String,
}

/// Set while a person holds the message back.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Hold {
    /// The time from which it is held.
    pub since: Timestamp,
    /// The reason, for the next person who looks.
    pub reason: String,
}

/// What one transaction took from an account's budget.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Charge {
    /// The account whose budget it is.
    pub account: AccountName,
    /// When the transaction began, or for a finished one, ended: the latest moment at which the
    /// server may have counted it.
    pub at: Timestamp,
    /// Distinguishes charges of the same millisecond.
    pub sequence: u32,
    /// Recipients of the transaction.
    pub recipients: u32,
    /// Whether the transaction has ended; one that a crash interrupted never did.
    pub phase: Phase,
}

/// Whether a transaction has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It has not ended: the server may count it at any moment.
    UnderWay,
    /// It has ended: the server has counted it, if at all.
    Ended,
}

/// One settled recipient, kept and searchable.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct JournalLine {
    /// When it was settled.
    pub at: Timestamp,
    /// The message.
    pub id: MessageId,
    /// The device that submitted it.
    pub device: DeviceName,
    /// The account that sent it.
    pub account: AccountName,
    /// The envelope's sender.
    pub sender: ReversePath,
    /// The recipient.
    pub recipient: Recipient,
    /// `delivered`, `failed` or `deleted`; `quarantined` or `lost` when nobody served the
    /// recipient.
    pub outcome: RecipientOutcome,
    /// The number of attempts.
    pub attempts: u32,
    /// The number of attempts whose outcome is unknown: each may have made a duplicate.
    pub doubts: u32,
    /// The server's last reply.
    pub reply: Option<Reply>,
    /// The time at which it was accepted.
    pub received: Timestamp,
    /// The size of the text, in octets.
    pub size: ByteSize,
}
