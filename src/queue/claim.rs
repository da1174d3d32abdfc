//! Which message goes next, and the promise to send it: stored before its first byte goes out.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::task;

use crate::{
    model::{MessageId, Timestamp},
    queue::{
        account::Condition,
        core::{Account, Core, Flight},
        fair::Line,
        lane::{self, Way},
        ledger::Moves,
        outcome::Attempt,
        outgoing, split,
        transport::Transport,
    },
    spool::{Change, Charge, Entry, RecipientState, SpoolError},
};

/// A message taken for an attempt.
pub(super) struct Claim {
    /// As it was stored, with the recipients being attempted.
    pub(super) entry: Entry,
    pub(super) attempt: Attempt,
    pub(super) charge: Option<Charge>,
    /// Where its recipients go.
    pub(super) way: Way,
}

impl Claim {
    pub(super) fn indexes(&self) -> Vec<usize> {
        self.attempt.recipients.iter().map(|before| before.index).collect()
    }
}

/// What a line has to offer: a message, which of its recipients go, and where.
struct Next {
    entry: Entry,
    indexes: Vec<usize>,
    way: Way,
}

/// When an account has something to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outlook {
    /// Now.
    Now,
    /// Not for so long.
    In(Duration),
    /// When something changes.
    Idle,
}

impl<T: Transport> Core<T> {
    /// Takes the next message for an account, if there is one and its state, budget and batch allow it. Applied, not yet
    /// durable: the caller syncs before `MAIL FROM`.
    pub(super) fn claim(&self, account: &Account<T>) -> Result<Option<Arc<Claim>>, SpoolError> {
        if self.is_stopping() {
            return Ok(None);
        }
        let lines = self.lines(account);
        let mut desk = self.desk(account);
        let mut moves = Moves::default();
        let room = if is_ready(&desk.condition) { desk.room(&mut moves) } else { Err(None) };
        let Ok(most) = room else {
            self.store(moves);
            return Ok(None);
        };
        let most = most.min(account.settings.limits.recipients_per_message.max(1));
        let mut flights = self.flights();
        for line in desk.turns.order(&lines) {
            let Some(Next { mut entry, indexes, way }) = self.next_of(line, account, most, &flights)? else {
                continue;
            };
            if let (Way::Barred(_), Some(better)) = (&way, self.better_way(&entry, &indexes, account)) {
                entry.account = better.settings.name.clone();
                self.spool.apply(Change { put: vec![entry], ..Change::default() })?;
                self.changed.notify_one();
                continue;
            }
            let attempt = Attempt::begin(&mut entry, &indexes, &account.settings.name, &self.plan, self.clock.now());
            let now = desk.steady.now();
            let charge = desk.ledger.begin(indexes.len(), now);
            moves.charge.extend(charge.clone());
            let change = Change { put: vec![entry.clone()], charge: moves.charge, refund: moves.refund, ..Change::default() };
            if let Err(problem) = self.spool.apply(change) {
                if let Some(charge) = &charge {
                    desk.ledger.cancel(charge);
                }
                return Err(problem);
            }
            desk.batch.begin(now);
            desk.turns.took(line.clone());
            let claim = Arc::new(Claim { entry, attempt, charge, way });
            flights.insert(claim.entry.id, Flight { task: task::try_id(), claim: Arc::clone(&claim) });
            return Ok(Some(claim));
        }
        self.store(moves);
        Ok(None)
    }

