//! The task that sends. It first opens a connection, then takes message after message until none is
//! left.
//!
//! # Failure
//! Trouble with the connection pauses or stops the account and ends the task. Trouble with the disk
//! ends it too, before any message is sent whose attempt is not stored.

use std::{io::ErrorKind, ops::ControlFlow, sync::Arc, time::Duration};

use tokio::time::timeout;
use tracing::error;

use crate::{
    attempt::NextHop,
    entry::Entry,
    model::Address,
    queue::{
        driver::{
            account::Account,
            conclude::MOST_PANICS,
            core::Core,
            live::{Live, close},
            transport::{Link, Transport},
        },
        engine::{
            claim::{Claim, Outlook, Work},
            report::Transaction,
            sender,
        },
        outgoing::{self, Changes, Outgoing, Stored},
    },
    spool::{Change, MessageReader, SpoolError},
};

/// How long the account is paused after the disk refused a write.
const DISK_PAUSE: Duration = Duration::from_secs(30);
/// The preparation of a text that takes longer than this is noted.
const LONG: Duration = Duration::from_secs(1);
/// A message that could not be read for a temporary reason is tried again after this time.
const READ_AGAIN: Duration = Duration::from_secs(5 * 60);

/// Holds back further workers until this one has reached its first claim.
pub(in crate::queue) struct Starting<T: Transport>(pub(in crate::queue) Arc<Account<T>>);

impl<T: Transport> Drop for Starting<T> {
    fn drop(&mut self) {
        self.0.shared().starting = false;
    }
}

/// Sends until there is nothing to send. It uses one connection, or, where servers are found by
/// DNS, one connection to each domain in turn.
pub(in crate::queue) async fn work<T: Transport>(
    core: Arc<Core<T>>,
    account: Arc<Account<T>>,
    starting: Starting<T>,
) {
    let mut starting = Some(starting);
    let ahead = account.settings.route.only_next_hop();
    let mut held = None;
    match &ahead {
        Some(next_hop) => match core.connection(&account, next_hop).await {
            Some(live) => held = Some(live),
            None => return,
        },
        None => core.probe_by_mail(&account),
    }
    while let Some(claim) = core.claim_or_rest(&account).await {
        // Trouble in reaching one domain's servers need not affect another's.
        if (held.is_some() || ahead.is_none()) && starting.take().is_some() {
            core.changed.notify_one();
        }
        let next_hop = match &claim.work {
            Work::Send { next_hop, .. } => next_hop,
            Work::Settle(verdict) => {
                core.conclude_unsent(&account, &claim, verdict).await;
                continue;
            }
        };
        let text = match core.ready_text(&account, &claim).await {
            ControlFlow::Continue(Some(text)) => text,
            ControlFlow::Continue(None) => continue,
            ControlFlow::Break(()) => break,
        };
        let Some(mut live) = core.connection_for(&account, &claim, next_hop, held.take()).await
        else {
            continue;
        };
        if starting.take().is_some() {
            core.changed.notify_one();
        }
        core.attempt(&account, &claim, next_hop, &mut live, text).await;
        if live.link.is_reusable() && live.link.is_fresh() {
            held = Some(live);
            continue;
        }
        core.settle().await;
        close(live).await;
        if core.outlook(&account) != Outlook::Now
            || core.is_stopping()
            || !core.roster().has(&account)
        {
            return;
        }
        if let Some(next_hop) = &ahead {
            match core.connection(&account, next_hop).await {
                Some(next) => held = Some(next),
                None => return,
            }
        }
    }
    core.settle().await;
    if let Some(live) = held {
        core.park(&account, live).await;
    }
}

impl<T: Transport> Core<T> {
    /// Hands a message over and settles it by the report.
    async fn attempt(
        &self,
        account: &Account<T>,
        claim: &Claim,
        next_hop: &NextHop,
        live: &mut Live<T::Link>,
        text: Outgoing<MessageReader>,
    ) {
        self.metrics.sending().attempts.inc();
        let handover = outgoing::handover(&claim.entry, &claim.indexes(), &account.settings, text);
        let report = live.link.send(handover).await;
        let transaction = if live.carried == 0 { Transaction::First } else { Transaction::Later };
        live.carried = live.carried.saturating_add(1);
        self.conclude(account, claim, next_hop, &report, transaction).await;
    }

