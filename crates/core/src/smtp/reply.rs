//! Our replies, by name (RFC 5321 4.2.3, RFC 3463), and how they are written.
//!
//! Each reply says what happened and, if there is one, the next step. The texts are conventional
//! and have one line: some devices give up on a reply that Postfix or Exchange would not send.

use std::fmt::Display;

use crate::model::{EnhancedCode, MessageId, Reply};

/// `QUIT`.
pub const BYE: Reply = Reply::fixed(221, EnhancedCode(2, 0, 0), "Bye");
/// `RSET`, `NOOP`.
pub const OK: Reply = Reply::fixed(250, EnhancedCode(2, 0, 0), "Ok");
/// `MAIL`.
pub const SENDER_OK: Reply = Reply::fixed(250, EnhancedCode(2, 1, 0), "Sender ok");
/// `RCPT`.
pub const RECIPIENT_OK: Reply = Reply::fixed(250, EnhancedCode(2, 1, 5), "Recipient ok");
/// `VRFY`: we do not reveal which mailboxes exist (RFC 5321 7.3).
pub const CANNOT_VERIFY: Reply = Reply::fixed(
    252,
    EnhancedCode(2, 5, 0),
    "Cannot verify the user, but will take mail for it and try to deliver",
);
/// `HELP`.
pub const HELP: Reply = Reply::fixed(
    214,
    EnhancedCode(2, 0, 0),
    "See RFC 5321; this server forwards mail of the devices it knows",
);
/// `STARTTLS`.
pub const READY_FOR_TLS: Reply = Reply::fixed(220, EnhancedCode(2, 0, 0), "Ready to start TLS");
/// A successful login. The text is exactly that of Exchange and Postfix: a printer was seen to
/// disconnect after others.
pub const LOGGED_IN: Reply = Reply::fixed(235, EnhancedCode(2, 7, 0), "Authentication successful");
/// `DATA`. RFC 2034 4: intermediate replies have no enhanced code.
pub const START_TEXT: &str = "354 End data with <CR><LF>.<CR><LF>\r\n";

/// The daemon is stopping.
pub const SHUTTING_DOWN: Reply =
    Reply::fixed(421, EnhancedCode(4, 3, 2), "The server is restarting; try again in a minute");
/// The client was silent for too long.
pub const TIMED_OUT: Reply = Reply::fixed(
    421,
    EnhancedCode(4, 4, 2),
    "Nothing received for too long, closing the connection",
);
/// Too many commands were invalid.
pub const TOO_MANY_ERRORS: Reply =
    Reply::fixed(421, EnhancedCode(4, 7, 0), "Too many errors, closing the connection");
/// Too many wrong passwords in one session.
pub const TOO_MANY_LOGINS: Reply = Reply::fixed(
    421,
    EnhancedCode(4, 7, 0),
    "Too many failed logins; check user name and password",
);
/// An HTTP client, or a browser tricked into speaking to us.
pub const NOT_A_WEB_SERVER: Reply =
    Reply::fixed(421, EnhancedCode(4, 7, 0), "This is a mail server, not a web server");

/// An internal error.
pub const LOCAL_ERROR: Reply =
    Reply::fixed(451, EnhancedCode(4, 3, 0), "Local error; try again later");
/// The disk is nearly full, or the spool cannot be written (RFC 5321 4.5.3.1.10: our own problem is
/// never permanent).
pub const STORAGE_FULL: Reply =
    Reply::fixed(452, EnhancedCode(4, 3, 1), "Insufficient system storage; try again later");
/// RFC 5321 4.5.3.1.10.
pub const TOO_MANY_RECIPIENTS: Reply = Reply::fixed(
    452,
    EnhancedCode(4, 5, 3),
    "Too many recipients (max_recipients); send to the others in another message",
);
/// A login could not be verified.
pub const LOGIN_UNAVAILABLE: Reply =
    Reply::fixed(454, EnhancedCode(4, 7, 0), "Temporary authentication failure; try again later");

/// The line exceeds its bound.
pub const LINE_TOO_LONG: Reply = Reply::fixed(500, EnhancedCode(5, 5, 2), "Command too long");
/// The command is unknown.
pub const UNKNOWN_COMMAND: Reply =
    Reply::fixed(500, EnhancedCode(5, 5, 1), "Command not recognized");
/// The command is known, but malformed.
pub const SYNTAX_ERROR: Reply =
    Reply::fixed(501, EnhancedCode(5, 5, 4), "Syntax error in the parameters of the command");
/// The command is not `MAIL FROM:<address>`, or has not exactly one address.
pub const BAD_SENDER: Reply = Reply::fixed(
    501,
    EnhancedCode(5, 1, 7),
    "Bad sender address; set a full address (name@domain) in the device",
);
/// The command is not `RCPT TO:<address>`, or has not exactly one address.
pub const BAD_RECIPIENT: Reply = Reply::fixed(
    501,
    EnhancedCode(5, 1, 3),
    "Bad recipient address; write it in full (name@domain)",
);
/// A SASL response that is not base64, or is not what the mechanism asks for.
pub const BAD_RESPONSE: Reply =
    Reply::fixed(501, EnhancedCode(5, 5, 2), "Cannot decode the authentication response");
