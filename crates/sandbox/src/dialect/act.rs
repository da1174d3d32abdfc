//! The acts that a dialogue demands of its connection.

use std::time::Duration;

use crate::dialect::accepted::Accepted;

/// An act of the connection. Acts are performed in order.
#[derive(PartialEq, Debug)]
pub(crate) enum Act {
    /// Sends this text.
    Say(String),
    /// Sends this text one octet at a time.
    Drip(String),
    /// Sends the pending output, then waits.
    Pause(Duration),
    /// Discards the pending input, then starts TLS.
    Handshake(Handshake),
    /// Receives text.
    Receive(Receive),
    /// Stores the received text as a message.
    Keep(Box<Accepted>),
    /// Discards the received text.
    Lose,
    /// Calls `Dialogue::settle`, because the message has been answered.
    Settle,
    /// Ends the connection.
    Leave(Leave),
}

/// The kind of TLS handshake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Handshake {
    Proper,
    WrongName,
    UntrustedIssuer,
    Expired,
    /// Sends plain text in place of a ServerHello.
    Garbage,
}

/// How text is received.
#[derive(PartialEq, Debug)]
pub(crate) enum Receive {
    /// Text up to `<CRLF>.<CRLF>`. A fault may cut it short.
    Dotted { cut: Option<Cut> },
    /// A chunk with this number of octets (RFC 3030).
    Chunk { octets: u64, last: bool, cut: Option<Cut> },
    /// A refused chunk with this number of octets, which are discarded.
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
    /// Sends the pending output, then closes.
    Close,
    /// Closes at once.
    Cut,
    /// Closes at once with a TCP reset.
    Reset,
    /// Sends nothing more and waits until the client disconnects.
    Silence,
}
