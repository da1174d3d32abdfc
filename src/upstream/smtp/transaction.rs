//! The state of one transaction, and what it means for each recipient. Pure.

use crate::{
    attempt::{Dsn, Report, Trouble},
    classify::{
        Certainty, Concern, Counted, Fault, Outcome, Peer, Stage, Verdict, classify, classify_of,
    },
    model::{Recipient, Reply, ReversePath},
    upstream::smtp::ehlo::Offers,
};

/// The stage and the fault at which a transaction broke off. The connection must not be used again.
pub(in crate::upstream) struct Broken(pub(in crate::upstream) Stage, pub(in crate::upstream) Fault);

/// One command of a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::upstream) enum Command {
    /// RSET, which ends a transaction that was left open.
    Reset,
    /// MAIL FROM.
    Mail,
    /// RCPT TO for the recipient at this index.
    Rcpt(usize),
    /// `DATA`.
    Data,
}

impl Command {
    pub(in crate::upstream) const fn stage(self) -> Stage {
        match self {
            Self::Reset | Self::Mail => Stage::MailFrom,
            Self::Rcpt(_) => Stage::RcptTo,
            Self::Data => Stage::Data,
        }
    }
}

/// Whether the connection has carried a transaction before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::upstream) enum Use {
    First,
    Again,
}

/// The step that follows the envelope.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::upstream) enum Next {
    /// A recipient was accepted, and the server waits for the text.
    Text,
    /// No recipient was accepted, but the server waits for the text.
    LoneDot,
    /// Nothing more can be sent. `Left` is the state of the server's transaction.
    Nothing(Left),
}

/// The state of a transaction that ended without end of data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::upstream) enum Left {
    /// MAIL was accepted: the transaction is still open.
    Open,
    /// MAIL was refused: there is no open transaction.
    Clean,
    /// Nothing was sent: the state is unchanged.
    AsBefore,
}

/// A transaction in progress.
pub(in crate::upstream) struct Transaction {
    peer: Peer,
    connection: Use,
    mail: Answer,
    data: Answer,
    /// The standing of each recipient, in the order of the envelope.
    recipients: Vec<Standing>,
    account: Option<Trouble>,
    dsn: Dsn,
}

enum Answer {
    Awaited,
    Positive,
    Negative(Verdict),
}

#[derive(Clone, PartialEq, Debug)]
enum Standing {
    Awaited,
    Accepted,
    Judged(Verdict),
}

impl Transaction {
    /// Starts a transaction. Addresses that cannot be sent to this server get their verdict at
    /// once.
    pub(in crate::upstream) fn new(
        sender: &ReversePath,
        recipients: &[Recipient],
        offers: &Offers,
        (peer, connection): (Peer, Use),
    ) -> Self {
        let mut transaction = Self {
            peer,
            connection,
            mail: Answer::Awaited,
            data: Answer::Awaited,
            recipients: Vec::with_capacity(recipients.len()),
            account: None,
            dsn: if offers.dsn { Dsn::PassedOn } else { Dsn::EndsHere },
        };
        // RFC 6531 3.2, 3.5: such an address must not be sent to a server that does not offer
        // SMTPUTF8.
        let speakable = |needs: bool| offers.smtputf8 || !needs;
        let sender_speakable =
            speakable(sender.mailbox().is_some_and(crate::model::Address::needs_smtputf8));
        for recipient in recipients {
            let standing = if !sender_speakable {
                Standing::Judged(transaction.judge(Stage::MailFrom, unspeakable()))
            } else if speakable(recipient.address.needs_smtputf8()) {
                Standing::Awaited
            } else {
                Standing::Judged(transaction.judge(Stage::RcptTo, unspeakable()))
            };
            transaction.recipients.push(standing);
        }
        transaction
    }

    /// The commands to send, in order.
    pub(in crate::upstream) fn commands(&self) -> Vec<Command> {
        let awaited = self
            .recipients
            .iter()
            .enumerate()
            .filter(|(_, standing)| **standing == Standing::Awaited);
        let recipients = awaited.map(|(place, _)| Command::Rcpt(place)).collect::<Vec<_>>();
        if recipients.is_empty() {
            return Vec::new();
        }
        [Command::Mail].into_iter().chain(recipients).chain([Command::Data]).collect()
    }

    /// Whether these commands are still needed. None is after MAIL was refused, and DATA alone is
    /// not when no recipient was accepted.
    pub(in crate::upstream) fn wants(&self, commands: &[Command]) -> bool {
        match self.mail {
            Answer::Negative(_) => false,
            Answer::Awaited | Answer::Positive => {
                commands != [Command::Data] || self.recipients.contains(&Standing::Accepted)
            }
        }
    }

