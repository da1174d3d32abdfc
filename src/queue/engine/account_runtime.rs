//! The runtime state that decides what an account may send now.

use std::time::Duration;

use crate::{
    attempt::{NextHop, Trouble},
    classify::{Concurrency, Scope},
    entry::Charge,
    queue::{
        AccountSettings, Split,
        engine::{
            batch::Batch,
            budget::{Budget, BudgetChange, End, Room},
            concurrency_limit::ConcurrencyLimit,
            destination_health::DestinationHealth,
            health::{Health, News},
            now::Now,
            refusals::Refusals,
            round_robin::RoundRobin,
        },
    },
};

/// Other accounts may take over the mail when the wait for the budget is longer than this. The
/// minute's budget never delays mail that long.
const OUT_AFTER: Duration = Duration::from_secs(120);

/// The typical duration of a transaction with Exchange Online. Each transaction corrects it.
const FIRST_PACE: Duration = Duration::from_secs(2);

/// RFC 5321 4.5.3.2.6: no client waits for an answer longer than this.
const SLOWEST_PACE: Duration = Duration::from_secs(10 * 60);

/// What an account may begin now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::queue) enum Permit {
    /// A message to at most this many recipients.
    Recipients(usize),
    /// Nothing for this long; `None` when the wait depends on attempts under way or on a person.
    Wait(Option<Duration>, Limit),
}

/// What keeps an account from sending.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(in crate::queue) enum Limit {
    /// It is paused, stopped or disabled.
    Health,
    /// The rest after a batch.
    Batch,
    /// The limit of messages per minute.
    Minute,
    /// The limit of recipients per day.
    Day,
}

/// How a transaction ended, as batch and budget need to know it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::queue) enum Ending {
    /// The server cannot have counted it.
    NotCounted,
    /// The server may have counted it, except for the recipients it refused at `RCPT TO`.
    Counted { end: End, refused: usize },
}

/// The subject of a piece of news.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::queue) enum Subject {
    /// The whole account.
    Account,
    /// One domain of an account that finds servers by DNS.
    Domain(String),
}

/// The runtime state of one account.
#[derive(Clone, Debug)]
pub(in crate::queue) struct AccountRuntime {
    pub(in crate::queue) health: Health,
    /// The domains in trouble, when the account finds servers by DNS.
    pub(in crate::queue) destinations: DestinationHealth,
    pub(in crate::queue) budget: Budget,
    pub(in crate::queue) batch: Batch,
    /// How recipients share transactions.
    pub(in crate::queue) split: Split,
    pub(in crate::queue) turns: RoundRobin,
    pub(in crate::queue) concurrency: ConcurrencyLimit,
    /// Refusals that leave open whom they concern.
    pub(in crate::queue) refusals: Refusals,
    /// The average duration of recent transactions.
    pub(in crate::queue) pace: Duration,
    /// Changes to the stored charges on which no attempt depends. They are stored with the next
    /// change.
    unsaved: BudgetChange,
}

impl AccountRuntime {
    pub(in crate::queue) fn new(
        settings: &AccountSettings,
        health: Health,
        budget: Budget,
    ) -> Self {
        Self {
            health,
            destinations: DestinationHealth::default(),
            budget,
            batch: Batch::new(&settings.batch),
            split: settings.batch.split,
            turns: RoundRobin::default(),
            concurrency: ConcurrencyLimit::new(settings.limits.connections),
            refusals: Refusals::default(),
            pace: FIRST_PACE,
            unsaved: BudgetChange::default(),
        }
    }

    /// Ends pauses whose time is over.
    pub(in crate::queue) fn lapse(&mut self, now: Now) {
        self.health.lapse(now.steady);
        self.destinations.lapse(now.steady);
    }

    /// Takes the changes to stored charges that still have to be stored.
    pub(in crate::queue) fn take_unsaved(&mut self) -> BudgetChange {
        std::mem::take(&mut self.unsaved)
    }

    /// Removes charges that have left the windows of the budget.
    pub(in crate::queue) fn advance(&mut self, now: Now) {
        let _room = self.budget.room(now.steady, &mut self.unsaved);
    }

    /// What the account may begin now.
    pub(in crate::queue) fn permit(&mut self, now: Now) -> Permit {
        if !self.health.may_send() {
            let wait = self.health.next_at().map(|at| at.since(now.steady));
            return Permit::Wait(wait, Limit::Health);
        }
        match self.batch.free_at(now.steady) {
            None => return Permit::Wait(None, Limit::Batch),
            Some(at) if at > now.steady => {
                return Permit::Wait(Some(at.since(now.steady)), Limit::Batch);
            }
            Some(_now) => {}
        }
        match self.budget.room(now.steady, &mut self.unsaved) {
            Room::Recipients(most) => Permit::Recipients(most),
            Room::FreeAt(at) => {
                let day = self.budget.day_full_until(now.steady).is_some();
                let wait = at.map(|at| at.since(now.steady).max(Duration::from_millis(1)));
                Permit::Wait(wait, if day { Limit::Day } else { Limit::Minute })
            }
        }
    }

