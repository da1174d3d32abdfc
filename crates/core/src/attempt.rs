//! What an attempt is and what became of it, as plain data: made by the upstream, read by the
//! queue and by the reports to people.
//!
//! An attempt is one transaction that offers some recipients of a message to a server.

use crate::classify::{Counted, Fault, Place, Verdict};

/// The next hop of a transaction. All its recipients must have the same one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NextHop {
    /// The account's one server.
    Server,
    /// The mail servers of one domain, found by DNS.
    Domain(String),
}

/// The result of an attempt.
#[derive(Clone, PartialEq, Debug)]
pub struct Report {
    /// The verdicts, in the order of the recipients that were handed over. When the account has a
    /// problem, each verdict has [`Concern::Account`](crate::classify::Concern::Account) with its
    /// pause or stop, and the attempt does not count against the recipient.
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

/// A problem of the account: connecting, TLS, token, login, or a refusal that concerns all its
/// mail. For a next hop whose servers DNS names, a problem of that domain. It is never a failure of
/// a message.
#[derive(Clone, PartialEq, Debug)]
pub struct Trouble {
    /// The server's reply or the fault.
    pub fault: Fault,
    /// The consequence: a pause or a stop, with a sentence for the administrator.
    pub verdict: Verdict,
}

/// A recipient for which Postroom gave up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Failure {
    /// The recipient's position in the entry.
    pub index: usize,
    /// Where the last attempt ended.
    pub place: Place,
    /// An explanation for the administrator, with the next step.
    pub advice: &'static str,
}