    /// Records the reply to a command.
    ///
    /// # Errors
    /// When the reply ends the session (421) or makes no sense.
    pub(in crate::upstream) fn hear(
        &mut self,
        command: Command,
        reply: Reply,
    ) -> Result<(), Broken> {
        let stage = command.stage();
        let good = match command {
            Command::Reset | Command::Mail | Command::Rcpt(_) => reply.is_positive(),
            Command::Data => reply.code == 354,
        };
        if reply.code == 421 || !(good || reply.is_transient() || reply.is_permanent()) {
            return Err(Broken(stage, Fault::Reply(reply)));
        }
        match command {
            // RFC 5321 4.1.1.5 defines no refusal of RSET. If MAIL then fails, its own reply says
            // so.
            Command::Reset => {}
            Command::Mail if good => self.mail = Answer::Positive,
            Command::Mail => self.mail = Answer::Negative(self.judge(stage, Fault::Reply(reply))),
            Command::Data if good => self.data = Answer::Positive,
            // The envelope has already been refused. "503 need MAIL" or "554 no valid recipients"
            // add nothing.
            Command::Rcpt(_) if matches!(self.mail, Answer::Negative(_)) => {}
            Command::Data if !self.recipients.contains(&Standing::Accepted) => {}
            Command::Data => self.data = Answer::Negative(self.judge(stage, Fault::Reply(reply))),
            Command::Rcpt(place) => {
                let standing = if good {
                    Standing::Accepted
                } else {
                    Standing::Judged(self.judge(stage, Fault::Reply(reply)))
                };
                if let Some(slot) = self.recipients.get_mut(place) {
                    *slot = standing;
                }
            }
        }
        Ok(())
    }

    /// The next step after the replies to the envelope.
    pub(in crate::upstream) fn next(&self) -> Next {
        let accepted =
            matches!(self.mail, Answer::Positive) && self.recipients.contains(&Standing::Accepted);
        match (&self.data, &self.mail) {
            (Answer::Positive, _) if accepted => Next::Text,
            // RFC 2920 3.1: the server may answer a pipelined DATA with 354 although it accepted no
            // recipient. A lone dot ends this empty message.
            (Answer::Positive, _) => Next::LoneDot,
            (Answer::Awaited | Answer::Negative(_), Answer::Positive) => Next::Nothing(Left::Open),
            (Answer::Awaited | Answer::Negative(_), Answer::Negative(_)) => {
                Next::Nothing(Left::Clean)
            }
            (Answer::Awaited | Answer::Negative(_), Answer::Awaited) => {
                Next::Nothing(Left::AsBefore)
            }
        }
    }

    /// The report after the envelope was refused or end of data was answered.
    pub(in crate::upstream) fn conclude(mut self, end_of_data: Option<Reply>) -> Report {
        let last = end_of_data.map(|reply| self.judge(Stage::EndOfData, Fault::Reply(reply)));
        self.report(last, Counted::Perhaps)
    }

    /// The report after the connection broke off.
    pub(in crate::upstream) fn broken(mut self, Broken(stage, fault): Broken) -> Report {
        let counted = match (self.connection, &self.mail) {
            (Use::Again, Answer::Awaited) => Counted::No,
            (Use::First | Use::Again, Answer::Awaited | Answer::Positive | Answer::Negative(_)) => {
                Counted::Perhaps
            }
        };
        let last = self.judge(stage, fault);
        self.report(Some(last), counted)
    }

    /// Makes the report. `last` is the verdict for recipients that have none of their own.
    fn report(self, last: Option<Verdict>, counted: Counted) -> Report {
        let Self { mail, data, recipients, account, dsn, .. } = self;
        let accepted =
            recipients.iter().filter(|standing| **standing == Standing::Accepted).count();
        let for_all = match (mail, data) {
            (Answer::Negative(verdict), _) | (_, Answer::Negative(verdict)) => Some(verdict),
            (Answer::Awaited | Answer::Positive, Answer::Awaited | Answer::Positive) => last,
        };
        let account = account.filter(|trouble| !is_of_recipient(&trouble.verdict, accepted));
        let settle = |standing| match standing {
            Standing::Judged(verdict) if is_of_recipient(&verdict, accepted) => {
                verdict.of_recipient_alone()
            }
            // A server that accepts no recipient at all has no limit per transaction to work
            // around. Asking again at once would never end.
            Standing::Judged(verdict)
                if verdict.outcome == Outcome::NextTransaction && accepted == 0 =>
            {
                Verdict { outcome: Outcome::Retry, ..verdict }
            }
            Standing::Judged(verdict) => verdict,
            Standing::Awaited | Standing::Accepted => {
                for_all.clone().unwrap_or_else(|| classify(Stage::MailFrom, &Fault::Closed))
            }
        };
        Report { recipients: recipients.into_iter().map(settle).collect(), account, counted, dsn }
    }

    /// Classifies a fault. The first one that concerns the account is kept as its trouble.
    fn judge(&mut self, stage: Stage, fault: Fault) -> Verdict {
        let verdict = classify_of(self.peer, stage, &fault);
        match verdict.concern {
            Concern::Account if self.account.as_ref().is_none_or(is_presumed) => {
                self.account = Some(Trouble { fault, verdict: verdict.clone() });
            }
            Concern::Account | Concern::Message | Concern::Recipient => {}
        }
        verdict
    }
}

/// Whether a reply that seems to refuse the account refuses one recipient: the server accepted
/// another one in the same transaction.
fn is_of_recipient(verdict: &Verdict, accepted: usize) -> bool {
    verdict.certainty == Certainty::UnlessOthersPass && accepted > 0
}

fn is_presumed(trouble: &Trouble) -> bool {
    trouble.verdict.certainty == Certainty::UnlessOthersPass
}

/// RFC 6531 3.5 defines this code for the server. Here it is our own, because the address is never
/// sent.
fn unspeakable() -> Fault {
    Fault::Reply(Reply::fixed(
        553,
        crate::model::EnhancedCode(5, 6, 7),
        "The server does not offer SMTPUTF8, which this address needs",
    ))
}
