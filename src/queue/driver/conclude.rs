//! What follows an attempt: the outcome is told, stored, and taken out of the budget or given back.
//!
//! # Failure
//! A failure notice that cannot be written holds the message, so that it is not lost unseen. An
//! outcome that cannot be stored is logged; the recipients come up again at the time that was
//! stored before the attempt.

use std::time::Duration;

use tracing::error;

use crate::{
    classify::{Concern, Fault, Outcome, Stage, Verdict},
    metrics::OutcomeLabel,
    model::{ByteSize, EnhancedCode, RecipientOutcome, Reply, Timestamp},
    queue::{
        driver::claim::Claim,
        driver::core::{Account, Core},
        driver::transport::Transport,
        engine::budget::{BudgetChange, End},
        engine::settle::{self, Conclusion, Context},
    },
    spool::{Change, Doubt, Entry, Hold, JournalLine, Memo, MemoKind, Progress},
    upstream::{Counted, Dsn, Report, Trouble},
};

const TOO_LARGE: &str = "It was not tried, since the server would refuse it. Lower the resolution \
    on the device. If the mailbox may send more, raise limits.message_size of the account; set \
    max_message of the device to the same, so that it is told at once.";

/// A message whose attempts panicked so often is put aside.
const MOST_PANICS: u8 = 2;

impl<T: Transport> Core<T> {
    /// Applies the report of an attempt. Durable with the next sync. `first` says that the
    /// connection had carried nothing before.
    pub(in crate::queue) async fn conclude(
        &self,
        account: &Account<T>,
        claim: &Claim,
        report: &Report,
        first: bool,
    ) {
        let moves = self.balance(account, claim, report);
        self.conclude_with(account, claim, report, moves).await;
        let now = self.clock.now();
        let trouble = trouble(report, first);
        let news = {
            let mut runtime = self.runtime(account);
            let was_probing = runtime.health.is_probing();
            let news = match &trouble {
                Some(trouble) => runtime.trouble(claim.lane(), trouble, now),
                None if delivered(report) => runtime.works(claim.lane()),
                None => None,
            };
            if was_probing && !runtime.health.is_probing() {
                // More than one may send again.
                self.changed.notify_one();
            }
            news
        };
        self.tell(account, news).await;
    }

    /// A message larger than the account lets through fails before any attempt: the server would
    /// refuse it for good.
    pub(in crate::queue) async fn refuse(
        &self,
        account: &Account<T>,
        claim: &Claim,
        limit: ByteSize,
    ) {
        let name = &account.settings.name;
        let words = format!(
            "the message has {}; limits.message_size of account \"{name}\" is {limit}",
            claim.entry.size
        );
        let reply = Reply::with(0, EnhancedCode(5, 3, 4), &words);
        let (stage, concern, outcome) = (Stage::MailFrom, Concern::Message, Outcome::Fail);
        let verdict = Verdict::plain(stage, concern, outcome, Some(reply), TOO_LARGE);
        let recipients = claim.attempt.recipients.iter().map(|_| verdict.clone()).collect();
        let report =
            Report { recipients, account: None, counted: Counted::Perhaps, dsn: Dsn::PassedOn };
        self.conclude_with(account, claim, &report, BudgetChange::default()).await;
    }

    /// The message's part of it: told and stored, with what becomes of the charge.
    pub(in crate::queue) async fn conclude_with(
        &self,
        account: &Account<T>,
        claim: &Claim,
        report: &Report,
        moves: BudgetChange,
    ) {
        let now = self.clock.now();
        let split = account.runtime().split;
        let context = Context { plan: &self.plan, account: &account.settings.name, split, now };
        let mut conclusion =
            settle::conclude(claim.entry.clone(), &claim.attempt, report, &context);
        self.announce(&conclusion);
        self.notify(&mut conclusion, now).await;
        let mut remember = Vec::new();
        if delivered(report) {
            account.runtime().last_delivery = Some(now);
            let name = account.settings.name.as_str();
            remember.extend(Memo::keep(MemoKind::LastDelivery, name, &now));
        }
        self.store_outcome(claim, conclusion, moves, remember);
    }