/// `*` in an authentication exchange (RFC 4954 4).
pub const LOGIN_CANCELLED: Reply =
    Reply::fixed(501, EnhancedCode(5, 7, 0), "Authentication cancelled");
/// A command of some standard that we do not support.
pub const NOT_IMPLEMENTED: Reply =
    Reply::fixed(502, EnhancedCode(5, 5, 1), "Command not implemented");
/// `STARTTLS` where the listener has none.
pub const NO_TLS_HERE: Reply = Reply::fixed(
    502,
    EnhancedCode(5, 5, 1),
    "TLS is not offered here (tls of the listener); switch it off in the device",
);
/// A second `STARTTLS`.
pub const TLS_IS_ON: Reply = Reply::fixed(503, EnhancedCode(5, 5, 1), "TLS is already active");
/// `MAIL` or `AUTH` before any greeting.
pub const HELO_FIRST: Reply = Reply::fixed(503, EnhancedCode(5, 5, 1), "Send HELO or EHLO first");
/// `RCPT` or `DATA` before `MAIL`.
pub const MAIL_FIRST: Reply = Reply::fixed(503, EnhancedCode(5, 5, 1), "Send MAIL FROM first");
/// `MAIL` in a transaction.
pub const SENDER_GIVEN: Reply = Reply::fixed(
    503,
    EnhancedCode(5, 5, 1),
    "The sender was given already; finish the message or send RSET",
);
/// RFC 4954 4.
pub const NO_LOGIN_NOW: Reply =
    Reply::fixed(503, EnhancedCode(5, 5, 1), "AUTH is not permitted inside a mail transaction");
/// RFC 4954 4.
pub const ALREADY_LOGGED_IN: Reply =
    Reply::fixed(503, EnhancedCode(5, 5, 1), "Already authenticated");
/// `AUTH` that was not announced.
pub const NO_LOGIN_HERE: Reply = Reply::fixed(
    503,
    EnhancedCode(5, 5, 1),
    "Authentication is not offered here (auth); switch it off in the device",
);
/// `AUTH` without TLS (RFC 3207 4: "Must issue a STARTTLS command first").
pub const ENCRYPT_FIRST: Reply = Reply::fixed(
    530,
    EnhancedCode(5, 7, 0),
    "Log in over TLS 1.2 or newer only (encryption = \"required\"); switch on STARTTLS or SSL/TLS \
    in the device",
);
/// A mechanism that was not announced.
pub const UNKNOWN_MECHANISM: Reply = Reply::fixed(
    504,
    EnhancedCode(5, 5, 4),
    "Authentication mechanism not offered (mechanisms); choose another in the device",
);
/// The text is larger than `max_message`.
pub const TOO_LARGE: Reply = Reply::fixed(
    552,
    EnhancedCode(5, 3, 4),
    "Message too large (max_message); lower the resolution or split the document",
);
/// `DATA` with no recipient that was accepted (RFC 5321 3.3).
pub const NO_RECIPIENTS: Reply = Reply::fixed(554, EnhancedCode(5, 5, 1), "No valid recipients");
/// RFC 8689 4.1: a promise that we cannot keep.
pub const NO_REQUIRETLS: Reply =
    Reply::fixed(555, EnhancedCode(5, 5, 4), "REQUIRETLS is not offered");

/// The reply to a message that is on disk.
#[must_use]
pub fn queued(id: &MessageId) -> Reply {
    Reply::with(250, EnhancedCode(2, 0, 0), &format!("queued as {id}"))
}

/// Appends `reply` as one line.
pub(super) fn write(reply: &Reply, output: &mut Vec<u8>) {
    output.extend_from_slice(format!("{reply}\r\n").as_bytes());
}

/// Appends a reply of several lines, without enhanced codes: the banner and the answers to `HELO`
/// and `EHLO` (RFC 2034 4).
pub(super) fn write_lines<Line: Display>(code: u16, lines: &[Line], output: &mut Vec<u8>) {
    let last = lines.len().saturating_sub(1);
    for (index, line) in lines.iter().enumerate() {
        let separator = if index == last { ' ' } else { '-' };
        output.extend_from_slice(format!("{code}{separator}{line}\r\n").as_bytes());
    }
}

/// Appends a SASL challenge, already in base64 (RFC 4954 4). An empty one keeps the blank, because
/// some clients wait for it.
pub(super) fn write_challenge(challenge: &str, output: &mut Vec<u8>) {
    output.extend_from_slice(format!("334 {challenge}\r\n").as_bytes());
}
