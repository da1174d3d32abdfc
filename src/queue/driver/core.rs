//! The state that the tasks of the queue share.
//!
//! There are two kinds of lock: one for each account, and one for the leases. The lock of the
//! leases may be taken while an account's lock is held. Neither is held across an await, or while
//! the disk is read or written.

use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::{Notify, watch};
use tracing::error;

use crate::{
    clock::Clock,
    metrics::Metrics,
    model::AccountName,
    queue::{
        AccountSettings, QueueError, QueueSettings,
        driver::{
            account::Account,
            leases::Leases,
            live::Live,
            opening,
            roster::{MakeTransport, Roster},
            transport::Transport,
        },
        engine::{
            account_runtime::{AccountRuntime, Subject},
            budget::BudgetChange,
            health::{Health, News, remembered::Remembered},
            now::Now,
        },
        outgoing::Workshop,
    },
    report::{AccountChange, Reporter},
    spool::{Change, Memo, MemoKind, Spool, SpoolError},
};

/// The queue without its tasks.
pub(in crate::queue) struct Core<T: Transport> {
    roster: RwLock<Arc<Roster<T>>>,
    /// The settings as the daemon last sent them.
    pub(in crate::queue) settings: watch::Receiver<Arc<QueueSettings>>,
    make_transport: MakeTransport<T>,
    pub(in crate::queue) spool: Spool,
    pub(in crate::queue) reporter: Reporter,
    pub(in crate::queue) clock: Clock,
    pub(in crate::queue) metrics: Metrics,
    /// Wakes the scheduler.
    pub(in crate::queue) changed: Notify,
    pub(in crate::queue) stopping: AtomicBool,
    pub(in crate::queue) leases: Arc<Leases>,
    /// Where the edits of texts are computed.
    pub(in crate::queue) workshop: Workshop,
}

/// Everything a [`Core`] is made from, except the transports.
pub(in crate::queue) struct Parts {
    pub(in crate::queue) settings: watch::Receiver<Arc<QueueSettings>>,
    pub(in crate::queue) spool: Spool,
    pub(in crate::queue) reporter: Reporter,
    pub(in crate::queue) clock: Clock,
    pub(in crate::queue) metrics: Metrics,
}

/// Whether the time is stored even when nothing depends on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::queue) enum Note {
    /// It is stored while mail waits or charges count. An idle relay leaves the disk alone.
    WhenNeeded,
    /// It is stored.
    Always,
}

impl<T: Transport> Core<T> {
    /// Opens the accounts with the health and the charges that an earlier process has stored.
    pub(in crate::queue) fn new(
        make_transport: MakeTransport<T>,
        parts: Parts,
    ) -> Result<Self, QueueError> {
        let Parts { settings, spool, reporter, clock, metrics } = parts;
        let first = Arc::clone(&settings.borrow());
        let nobody = Roster::empty(first.retry.clone());
        let roster = nobody.under(&first, &make_transport, &spool, &clock)?;
        opening::forget_loss(&spool)?;
        Ok(Self {
            roster: RwLock::new(Arc::new(roster)),
            settings,
            make_transport,
            spool,
            reporter,
            clock,
            metrics,
            changed: Notify::new(),
            stopping: AtomicBool::new(false),
            leases: Arc::default(),
            workshop: Workshop::default(),
        })
    }

