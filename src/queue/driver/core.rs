//! What the tasks of the queue share: the accounts with their desks, and what is being attempted.
//!
//! Two kinds of lock, always taken in this order and never across an await: an account's `runtime`,
//! then `flights`. A claim holds both, so that no message is attempted twice at once; a person's
//! word about a message holds `flights`.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, task, time::Instant};
use tracing::{error, warn};

use crate::{
    classify::{Concurrency, Scope},
    clock::Clock,
    metrics::Metrics,
    model::{AccountName, MessageId, Timestamp},
    oauth::Expiry,
    queue::{
        AccountSettings, BatchSettings, QueueError, RetrySettings, Split,
        api::adjust,
        api::tuning::Tuning,
        driver::claim::Claim,
        driver::monotonic_clock::{MonotonicClock, Step},
        driver::transport::Transport,
        engine::batch::Batch,
        engine::budget::{Budget, BudgetChange, Room},
        engine::concurrency_limit::ConcurrencyLimit,
        engine::destination_health::DestinationHealth,
        engine::health::{Health, News, remembered::Remembered},
        engine::round_robin::RoundRobin,
    },
    report::{AccountChange, Reporter},
    spool::{Change, Memo, MemoKind, Spool, SpoolError},
    upstream::{NextHop, Trouble},
};

/// The queue without its tasks.
pub(in crate::queue) struct Core<T: Transport> {
    pub(in crate::queue) accounts: Vec<Arc<Account<T>>>,
    pub(in crate::queue) plan: RetrySettings,
    pub(in crate::queue) spool: Spool,
    pub(in crate::queue) reporter: Reporter,
    pub(in crate::queue) clock: Clock,
    pub(in crate::queue) metrics: Metrics,
    /// Wakes the scheduler.
    pub(in crate::queue) changed: Notify,
    pub(in crate::queue) stopping: AtomicBool,
    flights: Mutex<HashMap<MessageId, InFlight>>,
}

/// An attempt under way.
pub(in crate::queue) struct InFlight {
    /// Which task makes it.
    pub(in crate::queue) task: Option<task::Id>,
    pub(in crate::queue) claim: Arc<Claim>,
}

/// One account, with what is needed to send by it.
pub(in crate::queue) struct Account<T: Transport> {
    pub(in crate::queue) settings: AccountSettings,
    pub(in crate::queue) transport: T,
    /// Whose mail it may take over: of those that name it in `spill_to`.
    pub(in crate::queue) spills_from: Vec<AccountName>,
    runtime: Mutex<AccountRuntime>,
    /// Open connections that nobody uses; no more than `limits.connections`.
    idle: Mutex<Vec<Idle<T::Link>>>,
    open: Arc<AtomicUsize>,
}

/// An account's decisions.
pub(in crate::queue) struct AccountRuntime {
    pub(in crate::queue) health: Health,
    /// Those of its domains that are in trouble.
    pub(in crate::queue) domains: DestinationHealth,
    pub(in crate::queue) ledger: Budget,
    pub(in crate::queue) steady: MonotonicClock,
    pub(in crate::queue) batch: Batch,
    /// How recipients share transactions now.
    pub(in crate::queue) split: Split,
    /// What a person has changed of the file's `batch`.
    pub(in crate::queue) tuning: Tuning,
    pub(in crate::queue) turns: RoundRobin,
    /// How many connections it may use now.
    pub(in crate::queue) width: ConcurrencyLimit,
    /// Tasks that send by it; no more than `limits.connections`.
    pub(in crate::queue) workers: usize,
    /// One of them has not got to its first claim yet. Only one at a time: the others wait for its
    /// success.
    pub(in crate::queue) starting: bool,
    pub(in crate::queue) last_delivery: Option<Timestamp>,
    /// How long a transaction takes, of late.
    pub(in crate::queue) pace: Duration,
    /// When what it logs in with ends, as last looked at.
    pub(in crate::queue) expiry: Option<Expiry>,
    /// The index was lost: until then the budget counts as used up, and the administrator has to
    /// hear of it.
    lost_until: Option<Timestamp>,
}

/// A connection that nobody uses.
pub(in crate::queue) struct Idle<L> {
    pub(in crate::queue) live: Live<L>,
    pub(in crate::queue) since: Instant,
}

