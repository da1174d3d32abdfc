//! The interface between the session and its driver: settings, actions, questions, answers.

use std::sync::Arc;

use crate::{
    model::{Address, ByteSize, MailParameters, Recipient, Reply, ReversePath, TlsVersion},
    smtp::auth::{Login, Mechanism},
};

/// What a session offers and requires. This depends on the device, and is replaced when a login
/// shows which device it is.
#[derive(Clone, Debug)]
pub struct SessionSettings {
    /// The name that we give in the banner and the reply to `EHLO`.
    pub hostname: String,
    /// The largest message, in octets as received. Announced with `SIZE` (RFC 1870).
    pub max_message: ByteSize,
    /// The most recipients of one message; further ones get 452 4.5.3.
    pub max_recipients: usize,
    /// Whether `STARTTLS` is offered.
    pub starttls: StartTls,
    /// The mechanisms that are offered, in this order. If there are none, AUTH is not announced. A
    /// mechanism that cannot be verified is never offered.
    pub mechanisms: Vec<Mechanism>,
    /// The reason why there are none, if there are none.
    pub no_login: NoLogin,
    /// EHLO keywords hidden from this device (`SIZE`, `PIPELINING`, `8BITMIME`, …). `AUTH=` hides
    /// the old form of `AUTH` alone.
    pub hide_extensions: Vec<String>,
    /// What ends the text of a message.
    pub end_of_data: EndOfData,
}

/// Why no mechanism is offered. It decides the reply to a client that tries AUTH all the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum NoLogin {
    /// The client has no user to log in as: 503 5.5.1.
    #[default]
    Never,
    /// The client must encrypt first: 530 5.7.0 (RFC 3207 4).
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
    /// `<LF>.<LF>` too. The session then ends, so that nothing after it is ever taken for a
    /// command.
    LoneLfThenClose,
}

/// What the driver must do next.
#[derive(Debug)]
pub enum Action {
    /// Send the replies. When input is left over ([`crate::smtp::SessionStep::consumed`]), offer it
    /// again; otherwise read more.
    Read,
    /// Send the replies, discard everything else that has been read (RFC 3207 4.2), perform the
    /// handshake, and answer [`Answer::TlsStarted`].
    StartTls,
    /// Put the question to the policy and answer it.
    Ask(Question),
    /// `DATA` was accepted: open a spool file. Answer [`Answer::Permit`] (354 follows) or
    /// [`Answer::Refuse`].
    OpenMessage(Box<Transaction>),
    /// Append [`crate::smtp::Session::body`] to the spool file, then call
    /// [`crate::smtp::Session::advance`] again. On a write error, answer [`Answer::Refuse`]: the
    /// session then discards the rest of the text and refuses it at end of data.
    WriteBody,
    /// End of data: commit, then answer [`Answer::Accepted`] or [`Answer::Refuse`].
    Commit,
    /// The message in progress is too large: delete the spool file, then call
    /// [`crate::smtp::Session::advance`] again. The session discards the rest of the text and
    /// refuses it at end of data.
    Discard,
    /// Send the replies, close the connection, and delete the spool file of a message that has not
    /// been committed.
    Close,
}

/// A decision that the session leaves to the driver.
#[derive(Debug)]
pub enum Question {
    /// Is this login valid? Answer [`Answer::LoggedIn`] or [`Answer::Refuse`].
    Login(Login),
    /// May this sender be used, and may the client send at all? Answer [`Answer::Permit`] or
    /// [`Answer::Refuse`].
    Sender {
        /// `MAIL FROM`.
        sender: ReversePath,
        /// `SIZE=`, a hint only.
        size: Option<ByteSize>,
    },
    /// May the client send to this recipient?
    Recipient(Address),
}

/// The driver's answer to an [`Action`]. `Proof` shows that a message is durable: only the spool
/// can make one.
#[derive(Debug)]
pub enum Answer<Proof> {
    /// The command is permitted.
    Permit,
    /// The command is refused with this reply. A 421 also ends the session.
    Refuse(Reply),
    /// The login is valid; these settings apply from now on.
    LoggedIn {
        /// The name under which the client has logged in.
        user: String,
        /// The settings of this user's device.
        settings: Arc<SessionSettings>,
    },
    /// The handshake is done. These settings apply from now on, because TLS changes what a device
    /// is offered.
    TlsStarted {
        /// The version that was negotiated.
        version: TlsVersion,
        /// The settings now that the connection is encrypted. A login made before is forgotten (RFC
        /// 3207 4.2).
        settings: Arc<SessionSettings>,
    },
    /// The message is on disk. The reply is `250 2.0.0 queued as <id>`.
    Accepted(Proof),
}

/// One mail transaction (RFC 5321 3.3), complete up to `DATA`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transaction {
    /// `MAIL FROM`.
    pub sender: ReversePath,
    /// `RCPT TO`: at least one recipient, without duplicates.
    pub recipients: Vec<Recipient>,
    /// The other parameters of `MAIL FROM`.
    pub parameters: MailParameters,
    /// `SIZE=`, a hint only.
    pub declared_size: Option<ByteSize>,
}
