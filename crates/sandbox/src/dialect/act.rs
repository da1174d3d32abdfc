//! What the connection is told to do.

use std::time::Duration;

use crate::dialect::accepted::Accepted;

/// What the connection must do, in this order.
#[derive(PartialEq, Debug)]
pub(crate) enum Act {
    /// Sends this.
    Say(String),
    /// Sends this an octet at a time.
    Drip(String),
    /// Sends what is due, then waits.
    Pause(Duration),
    /// Throws away what was read, then begins TLS.
    Handshake(Handshake),
    /// Takes text.
    Receive(Receive),
    /// The text received becomes a kept message.
    Keep(Box<Accepted>),
    /// The text received is thrown away.
    Lose,
    /// The message was answered: calls `Dialogue::settle`.
    Settle,
    /// Ends the connection.
    Leave(Leave),
}

/// How TLS begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Handshake {
    Proper,
    WrongName,
    UntrustedIssuer,
    Expired,
    /// Plain text where a ServerHello should be.
    Garbage,
}

/// How text is taken.
#[derive(PartialEq, Debug)]
pub(crate) enum Receive {
    /// To `<CRLF>.<CRLF>`; with a fault, only so far.
    Dotted { cut: Option<Cut> },
    /// So many octets (RFC 3030).
    Chunk { octets: u64, last: bool, cut: Option<Cut> },
    /// So many octets, not kept: the chunk was refused.
    Swallow { octets: u64 },
}

/// A fault in the middle of the text.
#[derive(PartialEq, Debug)]
pub(crate) struct Cut {
    pub(crate) after: u64,
    pub(crate) acts: Vec<Act>,
}

/// How a connection ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Leave {
    /// After sending what is due.
    Close,
    /// At once.
    Cut,
    /// At once, by TCP reset.
    Reset,
    /// When the client leaves; it hears nothing until then.
    Silence,
}
