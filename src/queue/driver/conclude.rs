//! Concludes an attempt: reports the outcome, stores it, and charges or refunds the budget.
//!
//! # Failure
//! When a failure notice cannot be written, the message is held so that it is not lost unnoticed.
//! An outcome that cannot be stored is logged; the recipients become due again at the time that was
//! stored before the attempt.

use tracing::error;

use crate::{
    attempt::{Dsn, NextHop, Report},
    classify::{Counted, Verdict},
    entry::{Doubt, Entry, Hold, JournalLine, Progress},
    metrics::OutcomeLabel,
    model::{MessageId, RecipientOutcome, Timestamp},
    queue::{
        driver::{account::Account, core::Core, transport::Transport},
        engine::{
            account_runtime::Ending,
            budget::{BudgetChange, End},
            claim::{Claim, Work},
            now::Now,
            report::{self, Transaction},
            settle::{self, Conclusion, Context},
        },
    },
    spool::{Change, Memo, MemoKind},
};

/// A message is put aside after this number of panics during its attempts.
const MOST_PANICS: u8 = 2;

impl<T: Transport> Core<T> {
    /// Applies the report of an attempt. The outcome is durable with the next sync.
    pub(in crate::queue) async fn conclude(
        &self,
        account: &Account<T>,
        claim: &Claim,
        next_hop: &NextHop,
        report: &Report,
        transaction: Transaction,
    ) {
        let report = &self.judged(account, claim, next_hop, report);
        let ending = report::ending(report);
        let budget = self.locked(account, |runtime, now| {
            if ending != Ending::NotCounted {
                runtime.learn_pace(now.steady.since(claim.attempt.began));
            }
            runtime.end(claim.charge(), ending, now)
        });
        self.conclude_with(account, claim, report, budget).await;
        let trouble = report::trouble(report, transaction);
        let (news, proved) = self.locked(account, |runtime, now| {
            let was_probing = runtime.health.is_probing();
            let news = match &trouble {
                Some(trouble) => runtime.trouble(next_hop, trouble, now),
                None if report::delivered(report) => runtime.works(next_hop),
                None => None,
            };
            (news, was_probing && !runtime.health.is_probing())
        });
        if proved {
            // More workers than one may have become free to send.
            self.changed.notify_one();
        }
        self.tell(account, news).await;
    }

    /// The report, after what the server did with other recipients was taken into account. At a
    /// domain's own server, a refusal says nothing about other domains.
    fn judged(
        &self,
        account: &Account<T>,
        claim: &Claim,
        next_hop: &NextHop,
        report: &Report,
    ) -> Report {
        let report = report.clone();
        match next_hop {
            NextHop::Domain(_) => report,
            NextHop::Server => {
                let mut shared = account.shared();
                let last_delivery = shared.last_delivery;
                shared.runtime.refusals.judge(report, &claim.entry, &claim.attempt, last_delivery)
            }
        }
    }

    /// Settles the recipients of a claim with this verdict, before any server was told of the
    /// message.
    pub(in crate::queue) async fn conclude_unsent(
        &self,
        account: &Account<T>,
        claim: &Claim,
        verdict: &Verdict,
    ) {
        let budget = self.cancel(account, claim);
        let recipients = claim.attempt.recipients.iter().map(|_before| verdict.clone()).collect();
        let report =
            Report { recipients, account: None, counted: Counted::Perhaps, dsn: Dsn::PassedOn };
        self.conclude_with(account, claim, &report, budget).await;
    }

    /// Reports and stores what a report means for the message and its charge.
    async fn conclude_with(
        &self,
        account: &Account<T>,
        claim: &Claim,
        report: &Report,
        budget: BudgetChange,
    ) {
        let now = self.now();
        let split = account.shared().runtime.split;
        let context = Context { plan: &self.retry, account: &account.settings.name, split, now };
        let mut conclusion =
            settle::conclude(claim.entry.clone(), &claim.attempt, report, &context);
        self.keep_subject(&mut conclusion).await;
        self.announce(&conclusion);
        self.notify(&mut conclusion, now).await;
        let mut remember = Vec::new();
        if report::delivered(report) {
            account.shared().last_delivery = Some(now.wall);
            let name = account.settings.name.as_str();
            remember.extend(Memo::keep(MemoKind::LastDelivery, name, &now.wall));
        }
        self.store_outcome(claim, conclusion, budget, remember);
    }

    /// Puts the subject into the lines for the journal, while the file is still there.
    async fn keep_subject(&self, conclusion: &mut Conclusion) {
        let subject = self.reporter.subject(conclusion.entry.id).await;
        for line in &mut conclusion.lines {
            line.line.subject.clone_from(&subject);
        }
    }

    /// Writes log lines and updates counters.
    fn announce(&self, conclusion: &Conclusion) {
        let metrics = self.metrics.sending();
        for settle::Line { place, line } in &conclusion.lines {
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
            self.reporter.settled(line, *place);
        }
    }

