//! The journal in short: a row of 32 octets for each line, in memory, so that a question looks at a
//! million lines in milliseconds. A row tells which lines may answer; the lines themselves decide.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use crate::{
    model::{AccountName, DeviceName, RecipientOutcome, Timestamp},
    spool::{
        JournalLine,
        history::question::{Question, Whom},
    },
};

/// A line of the journal in short.
#[derive(Clone, Copy)]
pub(in crate::spool) struct Row {
    pub(in crate::spool) at: Timestamp,
    recipient: u32,
    domain: u32,
    sender: u32,
    id: u32,
    /// The place in [`Kinds`].
    kind: u32,
}

/// Device, account and outcome of a line. There are few: each device and account is in the
/// configuration.
type Kind = (DeviceName, AccountName, RecipientOutcome);

/// Each kind once.
#[derive(Default)]
pub(in crate::spool) struct Kinds {
    kinds: Vec<Kind>,
    places: HashMap<Kind, u32>,
}

/// A question in the terms of the rows.
pub(in crate::spool) struct Filter {
    since: Timestamp,
    until: Timestamp,
    recipient: Option<u32>,
    domain: Option<u32>,
    sender: Option<u32>,
    id: Option<u32>,
    /// Whether each kind fits.
    kinds: Vec<bool>,
}

impl Kinds {
    pub(in crate::spool) fn row(&mut self, line: &JournalLine) -> Row {
        let address = line.recipient.address.as_str().to_lowercase();
        let domain = line.recipient.address.domain().to_lowercase();
        let sender = line.sender.mailbox().map(|sender| sender.as_str().to_lowercase());
        Row {
            at: line.at,
            recipient: hash(&address),
            domain: hash(&domain),
            sender: hash(sender.as_deref().unwrap_or_default()),
            id: hash(line.id.as_str()),
            kind: self.place((line.device.clone(), line.account.clone(), line.outcome)),
        }
    }

    /// What has become of the recipient of a row.
    pub(in crate::spool) fn outcome(&self, row: &Row) -> Option<RecipientOutcome> {
        let place = usize::try_from(row.kind).ok()?;
        self.kinds.get(place).map(|(_device, _account, outcome)| *outcome)
    }

    fn place(&mut self, kind: Kind) -> u32 {
        if let Some(place) = self.places.get(&kind) {
            return *place;
        }
        let place = u32::try_from(self.kinds.len()).unwrap_or(u32::MAX);
        self.kinds.push(kind.clone());
        self.places.insert(kind, place);
        place
    }

    pub(in crate::spool) fn filter(&self, question: &Question) -> Filter {
        let fits = |(device, account, outcome): &Kind| {
            question.device.as_ref().is_none_or(|wanted| wanted == device)
                && question.account.as_ref().is_none_or(|wanted| wanted == account)
                && question.outcome.is_none_or(|wanted| wanted == *outcome)
        };
        let (recipient, domain) = match &question.to {
            Some(Whom::Mailbox(address)) => (Some(hash(address)), None),
            Some(Whom::Domain(domain)) => (None, Some(hash(domain))),
            None => (None, None),
        };
        let sender = match &question.from {
            Some(Whom::Mailbox(address)) => Some(hash(address)),
            Some(Whom::Domain(_)) | None => None,
        };
        Filter {
            since: question.since.unwrap_or(Timestamp::ZERO),
            until: question.until.unwrap_or(Timestamp::MAX),
            recipient,
            domain,
            sender,
            id: question.id.map(|id| hash(id.as_str())),
            kinds: self.kinds.iter().map(fits).collect(),
        }
    }
}

impl Filter {
    /// Whether the line of the row may answer the question.
    pub(in crate::spool) fn may_fit(&self, row: &Row) -> bool {
        let same = |wanted: Option<u32>, found| wanted.is_none_or(|wanted| wanted == found);
        let kind = usize::try_from(row.kind).ok().and_then(|kind| self.kinds.get(kind));
        row.at >= self.since
            && row.at < self.until
            && same(self.recipient, row.recipient)
            && same(self.domain, row.domain)
            && same(self.sender, row.sender)
            && same(self.id, row.id)
            && kind.is_some_and(|fits| *fits)
    }
}

fn hash(text: &str) -> u32 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    let [a, b, c, d, ..] = hasher.finish().to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}
