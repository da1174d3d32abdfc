//! Which message goes next, and the promise to send it: stored before its first byte goes out.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::task;

use crate::{
    model::MessageId,
    queue::{
        driver::core::{Account, Core, InFlight},
        driver::route::RouteDecision,
        driver::select::{Bounds, Candidates, Offer},
        driver::transport::Transport,
        engine::budget::BudgetChange,
        engine::round_robin::FlowKey,
        engine::settle::Attempt,
    },
    spool::{Change, Charge, Entry, SpoolError},
    upstream::NextHop,
};

/// A message taken for an attempt.
pub(in crate::queue) struct Claim {
    /// As it was stored, with the recipients being attempted.
    pub(in crate::queue) entry: Entry,
    pub(in crate::queue) attempt: Attempt,
    pub(in crate::queue) charge: Option<Charge>,
    /// Where its recipients go.
    pub(in crate::queue) way: RouteDecision,
}

impl Claim {
    /// Where it leads; what leads nowhere is the account's own affair.
    pub(in crate::queue) fn lane(&self) -> &NextHop {
        match &self.way {
            RouteDecision::NextHop(lane) => lane,
            RouteDecision::Barred(_) | RouteDecision::TooLarge(_) => &NextHop::Server,
        }
    }

    pub(in crate::queue) fn indexes(&self) -> Vec<usize> {
        self.attempt.recipients.iter().map(|before| before.index).collect()
    }
}

/// When an account has something to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::queue) enum Outlook {
    /// Now.
    Now,
    /// Not for so long.
    In(Duration),
    /// When something changes.
    Idle,
}

impl<T: Transport> Core<T> {
    /// Takes the next message for an account, if there is one and its state, budget and batch allow
    /// it. Applied, not yet durable: the caller syncs before `MAIL FROM`.
    pub(in crate::queue) fn claim(
        &self,
        account: &Account<T>,
    ) -> Result<Option<Arc<Claim>>, SpoolError> {
        if self.is_stopping() {
            return Ok(None);
        }
        let lines = self.lines(account);
        let mut runtime = self.runtime(account);
        let mut moves = BudgetChange::default();
        let room = if runtime.health.may_send() { runtime.room(&mut moves) } else { Err(None) };
        let Ok(most) = room else {
            self.store(moves);
            return Ok(None);
        };
        let bounds = Bounds {
            most: most.min(account.settings.limits.recipients_per_message.max(1)),
            split: runtime.split,
        };
        let mut flights = self.flights();
        for line in runtime.turns.order(&lines) {
            let view =
                Candidates { core: self, account, domains: &runtime.domains, flights: &flights };
            let Some(Offer { mut entry, indexes, way }) = view.take(line, bounds)? else {
                continue;
            };
            if matches!(way, RouteDecision::TooLarge(_)) {
                let attempt = Attempt::without(&entry, &line.1, self.clock.now());
                runtime.turns.took(line.clone());
                self.store(moves);
                return Ok(Some(fly(&mut flights, Claim { entry, attempt, charge: None, way })));
            }
            let attempt = Attempt::begin(
                &mut entry,
                &indexes,
                &account.settings.name,
                &self.plan,
                self.clock.now(),
            );
            let now = runtime.steady.now();
            let charge = runtime.ledger.begin(indexes.len(), now);
            moves.charge.extend(charge.clone());
            let change = Change {
                put: vec![entry.clone()],
                charge: moves.charge,
                refund: moves.refund,
                ..Change::default()
            };
            if let Err(problem) = self.spool.apply(change) {
                if let Some(charge) = &charge {
                    runtime.ledger.cancel(charge);
                }
                return Err(problem);
            }
            runtime.batch.begin(now);
            runtime.turns.took(line.clone());
            return Ok(Some(fly(&mut flights, Claim { entry, attempt, charge, way })));
        }
        self.store(moves);
        Ok(None)
    }

    /// When the account has something to do next.
    pub(in crate::queue) fn outlook(&self, account: &Account<T>) -> Outlook {
        let now = self.clock.now();
        let lines = self.lines(account);
        let mut runtime = self.runtime(account);
        if !runtime.health.may_connect(now) {
            return runtime.health.next_at().map_or(Outlook::Idle, |at| Outlook::In(at.since(now)));
        }
        if !runtime.health.may_send() {
            return Outlook::Now; // A stopped account's probe is due.
        }
        let flights = self.flights();
        let view = Candidates { core: self, account, domains: &runtime.domains, flights: &flights };
        let due = lines.iter().filter_map(|line| view.due(line).ok().flatten()).min();
        drop(flights);
        let Some(due) = due else {
            return Outlook::Idle;
        };
        if due > now {
            return Outlook::In(due.since(now));
        }
        let mut moves = BudgetChange::default();
        let room = runtime.room(&mut moves);
        self.store(moves);
        match room {
            Ok(_most) => Outlook::Now,
            Err(wait) => wait.map_or(Outlook::Idle, Outlook::In),
        }
    }

    /// Whose mail the account may send, sorted: its own, that of accounts that are out and name it
    /// in `spill_to`, and the first account also that of accounts which the config no longer knows.
    pub(in crate::queue) fn lines(&self, account: &Account<T>) -> Vec<FlowKey> {
        let now = self.clock.now();
        let own = &account.settings.name;
        let mut lines: Vec<FlowKey> = self
            .spool
            .devices_waiting(own)
            .into_iter()
            .map(|device| (device, own.clone()))
            .collect();
        for feeder in account.spills_from.iter().filter_map(|name| self.account(name)) {
            if self.runtime(feeder).is_out(now) {
                let name = &feeder.settings.name;
                lines.extend(
                    self.spool
                        .devices_waiting(name)
                        .into_iter()
                        .map(|device| (device, name.clone())),
                );
            }
        }
        let is_first = self.accounts.first().is_some_and(|first| first.settings.name == *own);
        let waiting = if is_first { self.spool.accounts_waiting() } else { Vec::new() };
        for (name, _) in waiting.into_iter().filter(|(name, _)| self.account(name).is_none()) {
            lines.extend(
                self.spool.devices_waiting(&name).into_iter().map(|device| (device, name.clone())),
            );
        }
        lines.sort();
        lines
    }
}

/// The message is taken.
fn fly(flights: &mut HashMap<MessageId, InFlight>, claim: Claim) -> Arc<Claim> {
    let claim = Arc::new(claim);
    flights.insert(claim.entry.id, InFlight { task: task::try_id(), claim: Arc::clone(&claim) });
    claim
}
