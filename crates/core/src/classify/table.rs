//! Which row of the table fits.

use crate::{
    classify::{
        account_refused, before_mail, exchange,
        fault::Fault,
        generic,
        local::{self, Finding},
        mx,
        row::Row,
        stage::Stage,
        verdict::{Concern, Counted, Outcome, Peer, Verdict},
    },
    model::Reply,
};

/// Looks a fault up in the table, for the account's own server.
#[must_use]
pub fn classify(stage: Stage, fault: &Fault) -> Verdict {
    classify_of(Peer::Server, stage, fault)
}

/// Looks a fault up in the table.
#[must_use]
pub fn classify_of(peer: Peer, stage: Stage, fault: &Fault) -> Verdict {
    let verdict = match fault {
        Fault::Reply(reply) => {
            let of_stranger = match peer {
                Peer::Server => None,
                Peer::Exchanger => mx::ROWS.iter().find(|row| row.fits(stage, reply)),
            };
            let row = of_stranger.unwrap_or_else(|| find(stage, reply));
            row.apply(stage, concern(stage, row.outcome, reply.code), reply)
        }
        Fault::Closed | Fault::TimedOut | Fault::Local(_) => {
            let Finding { outcome, advice, codes, scope } = local::find(stage, fault);
            let reply =
                codes.map(|(code, enhanced)| Reply::with(code, enhanced, &fault.to_string()));
            let concern = concern(stage, outcome, 0);
            let plain = stage.verdict(concern, outcome, reply, advice);
            Verdict { scope, ..plain }
        }
    };
    Verdict { counted: counted(stage, &verdict), ..verdict }
}

/// What is refused at `RCPT TO` is part of no message that the server has.
fn counted(stage: Stage, verdict: &Verdict) -> Counted {
    match (stage, verdict.concern, &verdict.reply) {
        (Stage::RcptTo, Concern::Recipient, Some(_refusal)) => Counted::No,
        _part_of_a_message => Counted::Perhaps,
    }
}

pub(super) fn find(stage: Stage, reply: &Reply) -> &'static Row {
    let fits = |row: &&Row| row.fits(stage, reply);
    match stage {
        Stage::Connect
        | Stage::Tls
        | Stage::Greeting
        | Stage::Ehlo
        | Stage::Token
        | Stage::Auth => {
            // A server may also say before `MAIL FROM` what it says about a mailbox, a tenant or
            // our address.
            let of_account = exchange::ROWS.iter().filter(|row| row.concerns_account());
            before_mail::ROWS
                .iter()
                .chain(of_account)
                .chain(before_mail::CLASSES)
                .find(fits)
                .unwrap_or(&before_mail::OTHERWISE)
        }
        Stage::MailFrom | Stage::RcptTo | Stage::Data | Stage::Body | Stage::EndOfData => {
            exchange::ROWS
                .iter()
                .chain(account_refused::ROWS)
                .chain(generic::ROWS)
                .find(fits)
                .unwrap_or(&generic::OTHERWISE)
        }
    }
}

fn concern(stage: Stage, outcome: Outcome, code: u16) -> Concern {
    match (outcome, stage) {
        (Outcome::Pause(_) | Outcome::Stop, _) => Concern::Account,
        // RFC 5321 3.8: 421 ends the session, whichever command it answers.
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
