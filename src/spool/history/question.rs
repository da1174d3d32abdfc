//! A question about settled recipients, and whether a line of the journal answers it.

use crate::{
    model::{AccountName, Address, DeviceName, MessageId, RecipientOutcome, Timestamp},
    spool::JournalLine,
};

/// What is searched for in the journal. Every part that is given must hold.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Question {
    /// The recipient.
    pub to: Option<Whom>,
    /// The envelope's sender.
    pub from: Option<Whom>,
    /// The device that submitted the message.
    pub device: Option<DeviceName>,
    /// The account that sent it.
    pub account: Option<AccountName>,
    /// A part of the subject. Case makes no difference.
    pub subject: Option<String>,
    /// Only recipients that were settled at this time or later.
    pub since: Option<Timestamp>,
    /// Only recipients that were settled before this time.
    pub until: Option<Timestamp>,
    /// What has become of the recipient.
    pub outcome: Option<RecipientOutcome>,
    /// The message.
    pub id: Option<MessageId>,
}

/// A mailbox, or all mailboxes of a domain, in lower case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Whom {
    /// One address.
    Mailbox(String),
    /// All addresses of a domain.
    Domain(String),
}

impl Whom {
    /// Reads `anna@contoso.com`, `@contoso.com` or `contoso.com`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let text = text.trim().to_lowercase();
        match text.split_once('@') {
            Some(("", domain)) => Self::Domain(domain.to_owned()),
            Some(_) => Self::Mailbox(text),
            None => Self::Domain(text),
        }
    }

    /// Whether an address is meant. Case makes no difference.
    #[must_use]
    pub fn is(&self, address: &Address) -> bool {
        match self {
            Self::Mailbox(wanted) => address.as_str().to_lowercase() == *wanted,
            Self::Domain(wanted) => address.domain().to_lowercase() == *wanted,
        }
    }
}

impl Question {
    /// Whether the line answers the question.
    #[must_use]
    pub fn fits(&self, line: &JournalLine) -> bool {
        fn same<T: PartialEq>(wanted: Option<&T>, found: &T) -> bool {
            wanted.is_none_or(|wanted| wanted == found)
        }
        let sender = || line.sender.mailbox();
        self.since.is_none_or(|since| line.at >= since)
            && self.until.is_none_or(|until| line.at < until)
            && same(self.outcome.as_ref(), &line.outcome)
            && same(self.id.as_ref(), &line.id)
            && same(self.device.as_ref(), &line.device)
            && same(self.account.as_ref(), &line.account)
            && self.to.as_ref().is_none_or(|to| to.is(&line.recipient.address))
            && self.subject.as_ref().is_none_or(|part| {
                let subject = line.subject.as_deref().unwrap_or_default().to_lowercase();
                subject.contains(&part.to_lowercase())
            })
            && self.from.as_ref().is_none_or(|from| sender().is_some_and(|own| from.is(own)))
    }
}