    /// Log lines and counters.
    fn announce(&self, conclusion: &Conclusion) {
        let metrics = self.metrics.sending();
        for settle::Line { stage, line } in &conclusion.lines {
            match line.outcome {
                RecipientOutcome::Delivered => {
                    metrics.recipients_delivered.inc();
                    metrics.delivery_latency.observe(line.at.since(line.received).as_secs_f64());
                }
                RecipientOutcome::Failed => {
                    metrics.recipients_failed.inc();
                }
                RecipientOutcome::Doubtful => {
                    metrics.doubts.inc();
                }
                RecipientOutcome::Delayed
                | RecipientOutcome::Deleted
                | RecipientOutcome::Quarantined
                | RecipientOutcome::Lost => {}
            }
            metrics.outcomes.get_or_create(&OutcomeLabel { outcome: line.outcome }).inc();
            self.reporter.settled(line, stage.as_str());
        }
    }

    /// Notices to people. A failure must be told before the message goes.
    async fn notify(&self, conclusion: &mut Conclusion, now: Timestamp) {
        let entry = &mut conclusion.entry;
        if !conclusion.failed.is_empty()
            && let Err(problem) =
                self.on_disk(self.reporter.failed(entry, &conclusion.failed)).await
        {
            error!(id = %entry.id, %problem, "failure notice not written; the message is held");
            entry.hold = Some(Hold {
                since: now,
                reason: format!("the failure notice could not be written: {problem}"),
            });
        }
        if !conclusion.relayed.is_empty()
            && let Err(problem) =
                self.on_disk(self.reporter.relayed(entry, &conclusion.relayed)).await
        {
            error!(id = %entry.id, %problem, "relay notice not written");
        }
        let waits = entry
            .recipients
            .iter()
            .any(|recipient| recipient.attempts > 0 && recipient.due().is_some());
        if waits && entry.delay_notice.is_none() && self.plan.is_late(entry.received, now) {
            match self
                .on_disk(self.reporter.delayed(entry, entry.received.plus(self.plan.give_up_after)))
                .await
            {
                Ok(()) => entry.delay_notice = Some(now),
                Err(problem) => error!(id = %entry.id, %problem, "delay notice not written"),
            }
        }
    }

    /// The attempt is over for budget and batch.
    fn balance(&self, account: &Account<T>, claim: &Claim, report: &Report) -> BudgetChange {
        let mut runtime = self.runtime(account);
        let now = runtime.steady.now();
        match report.counted {
            Counted::Perhaps => {
                runtime.batch.end(now);
                runtime.learn_pace(self.clock.now().since(claim.attempt.since));
            }
            Counted::No => runtime.batch.undo(),
        }
        let Some(charge) = &claim.charge else {
            return BudgetChange::default();
        };
        let in_doubt = report.recipients.iter().any(|verdict| verdict.outcome == Outcome::Doubt);
        match report.counted {
            Counted::No => runtime.ledger.cancel(charge),
            Counted::Perhaps => runtime.ledger.end(
                charge,
                if in_doubt { End::Unknown } else { End::Known },
                refused_alone(report),
                now,
            ),
        }
    }

    /// Applies the outcome, and lets go of the message.
    fn store_outcome(
        &self,
        claim: &Claim,
        conclusion: Conclusion,
        moves: BudgetChange,
        remember: Vec<Memo>,
    ) {
        let Conclusion { entry, lines, .. } = conclusion;
        let settles = |line: &JournalLine| {
            matches!(line.outcome, RecipientOutcome::Delivered | RecipientOutcome::Failed)
        };
        let journal = lines.into_iter().map(|line| line.line).filter(settles).collect();
        let (put, remove) = put_or_remove(entry);
        let change =
            Change { put, remove, charge: moves.charge, refund: moves.refund, journal, remember };
        let id = claim.entry.id;
        let mut flights = self.flights();
        if let Err(problem) = self.spool.apply(change) {
            error!(%id, %problem, "outcome not stored; the message is tried again when the plan \
                says");
        }
        flights.remove(&id);
    }

    /// An attempt was never made, because of us: its recipients are due then, its charge goes.
    pub(in crate::queue) fn give_back(&self, account: &Account<T>, claim: &Claim, due: Timestamp) {
        let mut entry = claim.entry.clone();
        claim.attempt.undo(&mut entry, due);
        let moves = self.cancel(account, claim);
        let mut flights = self.flights();
        let change = Change {
            put: vec![entry],
            charge: moves.charge,
            refund: moves.refund,
            ..Change::default()
        };
        if let Err(problem) = self.spool.apply(change) {
            error!(id = %claim.entry.id, %problem, "claim not given back; the message is tried \
                when the plan says");
        }
        flights.remove(&claim.entry.id);
    }

