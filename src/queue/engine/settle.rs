//! What a transaction's report means for the message. Recipients change their state only here.
//! Pure.

use std::time::Duration;

use crate::{
    attempt::{Dsn, Failure, Report},
    classify::{Concern, Counted, Outcome, Place, Splitting, Verdict},
    entry::{Attempting, Doubt, Entry, JournalLine, Progress, RecipientState, Settled},
    model::{AccountName, RecipientOutcome, Reply, Timestamp},
    queue::{
        RetrySettings, Split,
        engine::{now::Now, recipient_groups, retry_schedule::Next},
    },
};

/// A crash cuts an attempt off at an unknown time, from which the spacing counts. This covers the
/// ten minutes for the answer to end of data (RFC 5321 4.5.3.2.6) and a transfer before it.
const CUT_OFF: Duration = Duration::from_secs(15 * 60);

/// An attempt that was begun: some recipients of a message, and their state before.
#[derive(Clone, Debug)]
pub(in crate::queue) struct Attempt {
    /// When it began, by the wall clock: what people are told.
    pub(in crate::queue) since: Timestamp,
    /// When it began, by the steady time.
    pub(in crate::queue) began: Timestamp,
    pub(in crate::queue) recipients: Vec<Before>,
}

/// The state of a recipient before the attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::queue) struct Before {
    /// Its place in the entry.
    pub(in crate::queue) index: usize,
    pub(in crate::queue) last_attempt: Option<Timestamp>,
}

impl Attempt {
    /// Marks the recipients as being attempted. Each gets the time at which it becomes due again if
    /// no report comes.
    pub(in crate::queue) fn begin(
        entry: &mut Entry,
        indexes: &[usize],
        account: &AccountName,
        plan: &RetrySettings,
        now: Now,
    ) -> Self {
        let mut recipients = Vec::with_capacity(indexes.len());
        for index in indexes {
            let Some(recipient) = entry.recipients.get_mut(*index) else {
                continue;
            };
            if let Progress::Attempting(lost) = &recipient.progress {
                recipient.doubts.push(Doubt {
                    attempt: lost.since,
                    reason: "the attempt was cut off".to_owned(),
                });
            }
            recipients.push(Before { index: *index, last_attempt: recipient.last_attempt });
            recipient.attempts = recipient.attempts.saturating_add(1);
            recipient.last_attempt = Some(now.wall);
            let due = now.steady.plus(plan.spacing_after(recipient.attempts)).plus(CUT_OFF);
            recipient.progress =
                Progress::Attempting(Attempting { since: now.wall, due, account: account.clone() });
        }
        Self { since: now.wall, began: now.steady, recipients }
    }

    /// The recipients in their current state, for a settlement without an attempt.
    pub(in crate::queue) fn without(entry: &Entry, indexes: &[usize], now: Now) -> Self {
        let before = |index: &usize| {
            let last_attempt = entry.recipients.get(*index)?.last_attempt;
            Some(Before { index: *index, last_attempt })
        };
        let Now { wall: since, steady: began } = now;
        Self { since, began, recipients: indexes.iter().filter_map(before).collect() }
    }

    /// All recipients that wait for an account, in their current state, for a settlement without an
    /// attempt.
    pub(in crate::queue) fn without_waiting(
        entry: &Entry,
        account: &AccountName,
        now: Now,
    ) -> Self {
        let waits = |index: &usize| {
            entry.recipients.get(*index).is_some_and(|recipient| {
                entry.account_of(recipient) == account && recipient.due().is_some()
            })
        };
        let indexes: Vec<usize> = (0..entry.recipients.len()).filter(waits).collect();
        Self::without(entry, &indexes, now)
    }

    /// Undoes an attempt that was not made for a local reason. Everything is as before, and due at
    /// `due`.
    pub(in crate::queue) fn undo(&self, entry: &mut Entry, due: Timestamp) {
        for before in &self.recipients {
            if let Some(recipient) = entry.recipients.get_mut(before.index) {
                take_back(recipient, before);
                recipient.progress = Progress::Waiting { due };
            }
        }
    }
}

