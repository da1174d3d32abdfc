//! What goes into an attempt and what comes out of it.

use crate::{
    classify::{Fault, Stage, Verdict},
    model::{Address, MailParameters, Recipient, ReversePath},
};

/// What is to be handed over in one transaction.
pub struct Handover<T> {
    /// `MAIL FROM`.
    pub sender: ReversePath,
    /// `RCPT TO`, in this order; the [`Report`] keeps it.
    pub recipients: Vec<Recipient>,
    /// Octets of the text, for `SIZE=`.
    pub size: u64,
    /// What the sender asked for beside the sender's address.
    pub parameters: MailParameters,
    /// The text, without dot-stuffing, lines ended by CRLF.
    pub text: T,
}

/// How a transaction ended.
#[derive(Clone, PartialEq, Debug)]
pub struct Report {
    /// One for each recipient, in the order of [`Handover::recipients`]. When the trouble is the
    /// account's, each has [`Concern::Account`](crate::classify::Concern::Account) with its pause or stop: the attempt does not count
    /// against the recipient.
    pub recipients: Vec<Verdict>,
    /// What the account has to be told, besides: pause or stop.
    pub account: Option<Trouble>,
    /// Whether the server can have counted the transaction.
    pub counted: Counted,
    /// Who tells the sender of success, where the sender asked for that.
    pub dsn: Dsn,
}

/// Whether the server was told what the sender wants to hear of (RFC 3461).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dsn {
    /// It offers DSN: its notices are its own affair from here on.
    PassedOn,
    /// It does not: RFC 3461 5.2.2 asks us to say that the message was relayed.
    EndsHere,
}

/// Whether the server can have counted a transaction against its limits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Counted {
    /// It can.
    Perhaps,
    /// The connection was dead, or closed with 421, before `MAIL FROM` was answered: not an
    /// attempt. Charge and count are given back, the message is due at once, and the next
    /// connection is a fresh one.
    No,
}

/// A trouble of the account: connect, TLS, token, login, or a refusal that concerns all its mail;
/// of a lane that is found by DNS, of that domain. Never a message's failure.
#[derive(Clone, PartialEq, Debug)]
pub struct Trouble {
    /// Where it happened.
    pub stage: Stage,
    /// What was said or went wrong.
    pub fault: Fault,
    /// What follows: a pause or a stop, and a sentence for the administrator.
    pub verdict: Verdict,
}

impl<T> Handover<T> {
    /// True when any address cannot go without SMTPUTF8.
    #[must_use]
    pub fn needs_smtputf8(&self) -> bool {
        self.sender.mailbox().is_some_and(Address::needs_smtputf8)
            || self.recipients.iter().any(|r| r.address.needs_smtputf8())
    }

    /// The envelope, and the text apart from it: only the latter is read piece by piece.
    pub(super) fn into_parts(self) -> (Handover<()>, T) {
        let Self { sender, recipients, size, parameters, text } = self;
        (Handover { sender, recipients, size, parameters, text: () }, text)
    }
}