/// A connection, counted as open until dropped.
pub(in crate::queue) struct Live<L> {
    pub(in crate::queue) link: L,
    /// Where it leads.
    pub(in crate::queue) lane: NextHop,
    /// Transactions it has carried.
    pub(in crate::queue) carried: u32,
    _slot: Slot,
}

impl<L> Live<L> {
    /// Nothing carried yet.
    pub(in crate::queue) const fn new(link: L, lane: NextHop, slot: Slot) -> Self {
        Self { link, lane, carried: 0, _slot: slot }
    }
}

/// A place among an account's connections, until dropped.
pub(in crate::queue) struct Slot(Arc<AtomicUsize>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Everything a [`Core`] is made from, beside the accounts.
pub(in crate::queue) struct Parts {
    pub(in crate::queue) plan: RetrySettings,
    pub(in crate::queue) spool: Spool,
    pub(in crate::queue) reporter: Reporter,
    pub(in crate::queue) clock: Clock,
    pub(in crate::queue) metrics: Metrics,
}

impl<T: Transport> Core<T> {
    /// Takes over what an earlier process left: conditions and charges.
    pub(in crate::queue) fn new(
        accounts: Vec<(AccountSettings, T)>,
        parts: Parts,
    ) -> Result<Self, QueueError> {
        let spills: Vec<(AccountName, Vec<AccountName>)> = accounts
            .iter()
            .map(|(settings, _)| (settings.name.clone(), settings.spill_to.clone()))
            .collect();
        let mut prepared = Vec::with_capacity(accounts.len());
        for (settings, transport) in accounts {
            let spilling = spills
                .iter()
                .filter(|(name, to)| *name != settings.name && to.contains(&settings.name));
            let spills_from = spilling.map(|(name, _)| name.clone()).collect();
            let runtime = AccountRuntime::open(&settings, &parts.spool, &parts.clock)?;
            let open = Arc::new(AtomicUsize::new(0));
            let (runtime, idle) = (Mutex::new(runtime), Mutex::new(Vec::new()));
            prepared.push(Arc::new(Account {
                settings,
                transport,
                spills_from,
                runtime,
                idle,
                open,
            }));
        }
        let Parts { plan, spool, reporter, clock, metrics } = parts;
        if was_lost(&spool)? {
            let remember = vec![Memo::index_loss_is_known()];
            spool.apply(Change { remember, ..Change::default() })?;
        }
        let (changed, stopping, flights) =
            (Notify::new(), AtomicBool::new(false), Mutex::default());
        Ok(Self {
            accounts: prepared,
            plan,
            spool,
            reporter,
            clock,
            metrics,
            changed,
            stopping,
            flights,
        })
    }

    pub(in crate::queue) fn flights(&self) -> MutexGuard<'_, HashMap<MessageId, InFlight>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::queue) fn account(&self, name: &AccountName) -> Option<&Arc<Account<T>>> {
        self.accounts.iter().find(|account| account.settings.name == *name)
    }

    pub(in crate::queue) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Waits for the disk. Simulated time stands still meanwhile: it would otherwise leap to the
    /// next timer, since tokio cannot see that a thread of the spool is busy.
    pub(in crate::queue) async fn on_disk<F: Future>(&self, work: F) -> F::Output {
        #[cfg(test)]
        let _still = crate::queue::fixture::stand_still();
        work.await
    }

    /// The runtime of an account, with its clock set right.
    pub(in crate::queue) fn runtime<'a>(
        &self,
        account: &'a Account<T>,
    ) -> MutexGuard<'a, AccountRuntime> {
        let mut runtime = account.runtime();
        if let Some(Step { from, to }) = runtime.steady.follow(&self.clock) {
            let moves = runtime.ledger.rebase(from, to);
            self.store(moves);
        }
        runtime.health.lapse(self.clock.now());
        runtime.domains.lapse(self.clock.now());
        runtime
    }

    /// Stores changes to charges that no attempt depends on.
    pub(in crate::queue) fn store(&self, moves: BudgetChange) {
        if moves.refund.is_empty() && moves.charge.is_empty() {
            return;
        }
        let change = Change { charge: moves.charge, refund: moves.refund, ..Change::default() };
        if let Err(problem) = self.spool.apply(change) {
            error!(%problem, "charges not stored");
        }
    }

    /// Remembers the health of an account across restarts.
    pub(in crate::queue) fn remember(
        &self,
        account: &Account<T>,
        health: &Health,
    ) -> Result<(), SpoolError> {
        let (name, health) = (account.settings.name.as_str(), Remembered::from(health));
        let remember = vec![Memo::keep(MemoKind::AccountHealth, name, &health)?];
        self.spool.apply(Change { remember, ..Change::default() })
    }

    /// After a start that found the index lost.
    pub(in crate::queue) async fn tell_of_lost_budgets(&self) {
        for account in &self.accounts {
            let lost = account.runtime().lost_until.take();
            if let Some(until) = lost {
                self.on_disk(self.reporter.budget_lost(&account.settings.name, until)).await;
            }
        }
    }

    /// Remembers and tells what became of an account, or tells of one of its domains.
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
            let (reason, advice) = account.runtime().domains.words(&domain);
            self.on_disk(self.reporter.domain_changed(name, &domain, change, &reason, &advice))
                .await;
            self.changed.notify_one();
            return;
        }
        let health = account.runtime().health.clone();
        if let Err(problem) = self.remember(account, &health) {
            error!(account = %name, %problem, "account state not stored");
        }
        let (reason, advice) = health.words();
        self.on_disk(self.reporter.account_changed(name, change, reason, advice)).await;
        self.changed.notify_one();
    }
}