    /// The maximum number of messages under way at once.
    pub(in crate::queue) fn at_once(&self, now: Now) -> usize {
        if self.health.is_probing() { 1 } else { self.concurrency.at(now.steady) }
    }

    /// Begins a transaction. Returns the charge that must be stored first; `None` without limits.
    pub(in crate::queue) fn begin(&mut self, recipients: usize, now: Now) -> Option<Charge> {
        self.batch.begin(now.steady);
        self.budget.begin(recipients, now.steady)
    }

    /// Undoes a transaction that was never begun. Returns the change to the stored charges.
    pub(in crate::queue) fn undo(&mut self, charge: Option<&Charge>) -> BudgetChange {
        self.batch.undo();
        charge.map_or_else(BudgetChange::default, |charge| self.budget.cancel(charge))
    }

    /// Ends a transaction. Returns the change to the stored charges.
    pub(in crate::queue) fn end(
        &mut self,
        charge: Option<&Charge>,
        ending: Ending,
        now: Now,
    ) -> BudgetChange {
        match ending {
            Ending::NotCounted => self.undo(charge),
            Ending::Counted { end, refused } => {
                self.batch.end(now.steady);
                charge.map_or_else(BudgetChange::default, |charge| {
                    self.budget.end(charge, end, refused, now.steady)
                })
            }
        }
    }

    /// Records trouble that concerns the whole account, or the whole domain of the next hop.
    pub(in crate::queue) fn trouble(
        &mut self,
        next_hop: &NextHop,
        trouble: &Trouble,
        now: Now,
    ) -> Option<(Subject, News)> {
        if trouble.verdict.concurrency == Concurrency::Lower {
            self.concurrency.narrow(now.steady);
        }
        match next_hop {
            NextHop::Domain(domain) if trouble.verdict.scope == Scope::NextHop => self
                .destinations
                .trouble(domain, trouble, now.steady)
                .map(|news| (Subject::Domain(domain.clone()), news)),
            NextHop::Domain(_) | NextHop::Server => {
                self.health.trouble(trouble, now.steady).map(|news| (Subject::Account, news))
            }
        }
    }

    /// Records that a connection failed while `open` others of the account were open. When the server
    /// says that there are too many, the others go on, and only their number is limited.
    pub(in crate::queue) fn not_connected(
        &mut self,
        next_hop: &NextHop,
        trouble: &Trouble,
        open: usize,
        now: Now,
    ) -> Option<(Subject, News)> {
        if open > 0 && trouble.verdict.concurrency == Concurrency::Lower {
            self.concurrency.fit(open, now.steady);
            return None;
        }
        self.trouble(next_hop, trouble, now)
    }

    /// Records that a connection was made.
    pub(in crate::queue) fn connected(
        &mut self,
        next_hop: &NextHop,
        now: Now,
    ) -> Option<(Subject, News)> {
        let of_account = self.health.connected(now.steady);
        either(of_account, next_hop, self.destinations.connected(next_hop, now.steady))
    }

    /// Records that the server accepted mail.
    pub(in crate::queue) fn works(&mut self, next_hop: &NextHop) -> Option<(Subject, News)> {
        let of_account = self.health.works();
        either(of_account, next_hop, self.destinations.works(next_hop))
    }

    /// Adjusts the pace to the duration of a transaction.
    pub(in crate::queue) fn learn_pace(&mut self, took: Duration) {
        self.pace = (self.pace * 3 + took.min(SLOWEST_PACE)) / 4;
    }

    /// Applies other settings. What was sent counts under the new limits, too.
    pub(in crate::queue) fn adopt(&mut self, settings: &AccountSettings) {
        self.batch.retune(&settings.batch);
        self.split = settings.batch.split;
        self.budget.limit(&settings.limits);
        self.concurrency.limit(settings.limits.connections);
    }

    /// Whether other accounts may take over its mail because it will not send for a while.
    pub(in crate::queue) fn is_out(&self, now: Now) -> bool {
        let free_at = self.budget.free_at(now.steady, 1);
        self.health.is_out(now.steady) || free_at.is_some_and(|at| at.since(now.steady) > OUT_AFTER)
    }
}

/// Chooses one piece of news. Account and domain rarely have news at once; the account's matters
/// more.
fn either(
    of_account: Option<News>,
    next_hop: &NextHop,
    of_domain: Option<News>,
) -> Option<(Subject, News)> {
    let of_domain = || match next_hop {
        NextHop::Domain(domain) => of_domain.map(|news| (Subject::Domain(domain.clone()), news)),
        NextHop::Server => None,
    };
    of_account.map(|news| (Subject::Account, news)).or_else(of_domain)
}