    /// The accounts under the settings in force.
    pub(in crate::queue) fn roster(&self) -> Arc<Roster<T>> {
        Arc::clone(&self.roster.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(in crate::queue) fn account(&self, name: &AccountName) -> Option<Arc<Account<T>>> {
        self.roster().account(name).cloned()
    }

    /// Checks whether other settings can be applied.
    pub(in crate::queue) fn check(&self, settings: &QueueSettings) -> Result<(), QueueError> {
        let roster = self.roster();
        let same = |new: &&AccountSettings| {
            roster.account(&new.name).is_some_and(|old| old.settings.route == new.route)
        };
        let mut others = settings.accounts.iter().filter(|new| !same(new));
        others.try_for_each(|new| (self.make_transport)(new).map(drop))
    }

    /// Applies other settings, from the next message on. No attempt is cut for it. Returns the idle
    /// connections to close.
    pub(in crate::queue) fn apply(&self, settings: &QueueSettings) -> Vec<Live<T::Link>> {
        let former = self.roster();
        match former.under(settings, &self.make_transport, &self.spool, &self.clock) {
            Ok(roster) => {
                let useless = roster.take_over(&former);
                *self.roster.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(roster);
                useless
            }
            // The daemon has checked it before it sent it.
            Err(problem) => {
                error!(%problem, "queue settings not applied; the former ones stay");
                Vec::new()
            }
        }
    }

    pub(in crate::queue) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// The current time by both clocks.
    pub(in crate::queue) fn now(&self) -> Now {
        Now { wall: self.clock.now(), steady: self.clock.steady() }
    }

    /// Stores the present moment of the steady time, for the next process. After a power cut the
    /// steady time continues from the last moment that was stored.
    pub(in crate::queue) fn note_time(&self, note: Note) {
        let matters = |account: &Arc<Account<T>>| {
            self.locked(account, |runtime, now| {
                runtime.advance(now);
                runtime.budget.used() != (0, 0) || !runtime.health.may_send()
            })
        };
        if note == Note::WhenNeeded
            && self.spool.accounts_waiting().is_empty()
            && !self.roster().accounts.iter().any(matters)
        {
            return;
        }
        let stored = Memo::steady_time(&self.clock).and_then(|memo| {
            self.spool.apply(Change { remember: vec![memo], ..Change::default() })
        });
        if let Err(problem) = stored {
            error!(%problem, "time not stored; after a power cut, mail may go later");
        }
    }

    /// Waits for the disk. Simulated time stands still meanwhile. Otherwise it would leap to the
    /// next timer, since tokio cannot see that a thread of the spool is busy.
    pub(in crate::queue) async fn on_disk<F: Future>(&self, work: F) -> F::Output {
        #[cfg(test)]
        let _still = crate::queue::fixture::stand_still();
        work.await
    }

    /// Runs `work` on the runtime of an account, under its lock and with its pauses up to
    /// date. Resulting changes to charges are stored once the lock is released.
    pub(in crate::queue) fn locked<R>(
        &self,
        account: &Account<T>,
        work: impl FnOnce(&mut AccountRuntime, Now) -> R,
    ) -> R {
        let (result, unsaved) = {
            let mut shared = account.shared();
            let now = self.now();
            shared.runtime.lapse(now);
            let result = work(&mut shared.runtime, now);
            (result, shared.runtime.take_unsaved())
        };
        self.store(unsaved);
        result
    }

    /// Stores changes to charges on which no attempt depends.
    pub(in crate::queue) fn store(&self, change: BudgetChange) {
        if change.is_empty() {
            return;
        }
        let BudgetChange { charge, refund } = change;
        if let Err(problem) = self.spool.apply(Change { charge, refund, ..Change::default() }) {
            error!(%problem, "charges not stored");
        }
    }

    /// Stores the health of an account so that it survives a restart.
    pub(in crate::queue) fn remember(
        &self,
        account: &Account<T>,
        health: &Health,
    ) -> Result<(), SpoolError> {
        let (name, health) = (account.settings.name.as_str(), Remembered::from(health));
        let remember = vec![Memo::keep(MemoKind::AccountHealth, name, &health)?];
        self.spool.apply(Change { remember, ..Change::default() })
    }

    /// Tells the administrator that the index was found lost at startup.
    pub(in crate::queue) async fn tell_of_lost_budgets(&self) {
        for account in &self.roster().accounts {
            let lost = account.shared().lost_until.take();
            if let Some(until) = lost {
                self.on_disk(self.reporter.budget_lost(&account.settings.name, until)).await;
            }
        }
    }

    /// Stores and reports a change of an account's health, or reports one of its domains'.
    pub(in crate::queue) async fn tell(&self, account: &Account<T>, news: Option<(Subject, News)>) {
        let Some((subject, news)) = news else {
            return;
        };
        let change = match news {
            News::Hiccup => AccountChange::Hiccup,
            News::Alarm => AccountChange::Trouble,
            News::AllClear => AccountChange::Recovered,
        };
        let name = &account.settings.name;
        if let Subject::Domain(domain) = subject {
            let (reason, advice) = account.shared().runtime.destinations.words(&domain);
            self.on_disk(self.reporter.domain_changed(name, &domain, change, &reason, &advice))
                .await;
            self.changed.notify_one();
            return;
        }
        let health = account.shared().runtime.health.clone();
        if let Err(problem) = self.remember(account, &health) {
            error!(account = %name, %problem, "account state not stored");
        }
        let (reason, advice) = health.words();
        self.on_disk(self.reporter.account_changed(name, change, reason, advice)).await;
        self.changed.notify_one();
    }
}