/// What the decision depends on, besides the report.
#[derive(Clone, Copy)]
pub(in crate::queue) struct Context<'a> {
    pub(in crate::queue) plan: &'a RetrySettings,
    /// The account that made the attempt.
    pub(in crate::queue) account: &'a AccountName,
    pub(in crate::queue) split: Split,
    pub(in crate::queue) now: Now,
}

/// The result of applying a report.
#[derive(Debug)]
pub(in crate::queue) struct Conclusion {
    /// The message in its new state.
    pub(in crate::queue) entry: Entry,
    /// One for each recipient of the transaction that has news.
    pub(in crate::queue) lines: Vec<Line>,
    /// Recipients that have just failed: a notice is due.
    pub(in crate::queue) failed: Vec<Failure>,
    /// Recipients handed over whose sender asked for a success notice that the server will not
    /// send.
    pub(in crate::queue) relayed: Vec<usize>,
}

/// A log line and a journal line about one recipient.
#[derive(Debug)]
pub(in crate::queue) struct Line {
    pub(in crate::queue) place: Place,
    pub(in crate::queue) line: JournalLine,
}

/// Applies a report.
pub(in crate::queue) fn conclude(
    mut entry: Entry,
    attempt: &Attempt,
    report: &Report,
    context: &Context<'_>,
) -> Conclusion {
    let mut outcomes = Vec::new();
    let mut failed = Vec::new();
    let refused = refused_together(attempt, report, context.split);
    if refused.len() > 1 {
        recipient_groups::halve(&mut entry.recipients, &refused);
    }
    let none_taken =
        report.recipients.iter().all(|verdict| verdict.outcome == Outcome::NextTransaction);
    for (before, verdict) in attempt.recipients.iter().zip(&report.recipients) {
        let queued = entry.queued();
        let Some(recipient) = entry.recipients.get_mut(before.index) else {
            continue;
        };
        let untried = verdict.outcome == Outcome::NextTransaction && !none_taken;
        if report.counted == Counted::No {
            take_back(recipient, before);
            recipient.progress = Progress::Waiting { due: context.now.steady };
            continue;
        }
        recipient.last_reply.clone_from(&verdict.reply);
        if untried {
            take_back(recipient, before);
            recipient.progress = Progress::Waiting { due: context.now.steady };
            continue;
        }
        let apart = refused.len() > 1 && refused.contains(&before.index);
        let on_failure = if apart { OnFailure::TryApart } else { OnFailure::Settle };
        let outcome = follow(recipient, verdict, on_failure, (attempt.since, queued), context);
        if outcome == RecipientOutcome::Failed {
            let (index, place) = (before.index, verdict.place);
            failed.push(Failure { index, place, advice: verdict.advice });
        }
        outcomes.push((before.index, outcome, verdict.place));
    }
    let relayed = match report.dsn {
        Dsn::EndsHere => relayed(&entry, &outcomes),
        Dsn::PassedOn => Vec::new(),
    };
    let line = |(index, outcome, place)| {
        Some(Line { place, line: journal_line(&entry, index, outcome, context)? })
    };
    let lines = outcomes.into_iter().filter_map(line).collect();
    Conclusion { entry, lines, failed, relayed }
}

/// What a permanent refusal means for a recipient.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OnFailure {
    /// The recipient fails.
    Settle,
    /// Another recipient may have caused the refusal: the recipient is tried in a smaller group.
    TryApart,
}

