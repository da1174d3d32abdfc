//! What has become of a message: one [`Entry`], with one [`RecipientState`] for each recipient.
//!
//! ```text
//!             attempt begins          outcome
//!   Waiting ────────────────▶ Attempting ───▶ Delivered | Failed   (settled: leaves the queue with the last of its kind)
//!      ▲                          │  │
//!      └──────── retry ───────────┘  └── crash or lost connection after end of data: Waiting, with a doubt counted
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{
    AccountName, ByteSize, DeviceName, Envelope, MailParameters, MessageId, Recipient,
    RecipientOutcome, Reply, ReversePath, Timestamp,
};

/// Which way out each recipient of a message takes, in their order; the last is that of all further
/// ones. Never empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Routes(Vec<AccountName>);

impl Routes {
    /// One for each recipient.
    #[must_use]
    pub const fn new(accounts: Vec<AccountName>) -> Self {
        Self(accounts)
    }

    fn of(&self, place: usize) -> AccountName {
        self.0.get(place).or(self.0.last()).cloned().unwrap_or_else(|| AccountName::from(""))
    }
}

impl From<AccountName> for Routes {
    /// All take the same.
    fn from(account: AccountName) -> Self {
        Self(vec![account])
    }
}

impl From<&str> for Routes {
    /// All take the same.
    fn from(account: &str) -> Self {
        Self(vec![account.into()])
    }
}

/// One message in the queue.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// Which message.
    pub id: MessageId,
    /// When it was accepted.
    pub received: Timestamp,
    /// Who handed it in.
    pub device: DeviceName,
    /// Which way out it takes, save for recipients that have one of their own.
    pub account: AccountName,
    /// Octets of the text on disk.
    pub size: ByteSize,
    /// The envelope's sender.
    pub sender: ReversePath,
    /// What the sender asked for beside the sender's address.
    #[serde(flatten)]
    pub parameters: MailParameters,
    /// One for each recipient of the envelope, in its order, settled ones included.
    pub recipients: Vec<RecipientState>,
    /// Kept back by a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// When the delay notice went out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_notice: Option<Timestamp>,
    /// Panics that attempts of this message caused; the second sends it to quarantine.
    #[serde(default)]
    pub panics: u8,
}

impl Entry {
    /// A message just accepted: everything due at once.
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

    /// When the next recipient is due; none when held or when nothing waits.
    ///
    /// A recipient being attempted counts with the due time that was stored before the attempt:
    /// should nobody ever report its outcome, it comes up again then.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        if self.hold.is_some() {
            return None;
        }
        self.recipients.iter().filter_map(RecipientState::due).min()
    }

    /// Which way out a recipient takes.
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
    /// As in the envelope.
    pub recipient: Recipient,
    /// Which way out it takes, when that is not the message's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountName>,
    /// Where it stands.
    pub progress: Progress,
    /// Attempts begun.
    pub attempts: u32,
    /// When the last one began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_attempt: Option<Timestamp>,
    /// What the server last said about it, or what went wrong (with code 0).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_reply: Option<Reply>,
    /// Attempts of which nobody knows whether they succeeded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<Doubt>,
    /// Recipients of one group share transactions; `split = "on_failure"` halves groups.
    #[serde(default)]
    pub group: u32,
}

impl RecipientState {
    /// When it is due; none when settled.
    #[must_use]
    pub const fn due(&self) -> Option<Timestamp> {
        match &self.progress {
            Progress::Waiting { due } => Some(*due),
            Progress::Attempting(attempting) => Some(attempting.due),
            Progress::Delivered(_) | Progress::Failed(_) => None,
        }
    }

    /// Makes it due then. An attempt that nobody reported on stays one; what is settled stays so.
    pub const fn put_off(&mut self, until: Timestamp) {
        match &mut self.progress {
            Progress::Waiting { due } | Progress::Attempting(Attempting { due, .. }) => {
                *due = until;
            }
            Progress::Delivered(_) | Progress::Failed(_) => {}
        }
    }
}

/// Where a recipient stands.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Progress {
    /// To be attempted.
    Waiting {
        /// Not before.
        due: Timestamp,
    },
    /// An attempt was begun (stored before its first byte went out).
    Attempting(Attempting),
    /// The server took it.
    Delivered(Settled),
    /// Given up; the administrator has been or is being told.
    Failed(Settled),
}

/// An attempt under way.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Attempting {
    /// When it began.
    pub since: Timestamp,
    /// When the recipient is due again if nobody reports an outcome.
    pub due: Timestamp,
    /// By which account, which after a spill is not the message's own.
    pub account: AccountName,
}

/// The end of a recipient's way.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Settled {
    /// The time at which the recipient was settled.
    pub at: Timestamp,
}

/// An attempt whose outcome nobody knows: end of data may have been sent, and was never answered.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Doubt {
    /// When that attempt began.
    pub attempt: Timestamp,
    /// What is known.
    pub reason: String,
}

/// Kept back by a person.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Hold {
    /// Since when.
    pub since: Timestamp,
    /// Why, for whoever looks next.
    pub reason: String,
}

/// What one transaction took from an account's budget.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Charge {
    /// Whose budget.
    pub account: AccountName,
    /// When the transaction began, or for a finished one, ended: the latest moment at which the
    /// server may have counted it.
    pub at: Timestamp,
    /// Tells apart charges of the same millisecond.
    pub sequence: u32,
    /// Recipients of the transaction.
    pub recipients: u32,
    /// Whether the transaction has ended; one that was cut off by a crash never did.
    pub phase: Phase,
}

/// Whether a transaction has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Not yet: the server may count it at any moment.
    UnderWay,
    /// The server has counted it, if at all.
    Ended,
}

/// One settled recipient, kept and searchable.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct JournalLine {
    /// When it was settled.
    pub at: Timestamp,
    /// Which message.
    pub id: MessageId,
    /// Who handed it in.
    pub device: DeviceName,
    /// Which way it went.
    pub account: AccountName,
    /// The envelope's sender.
    pub sender: ReversePath,
    /// To whom.
    pub recipient: Recipient,
    /// `delivered`, `failed` or `deleted`; `quarantined` or `lost` when nobody served the
    /// recipient.
    pub outcome: RecipientOutcome,
    /// Attempts it took.
    pub attempts: u32,
    /// The number of attempts whose outcome is unknown: each may have made a duplicate.
    pub doubts: u32,
    /// What the server said.
    pub reply: Option<Reply>,
    /// When it had been accepted.
    pub received: Timestamp,
    /// The size of the text, in octets.
    pub size: ByteSize,
}
