//! What the session and its driver say to each other: settings, actions, questions, answers.

use std::sync::Arc;

use crate::{
    model::{Address, ByteSize, MailParameters, Recipient, Reply, ReversePath, TlsVersion},
    smtp::auth::{Login, Mechanism},
};

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
    /// Send the replies. When input is left over ([`crate::smtp::SessionStep::consumed`]), offer it
    /// again; else read more.
    Read,
    /// Send the replies, throw away whatever else has been read (RFC 3207 4.2), do the handshake,
    /// answer [`Answer::TlsStarted`].
    StartTls,
    /// Put the question to the policy and answer it.
    Ask(Question),
    /// `DATA` was accepted: open a spool file. Answer [`Answer::Permit`] (354 follows) or
    /// [`Answer::Refuse`].
    OpenMessage(Box<Transaction>),
    /// Append [`crate::smtp::Session::body`] to the spool file, then call
    /// [`crate::smtp::Session::advance`] again. On a write error answer
    /// [`Answer::Refuse`]: the rest is then swallowed and the refusal given at end of data.
    WriteBody,
    /// End of data: commit, answer [`Answer::Accepted`] or [`Answer::Refuse`].
    Commit,
    /// The message in progress is not to be kept, since it is too large: delete the spool file,
    /// then call [`crate::smtp::Session::advance`] again. The rest is swallowed and the refusal
    /// given at end of data.
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
    /// The command is permitted.
    Permit,
    /// No, with the reply to give. A 421 also ends the session.
    Refuse(Reply),
    /// The login is right; from now on these settings hold.
    LoggedIn {
        /// The name under which the client has logged in.
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
