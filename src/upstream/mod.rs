//! One attempt: connect, TLS, log in, hand over, understand the answer.
//!
//! - [`Destination`]: where to and how, from the config
//! - [`Upstream::connect`] yields a [`Connection`] that is ready for `MAIL FROM`, or the [`Trouble`] of the account
//! - [`Connection::send`] is one transaction and always ends in a [`Report`]: an outcome for each recipient
//! - [`classify`]: the one table from (stage, what was said or went wrong) to what follows; pure
//!
//! mail-send is named in `session.rs` only.

mod classify;
mod destination;
mod session;

pub use classify::{Concern, Fault, Outcome, Stage, Verdict, classify};
pub use destination::{Auth, AuthMethod, Destination, Security, Timeouts, Verification};
pub use session::{Connection, Upstream};

use crate::model::{Address, BodyKind, Recipient, ReturnContent, ReversePath};

/// What is to be handed over in one transaction.
pub struct Handover<T> {
    /// `MAIL FROM`.
    pub sender: ReversePath,
    /// `RCPT TO`, in this order; the [`Report`] keeps it.
    pub recipients: Vec<Recipient>,
    /// Octets of the text, for `SIZE=`.
    pub size: u64,
    /// `BODY=`, where the server offers 8BITMIME.
    pub body: BodyKind,
    /// `SMTPUTF8`, needed by an address.
    pub smtputf8: bool,
    /// `RET=`, where the server offers DSN.
    pub ret: Option<ReturnContent>,
    /// `ENVID=`, where the server offers DSN.
    pub envid: Option<String>,
    /// The text, without dot-stuffing, lines ended by CRLF.
    pub text: T,
}

/// How a transaction ended.
#[derive(Clone, PartialEq, Debug)]
pub struct Report {
    /// One for each recipient, in the order of [`Handover::recipients`]. When the trouble is the account's, each has
    /// [`Concern::Account`] with its pause or stop: the attempt does not count against the recipient.
    pub recipients: Vec<Verdict>,
    /// What the account has to be told, besides: pause or stop.
    pub account: Option<Trouble>,
    /// Whether the server can have counted the transaction.
    pub counted: Counted,
}

/// Whether the server can have counted a transaction against its limits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Counted {
    /// It can.
    Perhaps,
    /// The connection was dead, or closed with 421, before `MAIL FROM` was answered: not an attempt. Charge and
    /// count are given back, the message is due at once, and the next connection is a fresh one.
    No,
}

/// A trouble of the account: connect, TLS, token, login, or a refusal that concerns all its mail. Never a message's failure.
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
        self.smtputf8
            && (self.sender.mailbox().is_some_and(Address::needs_smtputf8) || self.recipients.iter().any(|r| r.address.needs_smtputf8()))
    }
}
