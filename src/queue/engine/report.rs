//! What the report of an attempt means for the account and its budget.

use std::time::Duration;

use crate::{
    attempt::{Report, Trouble},
    classify::{Concern, Counted, Fault, Outcome, Place, Verdict},
    queue::engine::{account_runtime::Ending, budget::End},
};

/// Whether the connection carried a transaction before this one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::queue) enum Transaction {
    /// It carried none.
    First,
    /// It carried at least one.
    Later,
}

/// How the attempt ended, as batch and budget need to know it.
pub(in crate::queue) fn ending(report: &Report) -> Ending {
    match report.counted {
        Counted::No => Ending::NotCounted,
        Counted::Perhaps => {
            let doubt = report.recipients.iter().any(|one| one.outcome == Outcome::Doubt);
            let end = if doubt { End::Unknown } else { End::Known };
            Ending::Counted { end, refused: refused_alone(report) }
        }
    }
}

/// Whether a recipient was delivered.
pub(in crate::queue) fn delivered(report: &Report) -> bool {
    report.counted == Counted::Perhaps
        && report.recipients.iter().any(|verdict| verdict.outcome == Outcome::Deliver)
}

/// The trouble of the account that the report states or implies.
pub(in crate::queue) fn trouble(report: &Report, transaction: Transaction) -> Option<Trouble> {
    if report.account.is_some() {
        return report.account.clone();
    }
    // A connection that dies on its first message would be replaced at once, without end.
    if report.counted == Counted::No && transaction == Transaction::First {
        let outcome = Outcome::Pause(Duration::from_secs(60));
        let advice = "The server ends connections before it takes a message. Sending is tried \
            again at growing intervals.";
        let verdict = Verdict::plain(Place::MESSAGE, Concern::Account, outcome, None, advice);
        return Some(Trouble { fault: Fault::Closed, verdict });
    }
    let verdict = report.recipients.iter().find(|verdict| verdict.outcome.holds_account())?;
    let fault = verdict.reply.clone().map_or(Fault::Closed, Fault::Reply);
    Some(Trouble { fault, verdict: verdict.clone() })
}

/// The number of recipients that the server refused alone, and so does not count.
fn refused_alone(report: &Report) -> usize {
    report.recipients.iter().filter(|verdict| verdict.counted == Counted::No).count()
}