    /// Sends notices to people. A failure must be reported before the message leaves the queue.
    async fn notify(&self, conclusion: &mut Conclusion, now: Now) {
        let entry = &mut conclusion.entry;
        if !conclusion.failed.is_empty()
            && let Err(problem) =
                self.on_disk(self.reporter.failed(entry, &conclusion.failed)).await
        {
            error!(id = %entry.id, %problem, "failure notice not written; the message is held");
            entry.hold = Some(Hold {
                since: now.wall,
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
        if waits && entry.delay_notice.is_none() && self.retry.is_late(entry.queued(), now.steady) {
            let give_up_at = entry.queued().plus(self.retry.give_up_after);
            let give_up_at = self.clock.time_of_day(give_up_at);
            match self.on_disk(self.reporter.delayed(entry, give_up_at)).await {
                Ok(()) => entry.delay_notice = Some(now.wall),
                Err(problem) => error!(id = %entry.id, %problem, "delay notice not written"),
            }
        }
    }

    /// Stores the outcome and ends the lease of the message.
    fn store_outcome(
        &self,
        claim: &Claim,
        conclusion: Conclusion,
        budget: BudgetChange,
        remember: Vec<Memo>,
    ) {
        let Conclusion { entry, lines, .. } = conclusion;
        let settles = |line: &JournalLine| {
            matches!(line.outcome, RecipientOutcome::Delivered | RecipientOutcome::Failed)
        };
        let journal = lines.into_iter().map(|line| line.line).filter(settles).collect();
        let (put, remove) = put_or_remove(entry);
        let BudgetChange { charge, refund } = budget;
        let (id, waits) = (claim.entry.id, !put.is_empty());
        if let Err(problem) =
            self.spool.apply(Change { put, remove, charge, refund, journal, remember })
        {
            error!(%id, %problem, "outcome not stored; the message is tried again when the plan \
                says");
        }
        self.leases.release(id);
        if waits {
            // Workers that looked for mail meanwhile have seen this message leased.
            self.changed.notify_one();
        }
    }

    /// Undoes an attempt that was not made for a local reason: its recipients become due at `due`,
    /// and its charge is removed.
    pub(in crate::queue) fn give_back(&self, account: &Account<T>, claim: &Claim, due: Timestamp) {
        let mut entry = claim.entry.clone();
        claim.attempt.undo(&mut entry, due);
        let BudgetChange { charge, refund } = self.cancel(account, claim);
        let change = Change { put: vec![entry], charge, refund, ..Change::default() };
        if let Err(problem) = self.spool.apply(change) {
            error!(id = %claim.entry.id, %problem, "claim not given back; the message is tried \
                when the plan says");
        }
        self.leases.release(claim.entry.id);
        self.changed.notify_one();
    }

    /// Moves a message to quarantine that cannot be sent as it is stored on disk.
    pub(in crate::queue) async fn put_aside(
        &self,
        account: &Account<T>,
        claim: &Claim,
        reason: &str,
    ) {
        let id = claim.entry.id;
        let budget = self.cancel(account, claim);
        self.store(budget);
        if let Err(problem) = self.on_disk(self.spool.quarantine(id, reason)).await {
            error!(%id, %problem, "message not moved to quarantine");
        }
        self.leases.release(id);
        let advice = "It was moved to the folder quarantine, and will not be sent.";
        self.on_disk(self.reporter.attention(id, reason, advice)).await;
    }

    /// Refunds what was reserved for a claim. A claim that is settled without an attempt has
    /// reserved nothing.
    fn cancel(&self, account: &Account<T>, claim: &Claim) -> BudgetChange {
        match &claim.work {
            Work::Settle(_) => BudgetChange::default(),
            Work::Send { charge, .. } => {
                self.locked(account, |runtime, _| runtime.undo(charge.as_ref()))
            }
        }
    }

    /// Handles a panic during an attempt, which may have got to any stage. After the second panic
    /// the message is taken to be the cause.
    pub(in crate::queue) async fn panicked(&self, account: &Account<T>, claim: &Claim) {
        self.metrics.sending().attempt_panics.inc();
        let id = claim.entry.id;
        let panics = claim.entry.panics.saturating_add(1);
        error!(%id, account = %account.settings.name, panics, "attempt panicked");
        if panics >= MOST_PANICS {
            let reason = "sending it made the program panic twice; please report that";
            self.put_aside(account, claim, reason).await;
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
        let budget = match &claim.work {
            Work::Settle(_) => BudgetChange::default(),
            Work::Send { charge, .. } => self.locked(account, |runtime, now| {
                let ending = Ending::Counted { end: End::Unknown, refused: 0 };
                runtime.end(charge.as_ref(), ending, now)
            }),
        };
        self.metrics.sending().doubts.inc();
        let conclusion =
            Conclusion { entry, lines: Vec::new(), failed: Vec::new(), relayed: Vec::new() };
        self.store_outcome(claim, conclusion, budget, Vec::new());
    }
}

/// Removes a settled message, unless a person must look at it first.
pub(in crate::queue) fn put_or_remove(entry: Entry) -> (Vec<Entry>, Vec<MessageId>) {
    if entry.is_settled() && entry.hold.is_none() {
        (Vec::new(), vec![entry.id])
    } else {
        (vec![entry], Vec::new())
    }
}
