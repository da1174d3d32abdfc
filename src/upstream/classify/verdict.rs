//! The words of the table: where, what, for whom, what follows.

use std::time::Duration;

use super::row::contains;
use crate::model::Reply;

/// Where in the attempt something happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Name resolution and TCP.
    Connect,
    /// The handshake, implicit or after STARTTLS.
    Tls,
    /// The banner.
    Greeting,
    /// EHLO, first or second, and STARTTLS.
    Ehlo,
    /// Reading the password or getting the token.
    Token,
    /// AUTH.
    Auth,
    /// `MAIL FROM`.
    MailFrom,
    /// `RCPT TO`.
    RcptTo,
    /// `DATA`.
    Data,
    /// While text was being sent: end of data cannot have been seen.
    Body,
    /// From the final dot on: without an answer, nobody knows.
    EndOfData,
}

/// Who says it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Peer {
    /// The account's own server, which knows us by a login, a certificate or our address.
    Server,
    /// A mail server of the recipients' domain, found by DNS: a stranger.
    Exchanger,
}

/// What was said or went wrong.
#[derive(Clone, PartialEq, Debug)]
pub enum Fault {
    /// The server answered.
    Reply(Reply),
    /// The server closed the connection.
    Closed,
    /// No answer in time.
    TimedOut,
    /// The network or the handshake failed, with the words of whoever noticed.
    Failed(String),
}

/// Whom a verdict concerns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Concern {
    /// One recipient.
    Recipient,
    /// The message: every recipient of the transaction.
    Message,
    /// The account: the message is not to blame and not counted against.
    Account,
}

/// What follows, in the imperative for the owner.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Nothing more: the server has it.
    Deliver,
    /// Try again when the plan says.
    Retry,
    /// Try again when the plan says, but not before this long: the server named a reason that
    /// lasts.
    RetryAfter(Duration),
    /// Not an attempt: the server takes no more recipients in this transaction (RFC 5321
    /// 4.5.3.1.10). Send to this one in another transaction, at once if the budget allows.
    NextTransaction,
    /// Give up and tell a person.
    Fail,
    /// Nobody knows whether the server has it: try again when the plan says, and count the doubt.
    Doubt,
    /// Pause the account this long; messages wait.
    Pause(Duration),
    /// Stop the account until a probe succeeds or a person acts; messages wait.
    Stop,
}

/// What follows from a fault, for whom, and what to tell the administrator.
#[derive(Clone, PartialEq, Debug)]
pub struct Verdict {
    /// Where it was said or went wrong. For a delivery, [`Stage::EndOfData`].
    pub stage: Stage,
    /// For whom.
    pub concern: Concern,
    /// What.
    pub outcome: Outcome,
    /// The server's words, when it had any.
    pub reply: Option<Reply>,
    /// What happened, what it means, the next step: one or two sentences for the administrator.
    pub advice: &'static str,
}

impl Verdict {
    /// A pause this long is worth an alert: it will not heal while people wait.
    pub const ALARMING_PAUSE: Duration = Duration::from_secs(30 * 60);

    /// Whether the server says that too many connections are open at once: fewer would do better.
    #[must_use]
    pub fn asks_for_fewer_connections(&self) -> bool {
        const SAID: [&str; 3] =
            ["concurrent connections", "sender thread limit", "too many connections"];
        self.reply.as_ref().is_some_and(|reply| {
            reply.code == 432 || SAID.iter().any(|words| contains(&reply.text, words))
        })
    }

    /// Whether repeating it is what the server punishes: Exchange Online throttles a mailbox that
    /// goes on sending though it is full, or blocked for spam (5.2.251 to 5.2.255).
    #[must_use]
    pub fn is_punished_when_repeated(&self) -> bool {
        const SAID: [&str; 5] = [
            "mailbox full",
            "ShutoffQuotaExceeded",
            "MapiExceptionQuotaExceeded",
            "OutboundSpam",
            "bad outbound sender",
        ];
        self.outcome == Outcome::Stop
            && self
                .reply
                .as_ref()
                .is_some_and(|reply| SAID.iter().any(|words| contains(&reply.text, words)))
    }

    /// Whether a person should be told at once, beyond what becomes of the message: the account is
    /// stopped, or paused for long.
    #[must_use]
    pub fn is_alarming(&self) -> bool {
        match self.outcome {
            Outcome::Stop => true,
            Outcome::Pause(pause) => pause >= Self::ALARMING_PAUSE,
            Outcome::Deliver
            | Outcome::Retry
            | Outcome::RetryAfter(_)
            | Outcome::NextTransaction
            | Outcome::Fail
            | Outcome::Doubt => false,
        }
    }
}