    /// When the account has something to do next.
    pub(super) fn outlook(&self, account: &Account<T>) -> Outlook {
        let now = self.clock.now();
        let lines = self.lines(account);
        let mut desk = self.desk(account);
        if !desk.condition.may_connect(now) {
            return desk.condition.next_at().map_or(Outlook::Idle, |at| Outlook::In(at.since(now)));
        }
        if !is_ready(&desk.condition) {
            return Outlook::Now; // A stopped account's probe is due.
        }
        let flights = self.flights();
        // What this account may not take over is nothing to get up for.
        let takes =
            |line: &Line| line.1 == account.settings.name || matches!(self.next_of(line, account, usize::MAX, &flights), Ok(Some(_)));
        let first = |line: &Line| self.first_free(line, &flights).ok().flatten().map(|(due, _)| due);
        let due = lines.iter().filter_map(|line| first(line).filter(|due| *due > now || takes(line))).min();
        drop(flights);
        let Some(due) = due else {
            return Outlook::Idle;
        };
        if due > now {
            return Outlook::In(due.since(now));
        }
        let mut moves = Moves::default();
        let room = desk.room(&mut moves);
        self.store(moves);
        match room {
            Ok(_most) => Outlook::Now,
            Err(wait) => wait.map_or(Outlook::Idle, Outlook::In),
        }
    }

    /// Whose mail the account may send, sorted: its own, that of accounts that are out and name it in `spill_to`, and the first
    /// account also that of accounts which the config no longer knows.
    fn lines(&self, account: &Account<T>) -> Vec<Line> {
        let now = self.clock.now();
        let own = &account.settings.name;
        let mut lines: Vec<Line> = self.spool.devices_waiting(own).into_iter().map(|device| (device, own.clone())).collect();
        for feeder in account.feeders.iter().filter_map(|name| self.account(name)) {
            if self.desk(feeder).is_out(now) {
                let name = &feeder.settings.name;
                lines.extend(self.spool.devices_waiting(name).into_iter().map(|device| (device, name.clone())));
            }
        }
        let is_first = self.accounts.first().is_some_and(|first| first.settings.name == *own);
        let waiting = if is_first { self.spool.accounts_waiting() } else { Vec::new() };
        for (name, _) in waiting.into_iter().filter(|(name, _)| self.account(name).is_none()) {
            lines.extend(self.spool.devices_waiting(&name).into_iter().map(|device| (device, name.clone())));
        }
        lines.sort();
        lines
    }

    /// The message of a line that is due and free, and which of its recipients go.
    fn next_of(
        &self,
        line: &Line,
        account: &Account<T>,
        most: usize,
        flights: &HashMap<MessageId, Flight>,
    ) -> Result<Option<Next>, SpoolError> {
        let now = self.clock.now();
        let Some((_, id)) = self.first_free(line, flights)?.filter(|(due, _)| *due <= now) else {
            return Ok(None);
        };
        let Some(entry) = self.spool.entry(id)?.filter(|entry| entry.hold.is_none()) else {
            return Ok(None);
        };
        let spilled = line.1 != account.settings.name && self.account(&line.1).is_some();
        if spilled && !outgoing::may_carry(&entry.sender, &account.settings) {
            return Ok(None);
        }
        let due = entry.recipients.iter().filter(|recipient| split::is_due(recipient, now));
        let way = lane::next(&entry, due, &account.settings);
        // What another account's mail has that does not go this way is that account's to decide.
        let Some(way) = way.filter(|way| !spilled || matches!(way, Way::Lane(_))) else {
            return Ok(None);
        };
        let goes = |recipient: &RecipientState| lane::way(&entry, &recipient.recipient.address, &account.settings) == way;
        let indexes = split::choose(&entry, account.settings.batch.split, most, now, goes);
        Ok((!indexes.is_empty()).then_some(Next { entry, indexes, way }))
    }

    /// The message of a line that has been due longest and is not being attempted.
    fn first_free(&self, line: &Line, flights: &HashMap<MessageId, Flight>) -> Result<Option<(Timestamp, MessageId)>, SpoolError> {
        let (device, account) = line;
        let first = self.spool.first_due(account, device, 1)?;
        match first.first() {
            Some((_, id)) if flights.contains_key(id) => {}
            first => return Ok(first.copied()),
        }
        let due = self.spool.first_due(account, device, flights.len().saturating_add(1))?;
        Ok(due.into_iter().find(|(_, id)| !flights.contains_key(id)))
    }
}

fn is_ready(condition: &Condition) -> bool {
    use crate::queue::AccountState;
    match condition.state() {
        AccountState::Ready => true,
        AccountState::Paused { .. } | AccountState::Stopped { .. } | AccountState::Disabled => false,
    }
}
