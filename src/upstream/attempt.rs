//! The input and the result of a delivery attempt.

use crate::{
    classify::{Fault, Stage, Verdict},
    model::{Address, MailParameters, Recipient, ReversePath},
};

/// A message for one transaction.
pub struct Handover<T> {
    /// The reverse-path of `MAIL FROM`.
    pub sender: ReversePath,
    /// The recipients, in the order of `RCPT TO`. The [`Report`] keeps this order.
    pub recipients: Vec<Recipient>,
    /// The size of the text in octets, for `SIZE=`.
    pub size: u64,
    /// The parameters that the sender gave besides the addresses.
    pub parameters: MailParameters,
    /// The text, without dot-stuffing, its lines ended by CRLF.
    pub text: T,
}

/// The result of a transaction.
#[derive(Clone, PartialEq, Debug)]
pub struct Report {
    /// The verdicts, in the order of [`Handover::recipients`]. When the account has a problem, each
    /// verdict has [`Concern::Account`](crate::classify::Concern::Account) with its pause or stop,
    /// and the attempt does not count against the recipient.
    pub recipients: Vec<Verdict>,
    /// The trouble that pauses or stops the account, if there is any.
    pub account: Option<Trouble>,
    /// Whether the server may have counted the transaction.
    pub counted: Counted,
    /// The side that reports success to the sender, if the sender asked for that.
    pub dsn: Dsn,
}

/// Whether the sender's DSN request was passed on to the server (RFC 3461).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dsn {
    /// The server offers DSN and is responsible for notifications from here on.
    PassedOn,
    /// The server does not offer DSN. RFC 3461 5.2.2 asks us to report that the message was
    /// relayed.
    EndsHere,
}

/// Whether the server may have counted a transaction against its limits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Counted {
    /// The server may have counted it.
    Perhaps,
    /// The connection was dead, or closed with 421, before `MAIL FROM` was answered. This is not an
    /// attempt: its charge and its count are given back, the message is due at once, and the next
    /// connection is a new one.
    No,
}

/// A problem of the account: connecting, TLS, token, login, or a refusal that concerns all its
/// mail. For a lane whose servers DNS names, a problem of that domain. It is never a failure of a
/// message.
#[derive(Clone, PartialEq, Debug)]
pub struct Trouble {
    /// The stage at which it happened.
    pub stage: Stage,
    /// The server's reply or the fault.
    pub fault: Fault,
    /// The consequence: a pause or a stop, with a sentence for the administrator.
    pub verdict: Verdict,
}

impl<T> Handover<T> {
    /// Whether any address requires SMTPUTF8.
    #[must_use]
    pub fn needs_smtputf8(&self) -> bool {
        self.sender.mailbox().is_some_and(Address::needs_smtputf8)
            || self.recipients.iter().any(|r| r.address.needs_smtputf8())
    }

    /// Separates the text from the envelope: only the text is read piece by piece.
    pub(super) fn into_parts(self) -> (Handover<()>, T) {
        let Self { sender, recipients, size, parameters, text } = self;
        (Handover { sender, recipients, size, parameters, text: () }, text)
    }
}
