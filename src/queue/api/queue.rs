//! The handle of the queue: the daemon runs it, and people inspect and control it.

use std::sync::Arc;

use tokio::sync::watch;
use tracing::warn;

use crate::{
    attempt::Failure,
    classify::Place,
    clock::Clock,
    metrics::Metrics,
    model::{AccountName, MessageId, RecipientOutcome},
    queue::{
        AccountSettings, AccountStatus, DomainStatus, Enabled, QueueError, QueueSettings,
        driver::{
            account::Account,
            conclude::put_or_remove,
            core::{Core, Parts},
            scheduler,
            transport::Transport,
        },
        engine::{
            budget::BudgetChange,
            settle::{self, Context},
        },
    },
    report::Reporter,
    spool::{Change, Entry, Hold, Progress, Spool, SpoolError},
    upstream::Upstream,
};

/// The sending half of the relay. It is cheap to clone.
pub struct Queue<T: Transport = Upstream>(Arc<Core<T>>);

impl<T: Transport> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl Queue {
    /// Prepares the accounts. Nothing is sent before [`Queue::run`]. Settings that are sent later
    /// apply from the next message on.
    ///
    /// # Errors
    /// When the spool cannot be read or an account's trust store cannot be loaded.
    pub fn new(
        settings: watch::Receiver<Arc<QueueSettings>>,
        spool: Spool,
        reporter: Reporter,
        clock: Clock,
        metrics: Metrics,
    ) -> Result<Self, QueueError> {
        let upstream = {
            let (clock, metrics) = (clock.clone(), metrics.clone());
            move |account: &AccountSettings| {
                Upstream::new(&account.route, clock.clone(), metrics.clone()).map_err(|source| {
                    QueueError::TrustStore { account: account.name.clone(), source }
                })
            }
        };
        Self::over(upstream, settings, spool, reporter, clock, metrics)
    }
}

impl<T: Transport> Queue<T> {
    /// Like [`Queue::new`], over other transports.
    ///
    /// # Errors
    /// When the spool cannot be read, or an account has no transport.
    pub fn over(
        transport: impl Fn(&AccountSettings) -> Result<T, QueueError>,
        settings: watch::Receiver<Arc<QueueSettings>>,
        spool: Spool,
        reporter: Reporter,
        clock: Clock,
        metrics: Metrics,
    ) -> Result<Self, QueueError> {
        let parts = Parts { settings, spool, reporter, clock, metrics };
        Ok(Self(Arc::new(Core::new(transport, parts)?)))
    }

    /// Sends until `stop` turns true. Then attempts under way may finish within the daemon's drain
    /// time.
    pub async fn run(&self, stop: watch::Receiver<bool>) {
        scheduler::run(Arc::clone(&self.0), stop).await;
    }

    /// What each account is doing.
    #[must_use]
    pub fn accounts(&self) -> Vec<AccountStatus> {
        {
            let waiting = self.0.spool.accounts_waiting();
            self.0.accounts.iter().map(|account| self.status(account, &waiting)).collect()
        }
    }

    /// The subject of a message, if the configuration keeps subjects and the file can be read.
    pub async fn subject(&self, id: MessageId) -> Option<String> {
        self.0.reporter.subject(id).await
    }

    /// Makes a message due now, whatever the retry schedule says. This shortens the spacing of 30
    /// minutes, because a person asked for it.
    ///
    /// # Errors
    /// When there is no such message, it is being attempted, or the disk refuses.
    pub async fn retry(&self, id: MessageId) -> Result<(), QueueError> {
        let now = self.0.clock.steady();
        self.amend(id, |entry| {
            for recipient in &mut entry.recipients {
                match &mut recipient.progress {
                    Progress::Waiting { due } => *due = (*due).min(now),
                    Progress::Attempting(attempting) => attempting.due = attempting.due.min(now),
                    Progress::Delivered(_) | Progress::Failed(_) => {}
                }
            }
        })
        .await
    }

    /// Holds a message.
    ///
    /// # Errors
    /// When there is no such message, it is being attempted, or the disk refuses.
    pub async fn hold(&self, id: MessageId, reason: String) -> Result<(), QueueError> {
        let since = self.0.clock.now();
        self.amend(id, |entry| entry.hold = Some(Hold { since, reason })).await
    }

    /// Releases a held message.
    ///
    /// # Errors
    /// When there is no such message, it is being attempted, or the disk refuses.
    pub async fn release(&self, id: MessageId) -> Result<(), QueueError> {
        let entry = self.0.spool.entry(id)?.ok_or(SpoolError::NotFound(id))?;
        // It was held because its failure notice could not be written. Nothing else is left to do.
        if entry.is_settled() {
            let failed = entry
                .recipients
                .iter()
                .enumerate()
                .filter(|(_, state)| matches!(state.progress, Progress::Failed(_)));
            let failures: Vec<Failure> = failed
                .map(|(index, _)| Failure { index, place: Place::HELD, advice: "" })
                .collect();
            self.0.on_disk(self.0.reporter.failed(&entry, &failures)).await?;
        }
        self.amend(id, |entry| entry.hold = None).await
    }

    /// Lets another account send a message to the recipients that wait. Their due times stay, so
    /// that no recipient is tried again too soon.
    ///
    /// # Errors
    /// When there is no such account or message, it is being attempted, or the disk refuses.
    pub async fn redirect(&self, id: MessageId, account: &AccountName) -> Result<(), QueueError> {
        self.known(account)?;
        self.amend(id, |entry| {
            let former = std::mem::replace(&mut entry.account, account.clone());
            for recipient in &mut entry.recipients {
                if recipient.due().is_some() {
                    recipient.account = None;
                } else {
                    recipient.account.get_or_insert_with(|| former.clone());
                }
            }
        })
        .await
    }

