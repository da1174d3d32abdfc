//! What follows from an answer or a fault: for whom, what, and all that the queue has to know of it
//! beside.

use std::time::Duration;

use crate::{classify::stage::Stage, model::Reply};

/// Who speaks to us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Peer {
    /// The account's own server, which knows us by a login, a certificate or our address.
    Server,
    /// A mail server of the recipients' domain, found by DNS: it does not know us.
    Exchanger,
}

/// Whom a verdict concerns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Concern {
    /// One recipient.
    Recipient,
    /// The message: every recipient of the transaction.
    Message,
    /// The account: the message is not to blame, and the attempt does not count against it.
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

impl Outcome {
    /// Whether the account waits: a pause or a stop.
    #[must_use]
    pub const fn holds_account(self) -> bool {
        match self {
            Self::Pause(_) | Self::Stop => true,
            Self::Deliver
            | Self::Retry
            | Self::RetryAfter(_)
            | Self::NextTransaction
            | Self::Fail
            | Self::Doubt => false,
        }
    }

    /// Whether a person should hear of it at once.
    #[must_use]
    pub const fn alarm(self) -> Alarm {
        match self {
            Self::Stop => Alarm::Person,
            Self::Pause(pause) if pause.as_secs() >= Verdict::ALARMING_PAUSE.as_secs() => {
                Alarm::Person
            }
            Self::Pause(_)
            | Self::Deliver
            | Self::Retry
            | Self::RetryAfter(_)
            | Self::NextTransaction
            | Self::Fail
            | Self::Doubt => Alarm::Log,
        }
    }
}

/// Whether the account should open fewer connections.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Concurrency {
    /// As many as before.
    Keep,
    /// Fewer: the server says that too many are open at once.
    Lower,
}

/// What shows that the trouble of an account is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Probe {
    /// A login.
    Login,
    /// A message: a login does not meet with the trouble.
    Message,
    /// A message, tried once a day: the server punishes whoever repeats this.
    MessageOnceADay,
}

/// Whether a person is told at once, beyond what becomes of the message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Alarm {
    /// The account is stopped, or paused for long: somebody should look.
    Person,
    /// The log is enough.
    Log,
}

/// Whether the message may be accepted when its recipients are divided into two transactions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Splitting {
    /// The whole message was refused, and one of its recipients may be the reason.
    MayHelp,
    /// Each half would meet with the same.
    Useless,
}

/// How far the trouble of one next hop reaches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// Mail for other domains may well go.
    NextHop,
    /// Our own side is to blame: mail for every other domain would meet with it.
    EveryNextHop,
}

/// What follows from a fault, for whom, and what to tell the administrator: one row of the table,
/// applied.
#[derive(Clone, PartialEq, Debug)]
pub struct Verdict {
    /// Where it was said or went wrong. For a delivery, [`Stage::EndOfData`].
    pub stage: Stage,
    /// For whom.
    pub concern: Concern,
    /// What follows for the recipients or the account.
    pub outcome: Outcome,
    /// Whether the account should open fewer connections.
    pub concurrency: Concurrency,
    /// What shows that a pause or a stop is over.
    pub probe: Probe,
    /// Whether a person is told at once.
    pub alarm: Alarm,
    /// Whether dividing the recipients may help.
    pub splitting: Splitting,
    /// Of a pause or a stop, where a domain's servers are found by DNS: whether it is the domain's.
    pub scope: Scope,
    /// The server's words, when it had any; of a domain that has no server which could speak, ours.
    pub reply: Option<Reply>,
    /// What happened, what it means, the next step: one or two sentences for the administrator.
    pub advice: &'static str,
}

impl Verdict {
    /// A pause this long is worth an alert: it will not heal while people wait.
    pub const ALARMING_PAUSE: Duration = Duration::from_secs(30 * 60);

    /// A verdict about which there is nothing special.
    #[must_use]
    pub const fn plain(
        stage: Stage,
        concern: Concern,
        outcome: Outcome,
        reply: Option<Reply>,
        advice: &'static str,
    ) -> Self {
        let probe = if stage.is_about_mail() { Probe::Message } else { Probe::Login };
        Self {
            stage,
            concern,
            outcome,
            concurrency: Concurrency::Keep,
            probe,
            alarm: outcome.alarm(),
            splitting: Splitting::Useless,
            scope: Scope::NextHop,
            reply,
            advice,
        }
    }
}