impl<T: Transport> Account<T> {
    /// The runtime as it is. Sending looks at it by [`Core::runtime`].
    pub(in crate::queue) fn runtime(&self) -> MutexGuard<'_, AccountRuntime> {
        self.runtime.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::queue) fn idle(&self) -> MutexGuard<'_, Vec<Idle<T::Link>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a new connection, from before it is made.
    pub(in crate::queue) fn reserve(&self) -> Slot {
        self.open.fetch_add(1, Ordering::Relaxed);
        Slot(Arc::clone(&self.open))
    }

    pub(in crate::queue) fn connections(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}

impl AccountRuntime {
    fn open(settings: &AccountSettings, spool: &Spool, clock: &Clock) -> Result<Self, SpoolError> {
        let steady = MonotonicClock::new(clock);
        let mut ledger = Budget::new(settings.name.clone(), &settings.limits);
        // From the beginning of time: what is too old to matter is given back.
        let moves = ledger.restore(spool.charges(&settings.name, Timestamp::ZERO)?, steady.now());
        if !moves.refund.is_empty() {
            spool.apply(Change {
                charge: moves.charge,
                refund: moves.refund,
                ..Change::default()
            })?;
        }
        let mut lost_until = None;
        if was_lost(spool)? {
            let now = steady.now();
            let moves = ledger.assume_worst(now);
            if !moves.charge.is_empty() {
                let account = settings.name.as_str();
                let until = moves
                    .charge
                    .iter()
                    .map(|charge| charge.at)
                    .max()
                    .unwrap_or(now)
                    .plus(ledger.window());
                warn!(account, %until, "the index was lost; the budget counts as used up");
                lost_until = Some(until);
                spool.apply(Change { charge: moves.charge, ..Change::default() })?;
            }
        }
        // A health that cannot be read is of an older form, and no reason not to start.
        let health = spool
            .recall::<Remembered>(MemoKind::AccountHealth, settings.name.as_str())
            .ok()
            .flatten();
        let health =
            health.map_or_else(Health::ready, |health| Health::from(health).restored(clock.now()));
        let tuning = adjust::recalled(spool, settings)?;
        let in_force = tuning.over(&settings.batch);
        let (batch, split, turns) = (Batch::new(&in_force), in_force.split, RoundRobin::default());
        let width = ConcurrencyLimit::new(settings.limits.connections);
        Ok(Self {
            health,
            domains: DestinationHealth::default(),
            ledger,
            steady,
            batch,
            split,
            tuning,
            turns,
            width,
            workers: 0,
            starting: false,
            last_delivery: spool
                .recall::<Timestamp>(MemoKind::LastDelivery, settings.name.as_str())
                .ok()
                .flatten(),
            pace: FIRST_PACE,
            expiry: None,
            lost_until,
        })
    }