/// Changes a recipient's state according to a verdict. The times are the start of the attempt, by
/// the wall clock, and the steady time from which the age of the message counts.
fn follow(
    recipient: &mut RecipientState,
    verdict: &Verdict,
    on_failure: OnFailure,
    (attempt, queued): (Timestamp, Timestamp),
    context: &Context<'_>,
) -> RecipientOutcome {
    match verdict.outcome {
        Outcome::Deliver => {
            settle(recipient, Progress::Delivered, RecipientOutcome::Delivered, context.now.wall)
        }
        Outcome::Fail if on_failure == OnFailure::Settle => {
            settle(recipient, Progress::Failed, RecipientOutcome::Failed, context.now.wall)
        }
        Outcome::Pause(_) | Outcome::Stop => spare(recipient, context.now.steady),
        Outcome::Doubt => {
            let unanswered = || "no answer to the end of data".to_owned();
            let reason = verdict.reply.as_ref().map_or_else(unanswered, Reply::to_string);
            recipient.doubts.push(Doubt { attempt, reason });
            wait(recipient, queued, RecipientOutcome::Doubtful, context)
        }
        Outcome::RetryAfter(pause) => {
            let outcome = wait(recipient, queued, RecipientOutcome::Delayed, context);
            if let Progress::Waiting { due } = &mut recipient.progress {
                *due = (*due).max(context.now.steady.plus(pause));
            }
            outcome
        }
        Outcome::Retry | Outcome::Fail | Outcome::NextTransaction
            if verdict.concern == Concern::Account =>
        {
            spare(recipient, context.now.steady)
        }
        Outcome::Retry | Outcome::Fail | Outcome::NextTransaction => {
            wait(recipient, queued, RecipientOutcome::Delayed, context)
        }
    }
}

/// The recipients that were delivered and whose sender asked for a success notice.
fn relayed(entry: &Entry, outcomes: &[(usize, RecipientOutcome, Place)]) -> Vec<usize> {
    let asked = |index: usize| {
        let notify = entry.recipients.get(index).and_then(|state| state.recipient.notify);
        notify.is_some_and(|notify| notify.success)
    };
    outcomes
        .iter()
        .filter(|(index, outcome, _)| *outcome == RecipientOutcome::Delivered && asked(*index))
        .map(|(index, ..)| *index)
        .collect()
}

/// The journal line about a recipient in its current state.
pub(in crate::queue) fn journal_line(
    entry: &Entry,
    index: usize,
    word: RecipientOutcome,
    context: &Context<'_>,
) -> Option<JournalLine> {
    let state = entry.recipients.get(index)?;
    Some(JournalLine {
        at: context.now.wall,
        id: entry.id,
        device: entry.device.clone(),
        account: context.account.clone(),
        sender: entry.sender.clone(),
        recipient: state.recipient.clone(),
        outcome: word,
        attempts: state.attempts,
        doubts: u32::try_from(state.doubts.len()).unwrap_or(u32::MAX),
        reply: state.last_reply.clone(),
        received: entry.received,
        size: entry.size,
        subject: None,
    })
}

fn settle(
    recipient: &mut RecipientState,
    progress: fn(Settled) -> Progress,
    word: RecipientOutcome,
    at: Timestamp,
) -> RecipientOutcome {
    recipient.progress = progress(Settled { at });
    word
}

/// Schedules the next attempt after a failed one, or gives up.
fn wait(
    recipient: &mut RecipientState,
    queued: Timestamp,
    word: RecipientOutcome,
    context: &Context<'_>,
) -> RecipientOutcome {
    match context.plan.after_failure(queued, recipient.attempts, context.now.steady) {
        Next::Due(due) => {
            recipient.progress = Progress::Waiting { due };
            word
        }
        Next::GiveUp => {
            settle(recipient, Progress::Failed, RecipientOutcome::Failed, context.now.wall)
        }
    }
}

/// Delays a recipient for trouble of the account. The attempt does not count, but it reached the
/// server, so the spacing is kept.
fn spare(recipient: &mut RecipientState, now: Timestamp) -> RecipientOutcome {
    recipient.attempts = recipient.attempts.saturating_sub(1);
    recipient.progress = Progress::Waiting { due: now.plus(RetrySettings::FLOOR) };
    RecipientOutcome::Delayed
}

fn take_back(recipient: &mut RecipientState, before: &Before) {
    recipient.attempts = recipient.attempts.saturating_sub(1);
    recipient.last_attempt = before.last_attempt;
}

/// The recipients of a transaction that was refused as a whole after end of data, when one of them
/// may be the cause.
fn refused_together(attempt: &Attempt, report: &Report, split: Split) -> Vec<usize> {
    if split != Split::OnFailure || report.counted == Counted::No {
        return Vec::new();
    }
    let pairs = attempt.recipients.iter().zip(&report.recipients);
    pairs
        .filter(|(_, verdict)| verdict.splitting == Splitting::MayHelp)
        .map(|(before, _)| before.index)
        .collect()
}

#[cfg(test)]
mod tests;
