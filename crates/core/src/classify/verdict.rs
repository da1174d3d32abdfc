//! What follows from a reply or a fault: for whom, what, and everything else that the queue needs
//! to know.

use std::time::Duration;

use crate::{classify::place::Place, model::Reply};

/// The kind of server that sent the reply.
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

/// What the owner of the message or account must do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Nothing more is to be done: the server has the message.
    Deliver,
    /// Try again at the next time of the retry schedule.
    Retry,
    /// Try again at the next time of the schedule, but only after this time: the reason that the
    /// server named lasts.
    RetryAfter(Duration),
    /// Not an attempt: the server takes no more recipients in this transaction (RFC 5321
    /// 4.5.3.1.10). Send to this one in another transaction, at once if the budget allows.
    NextTransaction,
    /// Give up and tell a person.
    Fail,
    /// Nobody knows whether the server has the message: try again at the next time of the schedule,
    /// and count the doubt.
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

    /// Whether a person is told at once.
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

/// Whether the server may have counted something against its limits: a transaction, or one of its
/// recipients.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Counted {
    /// The server may have counted it.
    Perhaps,
    /// The server has not counted it.
    ///
    /// - A transaction: the connection was dead, or closed, before the server answered anything
    ///   about the message. This is not an attempt: its charge and its count are given back, the
    ///   message is due at once, and the next connection is a new one.
    /// - A recipient: it was refused alone, so it is part of no message that the server has.
    No,
}

/// Whether the account should open fewer connections.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Concurrency {
    /// The account keeps its number of connections.
    Keep,
    /// The account opens fewer: the server says that too many are open at once.
    Lower,
}

/// What shows that an account's problem is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Probe {
    /// A successful login.
    Login,
    /// A delivered message, because a login does not reveal the problem.
    Message,
    /// A delivered message, tried once a day, because the server throttles a mailbox that repeats
    /// this.
    MessageOnceADay,
}

/// Whether a person is told at once, beyond what becomes of the message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Alarm {
    /// The account is stopped, or paused for long: somebody should look.
    Person,
    /// An entry in the log is enough.
    Log,
}

/// Whether the message may be accepted when its recipients are divided into two transactions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Splitting {
    /// The whole message was refused, and one of its recipients may be the reason.
    MayHelp,
    /// Each half would get the same refusal.
    Useless,
}

/// Whether the reply says clearly whom it concerns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Certainty {
    /// The reply says it, or nothing else is possible.
    Stated,
    /// The reply is presumed to refuse the account. If the server accepts other recipients, it
    /// refuses this recipient alone.
    UnlessOthersPass,
    /// The reply is presumed to refuse the recipient, the sender or the message. If the server
    /// gives the same reply for several recipients in a row, it refuses the account.
    UnlessRepeated,
}

/// How far the problem of one next hop reaches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// Only this next hop: mail for other domains may be accepted.
    NextHop,
    /// Every next hop, because the cause is on our own side.
    EveryNextHop,
}

/// What follows from a fault, for whom, and what to tell the administrator: one row of the table,
/// applied.
#[derive(Clone, PartialEq, Debug)]
pub struct Verdict {
    /// Where it was said or went wrong.
    pub place: Place,
    /// Whom the verdict concerns.
    pub concern: Concern,
    /// What follows for the recipients or the account.
    pub outcome: Outcome,
    /// Whether the reply says clearly whom it concerns.
    pub certainty: Certainty,
    /// Whether the account should open fewer connections.
    pub concurrency: Concurrency,
    /// What shows that a pause or a stop is over.
    pub probe: Probe,
    /// Whether a person is told at once.
    pub alarm: Alarm,
    /// Whether the server may have counted the recipient.
    pub counted: Counted,
    /// Whether dividing the recipients may help.
    pub splitting: Splitting,
    /// For a pause or a stop where DNS names the domain's servers: whether it concerns that domain
    /// alone.
    pub scope: Scope,
    /// The server's reply, if there was one. For a domain without a reachable server, a reply of
    /// our own.
    pub reply: Option<Reply>,
    /// What happened, what it means, the next step: one or two sentences for the administrator.
    pub advice: &'static str,
}

impl Verdict {
    /// The shortest pause that causes an alert: it will not end while people wait.
    pub const ALARMING_PAUSE: Duration = Duration::from_secs(30 * 60);

    /// The same reply where the server was seen to accept others: the account works, and the
    /// recipient alone is tried again when the plan says.
    #[must_use]
    pub fn of_recipient_alone(self) -> Self {
        let plain =
            Self::plain(self.place, Concern::Recipient, Outcome::Retry, self.reply, self.advice);
        Self { counted: Counted::No, ..plain }
    }

    /// The same reply where the server gave it for several recipients in a row: it refuses the
    /// account, and mail waits.
    #[must_use]
    pub fn of_account(self) -> Self {
        let advice = "The server gives the same reply for every recipient, so it probably refuses \
            this account or this machine. Check the account's auth and address with the server's \
            administrator. Mail waits; a message is tried now and then.";
        Self::plain(self.place, Concern::Account, Outcome::Stop, self.reply, advice)
    }

    /// A verdict without special properties. For a pause or a stop, only a message shows whether it
    /// is over.
    #[must_use]
    pub const fn plain(
        place: Place,
        concern: Concern,
        outcome: Outcome,
        reply: Option<Reply>,
        advice: &'static str,
    ) -> Self {
        Self {
            place,
            concern,
            outcome,
            certainty: Certainty::Stated,
            concurrency: Concurrency::Keep,
            probe: Probe::Message,
            alarm: outcome.alarm(),
            counted: Counted::Perhaps,
            splitting: Splitting::Useless,
            scope: Scope::NextHop,
            reply,
            advice,
        }
    }
}