    /// A message that cannot be sent as it lies on the disk goes to quarantine.
    pub(in crate::queue) async fn put_aside(
        &self,
        account: &Account<T>,
        claim: &Claim,
        reason: &str,
    ) {
        let id = claim.entry.id;
        let moves = self.cancel(account, claim);
        self.store(moves);
        if let Err(problem) = self.on_disk(self.spool.quarantine(id, reason)).await {
            error!(%id, %problem, "message not moved to quarantine");
        }
        self.flights().remove(&id);
        let advice = "It was moved to the folder quarantine, and will not be sent.";
        self.on_disk(self.reporter.attention(id, reason, advice)).await;
    }

    pub(in crate::queue) fn cancel(&self, account: &Account<T>, claim: &Claim) -> BudgetChange {
        let mut runtime = self.runtime(account);
        runtime.batch.undo();
        claim
            .charge
            .as_ref()
            .map_or_else(BudgetChange::default, |charge| runtime.ledger.cancel(charge))
    }

    /// An attempt panicked: nobody knows how far it got. The second time the message is to blame.
    pub(in crate::queue) async fn panicked(&self, account: &Account<T>, claim: &Claim) {
        self.metrics.sending().attempt_panics.inc();
        let id = claim.entry.id;
        let panics = claim.entry.panics.saturating_add(1);
        error!(%id, account = %account.settings.name, panics, "attempt panicked");
        if panics >= MOST_PANICS {
            self.put_aside(
                account,
                claim,
                "sending it made the program panic twice; please report that",
            )
            .await;
            return;
        }
        let mut entry = claim.entry.clone();
        entry.panics = panics;
        for recipient in &mut entry.recipients {
            if let Progress::Attempting(attempting) = &recipient.progress {
                recipient.doubts.push(Doubt {
                    attempt: attempting.since,
                    reason: "the attempt panicked".to_owned(),
                });
                recipient.progress = Progress::Waiting { due: attempting.due };
            }
        }
        let moves = {
            let mut runtime = self.runtime(account);
            let now = runtime.steady.now();
            runtime.batch.end(now);
            claim.charge.as_ref().map_or_else(BudgetChange::default, |charge| {
                runtime.ledger.end(charge, End::Unknown, 0, now)
            })
        };
        self.metrics.sending().doubts.inc();
        self.store_outcome(
            claim,
            Conclusion { entry, lines: Vec::new(), failed: Vec::new(), relayed: Vec::new() },
            moves,
            Vec::new(),
        );
    }
}

/// A settled message goes, unless a person has to look at it first.
pub(in crate::queue) fn put_or_remove(entry: Entry) -> (Vec<Entry>, Vec<crate::model::MessageId>) {
    if entry.is_settled() && entry.hold.is_none() {
        (Vec::new(), vec![entry.id])
    } else {
        (vec![entry], Vec::new())
    }
}

/// How many the server has refused at `RCPT TO`: they are in no message that it has, and so in no
/// count of recipients.
fn refused_alone(report: &Report) -> usize {
    let refused = |verdict: &&Verdict| {
        verdict.stage == Stage::RcptTo
            && verdict.concern == Concern::Recipient
            && verdict.reply.is_some()
    };
    report.recipients.iter().filter(refused).count()
}

fn delivered(report: &Report) -> bool {
    report.counted == Counted::Perhaps
        && report.recipients.iter().any(|verdict| verdict.outcome == Outcome::Deliver)
}

/// What the account has to be told: what the report says, or what it implies.
fn trouble(report: &Report, first: bool) -> Option<Trouble> {
    if report.account.is_some() {
        return report.account.clone();
    }
    // A connection that dies on its first message would be followed by another at once, and so on
    // without end.
    if report.counted == Counted::No && first {
        let advice =
            "The server ends connections before it takes a message. It is tried again by and by.";
        let outcome = Outcome::Pause(Duration::from_secs(60));
        let verdict = Verdict::plain(Stage::MailFrom, Concern::Account, outcome, None, advice);
        return Some(Trouble { stage: Stage::MailFrom, fault: Fault::Closed, verdict });
    }
    let verdict = report.recipients.iter().find(|verdict| verdict.outcome.holds_account())?;
    let fault = verdict.reply.clone().map_or(Fault::Closed, Fault::Reply);
    Some(Trouble { stage: verdict.stage, fault, verdict: verdict.clone() })
}