    async fn claim_or_rest(&self, account: &Account<T>) -> Option<Arc<Claim>> {
        match self.claim(account).await {
            Ok(claim) => claim,
            Err(problem) => {
                self.rest(account, &problem);
                None
            }
        }
    }

    /// Makes the last outcome durable if no later claim does.
    async fn settle(&self) {
        if let Err(problem) = self.on_disk(self.spool.sync()).await {
            error!(%problem, "outcome not stored");
        }
    }

    /// Puts aside a claimed message that cannot be read, or leaves it for later.
    async fn do_without(&self, account: &Account<T>, claim: &Claim, problem: &SpoolError) {
        let id = claim.entry.id;
        let lost = match problem {
            SpoolError::Unreadable { .. } | SpoolError::NotFound(_) => true,
            SpoolError::Io { source, .. } => source.kind() == ErrorKind::NotFound,
            SpoolError::Full | SpoolError::Locked(_) | SpoolError::Index(_) => false,
        };
        if lost {
            self.put_aside(account, claim, &problem.to_string()).await;
        } else {
            error!(%id, %problem, "message not read");
            self.give_back(account, claim, self.clock.steady().plus(READ_AGAIN));
        }
    }

    /// Makes a claim and the outcome of the previous message durable, and returns the text. `None`
    /// skips the message; a break ends the worker.
    async fn ready_text(
        &self,
        account: &Account<T>,
        claim: &Claim,
    ) -> ControlFlow<(), Option<Outgoing<MessageReader>>> {
        if claim.entry.panics >= MOST_PANICS {
            let reason = "the program died twice while it worked on the message; please report \
                that";
            self.put_aside(account, claim, reason).await;
            return ControlFlow::Continue(None);
        }
        let (stored, text) = tokio::join!(
            self.on_disk(self.spool.sync()),
            self.on_disk(self.prepare_watched(account, claim))
        );
        if let Err(problem) = stored {
            self.abandon(account, claim, &problem);
            return ControlFlow::Break(());
        }
        match text {
            Ok(text) => ControlFlow::Continue(Some(text)),
            Err(problem) => {
                self.do_without(account, claim, &problem).await;
                ControlFlow::Continue(None)
            }
        }
    }

    /// Prepares the text of a claimed message. When that takes long, it is noted durably that the
    /// message may be what a dying process was working on. The outcome of the attempt takes the
    /// note back.
    async fn prepare_watched(
        &self,
        account: &Account<T>,
        claim: &Claim,
    ) -> Result<Outgoing<MessageReader>, SpoolError> {
        let mut preparing = std::pin::pin!(self.prepare(account, &claim.entry));
        match timeout(LONG, &mut preparing).await {
            Ok(text) => return text,
            Err(_elapsed) => {
                let panics = claim.entry.panics.saturating_add(1);
                let noted = Entry { panics, ..claim.entry.clone() };
                self.spool.apply(Change { put: vec![noted], ..Change::default() })?;
                self.spool.sync().await?;
            }
        }
        preparing.await
    }

    /// Prepares the edited text of a claimed message.
    async fn prepare(
        &self,
        account: &Account<T>,
        entry: &Entry,
    ) -> Result<Outgoing<MessageReader>, SpoolError> {
        let settings = &account.settings;
        let text = self.spool.body(entry.id).await?;
        let unreadable = |source| SpoolError::Io {
            what: "read message",
            path: entry.id.as_str().into(),
            source,
        };
        let stored = Stored { spool: &self.spool, id: entry.id };
        let changes = Changes {
            edits: outgoing::edits(entry, settings),
            footer: outgoing::footer(entry, settings),
            limit: settings.limits.message_size,
        };
        let whom = |author: Option<&Address>, sender: Option<&Address>| {
            sender::header(entry, author, sender, settings)
        };
        Outgoing::prepare(text, changes, whom, &stored, &self.workshop).await.map_err(unreadable)
    }

    /// Gives a claim back that the disk refused to store: nothing was sent.
    fn abandon(&self, account: &Account<T>, claim: &Claim, problem: &SpoolError) {
        self.give_back(account, claim, self.clock.steady());
        self.rest(account, problem);
    }

    fn rest(&self, account: &Account<T>, problem: &SpoolError) {
        error!(account = %account.settings.name, %problem, "attempt not stored; nothing is sent \
            without that");
        let advice = "Look at the disk of the data folder: is it full, or failing?";
        self.locked(account, |runtime, now| {
            runtime.health.hinder(now.steady.plus(DISK_PAUSE), problem.to_string(), advice);
        });
    }
}