    /// Deletes a message; the journal keeps a line for each recipient.
    ///
    /// # Errors
    /// When there is no such message, it is being attempted, or the disk refuses.
    pub async fn delete(&self, id: MessageId) -> Result<(), QueueError> {
        {
            let _lease = self.0.leases.take(id).await?;
            let entry = self.0.spool.entry(id)?.ok_or(SpoolError::NotFound(id))?;
            let context = Context {
                plan: &self.0.retry,
                account: &entry.account,
                split: crate::queue::Split::Never,
                now: self.0.now(),
            };
            let unsettled =
                entry.recipients.iter().enumerate().filter(|(_, state)| state.due().is_some());
            let mut journal: Vec<_> = unsettled
                .filter_map(|(index, _)| {
                    settle::journal_line(&entry, index, RecipientOutcome::Deleted, &context)
                })
                .collect();
            let subject = self.0.reporter.subject(id).await;
            for line in &mut journal {
                line.subject.clone_from(&subject);
                self.0.reporter.settled(line, Place::QUEUE);
            }
            self.0.spool.apply(Change { remove: vec![id], journal, ..Change::default() })?;
        }
        Ok(self.0.on_disk(self.0.spool.sync()).await?)
    }

    /// Switches an account on or off by order of a person. The order survives restarts. Switching
    /// on ends a pause or a stop, and an attempt to connect that began before does not cause one.
    ///
    /// # Errors
    /// When there is no such account, or the disk refuses.
    pub async fn set_enabled(
        &self,
        account: &AccountName,
        enabled: Enabled,
    ) -> Result<(), QueueError> {
        let account = self.known(account)?;
        if enabled == Enabled::On {
            account.transport.mended().await;
            let mut shared = account.shared();
            shared.orders = shared.orders.wrapping_add(1);
        }
        let health = self.0.locked(account, |runtime, _| {
            runtime.health.set_enabled(enabled);
            runtime.destinations.trust();
            runtime.health.clone()
        });
        self.0.remember(account, &health)?;
        self.0.on_disk(self.0.spool.sync()).await?;
        self.0.changed.notify_one();
        Ok(())
    }

    /// Stops counting the recipients of everything that was sent. A person orders this after the
    /// index was lost, because the person knows what was really sent.
    ///
    /// # Errors
    /// When there is no such account, or the disk refuses.
    pub async fn forget_budget(&self, account: &AccountName, by: &str) -> Result<(), QueueError> {
        let (core, account) = (self.core(), self.known(account)?);
        let BudgetChange { charge, refund } =
            core.locked(account, |runtime, now| runtime.budget.forget(now.steady));
        core.spool.apply(Change { charge, refund, ..Change::default() })?;
        core.on_disk(core.spool.sync()).await?;
        core.changed.notify_one();
        warn!(account = account.settings.name.as_str(), by, "account budget forgotten");
        Ok(())
    }

    pub(in crate::queue) fn core(&self) -> &Core<T> {
        &self.0
    }

    pub(in crate::queue) fn known(
        &self,
        account: &AccountName,
    ) -> Result<&Arc<Account<T>>, QueueError> {
        self.0.account(account).ok_or_else(|| QueueError::NoSuchAccount(account.clone()))
    }

    /// Changes a message that is not being attempted.
    async fn amend(
        &self,
        id: MessageId,
        change: impl FnOnce(&mut Entry),
    ) -> Result<(), QueueError> {
        {
            let _lease = self.0.leases.take(id).await?;
            let mut entry = self.0.spool.entry(id)?.ok_or(SpoolError::NotFound(id))?;
            change(&mut entry);
            let (put, remove) = put_or_remove(entry);
            self.0.spool.apply(Change { put, remove, ..Change::default() })?;
        }
        self.0.on_disk(self.0.spool.sync()).await?;
        self.0.changed.notify_one();
        Ok(())
    }

    fn status(&self, account: &Account<T>, waiting: &[(AccountName, u64)]) -> AccountStatus {
        let name = &account.settings.name;
        let limits = &account.settings.limits;
        let waiting = waiting.iter().find(|(account, _)| account == name);
        let (last_delivery, credential) = {
            let shared = account.shared();
            (shared.last_delivery, shared.expiry)
        };
        let shown = |at| self.0.clock.time_of_day(at);
        self.0.locked(account, |runtime, now| {
            // Charges that have left the windows are removed before the budget is shown.
            runtime.advance(now);
            let (budget, (minute, day)) = (&runtime.budget, runtime.budget.used());
            let domains = runtime.destinations.held_up();
            AccountStatus {
                name: name.clone(),
                state: runtime.health.account_state().named(name).shown(shown),
                waiting: waiting.map_or(0, |(_, messages)| *messages),
                connections: account.connections(),
                connections_allowed: runtime.concurrency.at(now.steady),
                connections_limit: limits.connections,
                messages_last_minute: u32::try_from(minute).unwrap_or(u32::MAX),
                messages_per_minute: limits.messages_per_minute,
                recipients_last_day: limits
                    .recipients_per_day
                    .map(|_limit| u32::try_from(day).unwrap_or(u32::MAX)),
                recipients_per_day: limits.recipients_per_day,
                day_free_at: budget.day_full_until(now.steady).map(shown),
                budget_free_at: budget
                    .free_at(now.steady, 1)
                    .filter(|at| *at > now.steady)
                    .map(shown),
                last_delivery,
                credential,
                domains: domains
                    .map(|(domain, state)| DomainStatus {
                        domain: domain.clone(),
                        state: state.shown(shown),
                    })
                    .collect(),
            }
        })
    }
}
