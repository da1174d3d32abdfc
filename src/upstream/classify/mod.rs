//! What an answer or a fault of the server means: one pure table.
//!
//! Code *and* text decide: Exchange Online says 5.2.0 of a used-up quota, of a blocked account and
//! of a wrong sender alike. The first row that fits wins, in this order:
//! - before `MAIL FROM` everything concerns the account: `opening`, then the rows of `exchange`
//!   that concern the account anyway, then the bare classes of RFC 5321 4.2.1
//! - from `MAIL FROM` on: `exchange`, what Exchange Online says of mail; then `generic`, what any
//!   server says, down to the bare classes
//! - `faults`: what goes wrong without a reply
//! - `exchanger`, before all others: what a domain's mail server says, who does not know us, means
//!   something else
//!
//! A row's code is a pattern (`row`); its concern follows from its outcome and the stage
//! (`concern`).

mod exchange;
mod exchanger;
mod faults;
mod generic;
mod opening;
mod row;
mod verdict;

#[cfg(test)]
mod tests;

pub use verdict::{Concern, Fault, Outcome, Peer, Stage, Verdict};

use row::Row;

use crate::model::Reply;

/// The table, for the account's own server.
#[must_use]
pub fn classify(stage: Stage, fault: &Fault) -> Verdict {
    classify_of(Peer::Server, stage, fault)
}

/// The table.
#[must_use]
pub fn classify_of(peer: Peer, stage: Stage, fault: &Fault) -> Verdict {
    match fault {
        Fault::Reply(reply) => {
            let own = match peer {
                Peer::Server => None,
                Peer::Exchanger => exchanger::ROWS.iter().find(|row| row.fits(stage, reply)),
            };
            let Row { outcome, advice, .. } = own.unwrap_or_else(|| find(stage, reply));
            Verdict {
                stage,
                concern: concern(stage, *outcome, reply.code),
                outcome: *outcome,
                reply: Some(reply.clone()),
                advice,
            }
        }
        Fault::Closed | Fault::TimedOut | Fault::Failed(_) => {
            let (outcome, advice) = faults::find(stage, fault);
            Verdict { stage, concern: concern(stage, outcome, 0), outcome, reply: None, advice }
        }
    }
}

fn find(stage: Stage, reply: &Reply) -> &'static Row {
    let fits = |row: &&Row| row.fits(stage, reply);
    match stage {
        Stage::Connect
        | Stage::Tls
        | Stage::Greeting
        | Stage::Ehlo
        | Stage::Token
        | Stage::Auth => {
            // What is said of a mailbox, a tenant or an address of ours may be said at the door,
            // too.
            let of_account = exchange::ROWS.iter().filter(|row| row.concerns_account());
            opening::ROWS
                .iter()
                .chain(of_account)
                .chain(opening::CLASSES)
                .find(fits)
                .unwrap_or(&opening::OTHERWISE)
        }
        Stage::MailFrom | Stage::RcptTo | Stage::Data | Stage::Body | Stage::EndOfData => {
            exchange::ROWS.iter().chain(generic::ROWS).find(fits).unwrap_or(&generic::OTHERWISE)
        }
    }
}

fn concern(stage: Stage, outcome: Outcome, code: u16) -> Concern {
    match (outcome, stage) {
        (Outcome::Pause(_) | Outcome::Stop, _) => Concern::Account,
        // RFC 5321 3.8: 421 ends the session, whatever it was said to.
        (_, Stage::RcptTo) if (400..600).contains(&code) && code != 421 => Concern::Recipient,
        (Outcome::NextTransaction, _) => Concern::Recipient,
        (
            Outcome::Deliver
            | Outcome::Retry
            | Outcome::RetryAfter(_)
            | Outcome::Fail
            | Outcome::Doubt,
            _,
        ) => Concern::Message,
    }
}
