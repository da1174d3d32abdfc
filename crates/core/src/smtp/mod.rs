//! The server's half of SMTP, as a machine without sockets, clock or async (RFC 5321, 4954, 3207,
//! 1870, 6152, 6531, 3461).
//!
//! The driver (`listener`) owns the socket. It feeds bytes to [`Session::advance`], does what the
//! returned [`Action`] says, gives the result back with [`Session::answer`], calls
//! [`Session::advance`] again with what is left (be it nothing: an answer may end the session), and
//! sends [`Session::replies`] before it next waits for bytes. All commands that arrived in one read
//! are thus answered in one write (RFC 2920).
//!
//! - `line`: bytes to lines, within bounds
//! - `command`: a line to a command; repairs what devices get wrong, then parses with smtp-proto
//! - `reply`: our replies by name, and how they are written
//! - `auth`: the SASL mechanisms
//! - `body`: the text after `DATA`, with the rules for its end; `dot_stuffing`: the way back
//! - `session`: the states and their transitions
//! - [`Quirk`]: what devices do against the standards, and we put up with; a word of `model`

pub mod auth;
pub mod body;
pub mod command;
pub mod dot_stuffing;
pub mod line;
pub mod reply;
mod session;

pub use crate::model::Quirk;
pub use session::{EXTENSIONS, Session, SessionStep};

use std::sync::Arc;

use crate::model::{Address, ByteSize, MailParameters, Recipient, ReversePath, Secret, TlsVersion};

/// What a session offers and insists on. Depends on the device; replaced when a login tells who it
/// really is.
#[derive(Clone, Debug)]
pub struct SessionSettings {
    /// What we call ourselves in the banner and the answer to `EHLO`.
    pub hostname: String,
    /// Largest message, in octets as received. Announced with `SIZE` (RFC 1870).
    pub max_message: ByteSize,
    /// Most recipients of one message; more are told 452 4.5.3.
    pub max_recipients: usize,
    /// Whether `STARTTLS` is offered.
    pub starttls: StartTls,
    /// The mechanisms offered, in this order. Empty: AUTH is not announced. Never one that cannot
    /// be verified.
    pub mechanisms: Vec<Mechanism>,
    /// Why there are none, when there are none.
    pub no_login: NoLogin,
    /// EHLO keywords hidden from this device (`SIZE`, `PIPELINING`, `8BITMIME`, …). `AUTH=` hides
    /// the old form of `AUTH` alone.
    pub hide_extensions: Vec<String>,
    /// What ends the text of a message.
    pub end_of_data: EndOfData,
}

/// Why no mechanism is offered: what a client hears that tries all the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum NoLogin {
    /// It has nothing to log in with: 503 5.5.1.
    #[default]
    Never,
    /// It must encrypt first: 530 5.7.0 (RFC 3207 4).
    InClear,
}

/// Whether `STARTTLS` is offered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StartTls {
    /// Not offered: 502 5.5.1.
    Absent,
    /// Offered until TLS is on.
    Offered,
}

/// SASL mechanisms we can serve.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mechanism {
    /// RFC 4616.
    Plain,
    /// draft-murchison-sasl-login: the prompts are exactly `Username:` and `Password:`.
    Login,
    /// RFC 2195. Needs the clear password.
    CramMd5,
    /// RFC 2831. Needs the clear password.
    DigestMd5,
}

/// What ends the text of a message. `<CRLF>.<CRLF>` always does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum EndOfData {
    /// Nothing else (RFC 5321 4.1.1.4).
    #[default]
    Strict,
    /// `<LF>.<LF>` too, and then the session ends: nothing after it is ever taken for a command.
    LoneLfThenClose,
}

/// What the driver must do next.
#[derive(Debug)]
pub enum Action {
    /// Send the replies. When input is left over ([`SessionStep::consumed`]), offer it again; else read
    /// more.
    Read,
    /// Send the replies, throw away whatever else has been read (RFC 3207 4.2), do the handshake,
    /// answer [`Answer::TlsStarted`].
    StartTls,
    /// Put the question to the policy and answer it.
    Ask(Question),
    /// `DATA` was accepted: open a spool file. Answer [`Answer::Permit`] (354 follows) or
    /// [`Answer::Refuse`].
    OpenMessage(Box<Transaction>),
    /// Append [`Session::body`] to the spool file, then call [`Session::advance`] again. On a write
    /// error answer
    /// [`Answer::Refuse`]: the rest is then swallowed and the refusal given at end of data.
    WriteBody,
    /// End of data: commit, answer [`Answer::Accepted`] or [`Answer::Refuse`].
    Commit,
    /// The message in progress is not to be kept, since it is too large: delete the spool file,
    /// then call [`Session::advance`] again. The rest is swallowed and the refusal given at end of
    /// data.
    Discard,
    /// Send the replies, close the connection, delete the spool file of a message that has not been
    /// committed.
    Close,
}

/// A decision that is not the session's.
#[derive(Debug)]
pub enum Question {
    /// Is this login right? Answer [`Answer::LoggedIn`] or [`Answer::Refuse`].
    Login(Login),
    /// May this sender be used, and may anything be sent at all? Answer [`Answer::Permit`] or
    /// [`Answer::Refuse`].
    Sender {
        /// `MAIL FROM`.
        sender: ReversePath,
        /// `SIZE=`, a hint only.
        size: Option<ByteSize>,
    },
    /// May this recipient be written to?
    Recipient(Address),
}

/// The driver's answer to an [`Action`]. `Proof` is what shows that a message is safe: only the
/// spool can make one.
#[derive(Debug)]
pub enum Answer<Proof> {
    /// Yes.
    Permit,
    /// No, with the reply to give. A 421 also ends the session.
    Refuse(crate::model::Reply),
    /// The login is right; from now on these settings hold.
    LoggedIn {
        /// Who.
        user: String,
        /// What this user's device is offered.
        settings: Arc<SessionSettings>,
    },
    /// The handshake is done; from now on these settings hold, since TLS changes what a device is
    /// offered.
    TlsStarted {
        /// What was agreed on.
        version: TlsVersion,
        /// What the client is offered now that it is encrypted. A login made before is forgotten
        /// (RFC 3207 4.2).
        settings: Arc<SessionSettings>,
    },
    /// The message is on disk. Becomes `250 2.0.0 queued as <id>`.
    Accepted(Proof),
}

/// What the client presented to log in. The driver verifies it.
pub enum Login {
    /// PLAIN or LOGIN: the password itself.
    Password {
        /// As sent: may be `user`, `user@host` or `DOMAIN\user`.
        user: String,
        /// As sent.
        password: Secret,
    },
    /// CRAM-MD5 (RFC 2195).
    CramMd5 {
        /// As sent.
        user: String,
        /// What we sent, with its angle brackets.
        challenge: String,
        /// HMAC-MD5 of the challenge, keyed with the password, as lower-case hexadecimal.
        digest: String,
    },
    /// DIGEST-MD5 (RFC 2831). Verified with [`auth::DigestResponse::verify`].
    DigestMd5(auth::DigestResponse),
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Login(***)")
    }
}

/// One mail transaction (RFC 5321 3.3), complete up to `DATA`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transaction {
    /// `MAIL FROM`.
    pub sender: ReversePath,
    /// `RCPT TO`, at least one, without doubles.
    pub recipients: Vec<Recipient>,
    /// What the sender asked for beside the sender's address.
    pub parameters: MailParameters,
    /// `SIZE=`, a hint only.
    pub declared_size: Option<ByteSize>,
}