    /// Something went wrong that concerns the whole account, or the whole domain of this lane.
    pub(in crate::queue) fn trouble(
        &mut self,
        lane: &NextHop,
        trouble: &Trouble,
        now: Timestamp,
    ) -> Option<(Subject, News)> {
        if trouble.verdict.concurrency == Concurrency::Lower {
            self.width.narrow(now);
        }
        match lane {
            NextHop::Domain(domain) if trouble.verdict.scope == Scope::NextHop => self
                .domains
                .trouble(domain, trouble, now)
                .map(|news| (Subject::Domain(domain.clone()), news)),
            NextHop::Domain(_) | NextHop::Server => {
                self.health.trouble(trouble, now).map(|news| (Subject::Account, news))
            }
        }
    }

    /// A connection was made.
    pub(in crate::queue) fn connected(
        &mut self,
        lane: &NextHop,
        now: Timestamp,
    ) -> Option<(Subject, News)> {
        let (of_account, of_domain) =
            (self.health.connected(now), self.domains.connected(lane, now));
        either(of_account, lane, of_domain)
    }

    /// Mail was taken.
    pub(in crate::queue) fn works(&mut self, lane: &NextHop) -> Option<(Subject, News)> {
        let (of_account, of_domain) = (self.health.works(), self.domains.works(lane));
        either(of_account, lane, of_domain)
    }

    /// A transaction took so long.
    pub(in crate::queue) fn learn_pace(&mut self, took: Duration) {
        self.pace = (self.pace * 3 + took.min(SLOWEST_PACE)) / 4;
    }

    /// What a person has set from now on.
    pub(in crate::queue) fn retune(&mut self, tuning: Tuning, file: &BatchSettings) {
        let in_force = tuning.over(file);
        self.batch.retune(&in_force);
        self.split = in_force.split;
        self.tuning = tuning;
    }

    /// What may begin now, or how long to wait; none while that depends on attempts under way.
    pub(in crate::queue) fn room(
        &mut self,
        moves: &mut BudgetChange,
    ) -> Result<usize, Option<Duration>> {
        let now = self.steady.now();
        match self.batch.free_at(now) {
            None => return Err(None),
            Some(at) if at > now => return Err(Some(at.since(now))),
            Some(_now) => {}
        }
        match self.ledger.room(now, moves) {
            Room::Recipients(most) => Ok(most),
            Room::FreeAt(at) => Err(at.map(|at| at.since(now).max(Duration::from_millis(1)))),
        }
    }

    /// True when others may take over its mail: it will not send for a while.
    pub(in crate::queue) fn is_out(&self, now: Timestamp) -> bool {
        let budget = self.ledger.free_at(self.steady.now(), 1);
        self.health.is_out(now)
            || budget.is_some_and(|at| at.since(self.steady.now()) > MINUTE_AND_A_BIT)
    }
}

/// What there is news of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::queue) enum Subject {
    Account,
    /// One domain of an account that finds servers by DNS.
    Domain(String),
}

/// Both at once is rare, and the account's is the greater news.
fn either(
    of_account: Option<News>,
    lane: &NextHop,
    of_domain: Option<News>,
) -> Option<(Subject, News)> {
    let of_domain = || match lane {
        NextHop::Domain(domain) => of_domain.map(|news| (Subject::Domain(domain.clone()), news)),
        NextHop::Server => None,
    };
    of_account.map(|news| (Subject::Account, news)).or_else(of_domain)
}

/// Longer than the budget of a minute ever holds mail up: that is no reason to spill.
const MINUTE_AND_A_BIT: Duration = Duration::from_secs(120);

/// Whether charges that an earlier process stored are gone with the index.
fn was_lost(spool: &Spool) -> Result<bool, SpoolError> {
    Ok(spool.index_lost_at()?.is_some())
}

/// A transaction with Exchange Online takes about so long; the forecast learns better.
const FIRST_PACE: Duration = Duration::from_secs(2);
/// RFC 5321 4.5.3.2.6: longer than this nobody waits for the answer.
const SLOWEST_PACE: Duration = Duration::from_secs(10 * 60);
