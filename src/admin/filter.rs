//! Selects messages of the queue: for lists, and for orders about many messages at once.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    model::{AccountName, DeviceName, MessageId, Timestamp},
    spool::{Entry, Progress, RecipientState, Spool, SpoolError, Whom},
};

/// Messages read in one step of a walk over the queue.
const STEP: usize = 1000;

/// Which messages are wanted. Every part that is given must hold.
#[derive(Clone, PartialEq, Default, Debug, Serialize, Deserialize)]
pub struct QueueFilter {
    /// A recipient waits for this account.
    pub account: Option<AccountName>,
    /// This device has submitted the message.
    pub device: Option<DeviceName>,
    /// A recipient that waits: an address, or a domain.
    pub to: Option<String>,
    /// What the message is doing.
    pub state: Option<QueueState>,
    /// It was accepted at least this long ago, in seconds.
    pub older_than: Option<u64>,
}

/// What a message of the queue is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueState {
    /// The first attempt has not begun.
    Waiting,
    /// An attempt failed, and the message waits for the next one.
    Retrying,
    /// An attempt is in progress.
    Sending,
    /// A person holds the message back.
    Held,
}

/// The messages that a filter selects: `GET /api/v1/queue/matching`.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Matching {
    /// Their ids, the oldest first.
    pub ids: Vec<MessageId>,
}

impl QueueState {
    /// All states.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Retrying, Self::Sending, Self::Held];

    /// The word of commands and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Retrying => "retrying",
            Self::Sending => "sending",
            Self::Held => "held",
        }
    }

    fn of(entry: &Entry) -> Self {
        let is_retried =
            |recipient: &RecipientState| recipient.due().is_some() && recipient.attempts > 0;
        let attempting =
            |recipient: &RecipientState| matches!(recipient.progress, Progress::Attempting(_));
        if entry.hold.is_some() {
            Self::Held
        } else if entry.recipients.iter().any(attempting) {
            Self::Sending
        } else if entry.recipients.iter().any(is_retried) {
            Self::Retrying
        } else {
            Self::Waiting
        }
    }
}

impl QueueFilter {
    /// Whether a message is wanted.
    fn fits(&self, whom: Option<&Whom>, entry: &Entry, now: Timestamp) -> bool {
        let open = || entry.recipients.iter().filter(|recipient| recipient.due().is_some());
        let age = now.since(entry.received);
        self.device.as_ref().is_none_or(|device| *device == entry.device)
            && self.older_than.is_none_or(|seconds| age >= Duration::from_secs(seconds))
            && self.state.is_none_or(|state| state == QueueState::of(entry))
            && self
                .account
                .as_ref()
                .is_none_or(|account| open().any(|open| entry.account_of(open) == account))
            && whom.is_none_or(|whom| open().any(|open| whom.is(&open.recipient.address)))
    }

    /// The first messages after `after` that are wanted, in the order of their acceptance.
    pub(super) fn select<T>(
        &self,
        spool: &Spool,
        now: Timestamp,
        mut after: Option<MessageId>,
        limit: usize,
        take: impl Fn(Entry) -> T,
    ) -> Result<Vec<T>, SpoolError> {
        let whom = self.to.as_deref().map(Whom::parse);
        let mut wanted = Vec::new();
        loop {
            let entries = spool.list(after, STEP)?;
            after = entries.last().map(|entry| entry.id);
            let fitting = entries.into_iter().filter(|entry| self.fits(whom.as_ref(), entry, now));
            wanted.extend(fitting.take(limit.saturating_sub(wanted.len())).map(&take));
            if after.is_none() || wanted.len() >= limit {
                return Ok(wanted);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        entry::{Attempting, Hold},
        model::{ByteSize, Envelope, MailParameters, Recipient, ReversePath, Via},
    };

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn entry() -> Entry {
        let received = NOW.minus(Duration::from_secs(3600));
        let envelope = Envelope {
            id: MessageId::new(received, 1),
            received,
            device: "mfp1".into(),
            via: Via { peer: None, helo: "mfp1".into(), esmtp: true, tls: None, user: None },
            sender: ReversePath::Null,
            recipients: ["anna@contoso.com", "bert@fabrikam.example"]
                .map(|address| Recipient::new(address.parse().unwrap()))
                .to_vec(),
            parameters: MailParameters::default(),
        };
        let mut entry = Entry::new(&envelope, "scanner", ByteSize::from_octets(9));
        entry.recipients[1].account = Some("invoices".into());
        entry
    }

    #[track_caller]
    fn check(filter: &QueueFilter, entry: &Entry, expected: bool) {
        let whom = filter.to.as_deref().map(Whom::parse);
        assert_eq!(filter.fits(whom.as_ref(), entry, NOW), expected, "{filter:?}");
    }

    #[test]
    fn every_part_must_hold_and_settled_recipients_do_not_count() {
        let none = QueueFilter::default;
        let to = |to: &str| QueueFilter { to: Some(to.to_owned()), ..none() };
        let account = |name: &str| QueueFilter { account: Some(name.into()), ..none() };
        let older_than = |seconds| QueueFilter { older_than: Some(seconds), ..none() };
        let mut entry = entry();
        check(&none(), &entry, true);
        check(&account("invoices"), &entry, true);
        check(&account("other"), &entry, false);
        check(&to("ANNA@contoso.com"), &entry, true);
        check(&to("@fabrikam.example"), &entry, true);
        check(&older_than(3600), &entry, true);
        check(&older_than(3601), &entry, false);
        check(&QueueFilter { device: Some("mfp1".into()), ..to("anna@contoso.com") }, &entry, true);
        check(
            &QueueFilter { device: Some("mfp2".into()), ..to("anna@contoso.com") },
            &entry,
            false,
        );
        entry.recipients[1].progress = Progress::Delivered(crate::entry::Settled { at: NOW });
        check(&account("invoices"), &entry, false);
        check(&to("fabrikam.example"), &entry, false);
    }

    #[test]
    fn a_message_is_in_one_state() {
        let mut entry = entry();
        let is = |entry: &Entry, expected: QueueState| {
            for state in QueueState::ALL {
                let filter = QueueFilter { state: Some(state), ..QueueFilter::default() };
                check(&filter, entry, state == expected);
            }
        };
        is(&entry, QueueState::Waiting);
        entry.recipients[0].attempts = 1;
        is(&entry, QueueState::Retrying);
        entry.recipients[0].progress =
            Progress::Attempting(Attempting { since: NOW, due: NOW, account: "scanner".into() });
        is(&entry, QueueState::Sending);
        entry.hold = Some(Hold { since: NOW, reason: "looked at".into() });
        is(&entry, QueueState::Held);
    }
}
