//! Which message goes next, and the promise to send it: stored before its first byte goes out.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::task;

use crate::{
    model::{MessageId, Timestamp},
    queue::{
        Split,
        account::Condition,
        core::{Account, Core, Flight},
        domains::Domains,
        fair::Line,
        lane::{self, Heirs, Way},
        ledger::Moves,
        outcome::Attempt,
        outgoing, split,
        transport::Transport,
    },
    spool::{Change, Charge, Entry, RecipientState, SpoolError},
    upstream::Lane,
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
    /// Where it leads; what leads nowhere is the account's own affair.
    pub(super) fn lane(&self) -> &Lane {
        match &self.way {
            Way::Lane(lane) => lane,
            Way::Barred(_) | Way::TooLarge(_) => &Lane::Server,
        }
    }

    pub(super) fn indexes(&self) -> Vec<usize> {
        self.attempt.recipients.iter().map(|before| before.index).collect()
    }
}

/// How much a transaction may hold.
#[derive(Clone, Copy)]
struct Bounds {
    /// So many recipients.
    most: usize,
    split: Split,
}

/// So many messages of a line are put off, because their domain rests, or given to another account before the next line is looked at.
const MOST_PASSED: usize = 64;

/// So many messages of another account are looked at for one that this account may send.
const SPILL_LOOKAHEAD: usize = 32;

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
        let bounds = Bounds { most: most.min(account.settings.limits.recipients_per_message.max(1)), split: desk.split };
        let mut flights = self.flights();
        for line in desk.turns.order(&lines) {
            let Some(Next { mut entry, indexes, way }) = self.next_that_can_go(line, account, &desk.domains, bounds, &flights)? else {
                continue;
            };
            if matches!(way, Way::TooLarge(_)) {
                let attempt = Attempt::without(&entry, &line.1, self.clock.now());
                desk.turns.took(line.clone());
                self.store(moves);
                return Ok(Some(fly(&mut flights, Claim { entry, attempt, charge: None, way })));
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
            return Ok(Some(fly(&mut flights, Claim { entry, attempt, charge, way })));
        }
        self.store(moves);
        Ok(None)
    }

    /// The next of a line, after what cannot go just now has been put off or given to another account.
    fn next_that_can_go(
        &self,
        line: &Line,
        account: &Account<T>,
        domains: &Domains,
        bounds: Bounds,
        flights: &HashMap<MessageId, Flight>,
    ) -> Result<Option<Next>, SpoolError> {
        for _ in 0..MOST_PASSED {
            let Some(mut next) = self.next_of(line, account, domains, bounds, flights)? else {
                return Ok(None);
            };
            let now = self.clock.now();
            let (heirs, rest) = match &next.way {
                Way::Barred(_) | Way::TooLarge(_) => (Some(Heirs::Anybody), None),
                Way::Lane(lane) => match domains.rests_until(lane, now) {
                    Some(until) if !self.plan.is_up(next.entry.received, now) => {
                        (domains.is_out(lane, now).then_some(Heirs::Servers), Some(until))
                    }
                    Some(_) | None => return Ok(Some(next)),
                },
            };
            let moved = match heirs {
                Some(heirs) => self.move_on(&mut next.entry, &next.indexes, account, heirs)?,
                None => false,
            };
            match rest {
                _ if moved => {}
                Some(until) => self.put_off(next, until)?,
                None => return Ok(Some(next)),
            }
        }
        self.changed.notify_one();
        Ok(None)
    }

    /// Their domain rests: they are looked at again then. No attempt.
    fn put_off(&self, next: Next, until: Timestamp) -> Result<(), SpoolError> {
        let Next { mut entry, indexes, .. } = next;
        for index in indexes {
            if let Some(recipient) = entry.recipients.get_mut(index) {
                recipient.put_off(until);
            }
        }
        self.spool.apply(Change { put: vec![entry], ..Change::default() })
    }

    /// Gives what this account cannot carry to one that can, for good. False when there is none.
    fn move_on(&self, entry: &mut Entry, indexes: &[usize], account: &Account<T>, heirs: Heirs) -> Result<bool, SpoolError> {
        let Some((better, moved)) = self.better_way(entry, indexes, account, heirs) else {
            return Ok(false);
        };
        let name = (better.settings.name != entry.account).then(|| better.settings.name.clone());
        for index in moved {
            if let Some(recipient) = entry.recipients.get_mut(index) {
                recipient.account.clone_from(&name);
            }
        }
        self.spool.apply(Change { put: vec![entry.clone()], ..Change::default() })?;
        self.changed.notify_one();
        Ok(true)
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
        let due = lines.iter().filter_map(|line| self.due_in(line, account, &desk.domains, &flights).ok().flatten()).min();
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
    pub(super) fn lines(&self, account: &Account<T>) -> Vec<Line> {
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

    /// The message of a line that is due and free, which of its recipients go, and where.
    fn next_of(
        &self,
        line: &Line,
        account: &Account<T>,
        domains: &Domains,
        bounds: Bounds,
        flights: &HashMap<MessageId, Flight>,
    ) -> Result<Option<Next>, SpoolError> {
        let now = self.clock.now();
        let entry = if self.is_spilled(line, account) {
            self.first_to_carry(line, account, domains, flights)?.map(|(_, entry)| entry)
        } else {
            let first = self.first_free(line, flights)?.filter(|(due, _)| *due <= now);
            first.map(|(_, id)| self.spool.entry(id)).transpose()?.flatten()
        };
        let Some(entry) = entry.filter(|entry| entry.hold.is_none()) else {
            return Ok(None);
        };
        let Some(way) = way_of(&entry, line, account, now) else {
            return Ok(None);
        };
        let goes = |recipient: &RecipientState| {
            *entry.account_of(recipient) == line.1 && lane::way(&entry, &recipient.recipient.address, &account.settings) == way
        };
        let indexes = split::choose(&entry, bounds.split, bounds.most, now, goes);
        Ok((!indexes.is_empty()).then_some(Next { entry, indexes, way }))
    }

    /// When a line has something for the account.
    fn due_in(
        &self,
        line: &Line,
        account: &Account<T>,
        domains: &Domains,
        flights: &HashMap<MessageId, Flight>,
    ) -> Result<Option<Timestamp>, SpoolError> {
        let first = self.first_free(line, flights)?.map(|(due, _)| due);
        if !self.is_spilled(line, account) || first.is_none_or(|due| due > self.clock.now()) {
            return Ok(first);
        }
        Ok(self.first_to_carry(line, account, domains, flights)?.map(|(due, _)| due))
    }

    /// Another account's mail, which that one cannot send just now.
    fn is_spilled(&self, line: &Line, account: &Account<T>) -> bool {
        line.1 != account.settings.name && self.account(&line.1).is_some()
    }

    /// The first message of another account's line that is due and free, and that this one may send. What of it does not go
    /// this way is that account's to decide.
    fn first_to_carry(
        &self,
        line: &Line,
        account: &Account<T>,
        domains: &Domains,
        flights: &HashMap<MessageId, Flight>,
    ) -> Result<Option<(Timestamp, Entry)>, SpoolError> {
        let (device, name) = line;
        let now = self.clock.now();
        let goes = |entry: &Entry| {
            let open = |way| matches!(way, Way::Lane(lane) if domains.rests_until(&lane, now).is_none());
            outgoing::may_carry(&entry.sender, &account.settings) && way_of(entry, line, account, now).is_some_and(open)
        };
        for (due, id) in self.spool.first_due(name, device, flights.len().saturating_add(SPILL_LOOKAHEAD))? {
            if due > now {
                break;
            }
            let free = !flights.contains_key(&id);
            let entry = if free { self.spool.entry(id)? } else { None };
            if let Some(entry) = entry.filter(goes) {
                return Ok(Some((due, entry)));
            }
        }
        Ok(None)
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

/// The way of what is due next of a message, of the recipients that are in this line.
fn way_of<T: Transport>(entry: &Entry, line: &Line, account: &Account<T>, now: Timestamp) -> Option<Way> {
    let is_due = |recipient: &&RecipientState| *entry.account_of(recipient) == line.1 && split::is_due(recipient, now);
    lane::next(entry, entry.recipients.iter().filter(is_due), &account.settings)
}

/// The message is taken.
fn fly(flights: &mut HashMap<MessageId, Flight>, claim: Claim) -> Arc<Claim> {
    let claim = Arc::new(claim);
    flights.insert(claim.entry.id, Flight { task: task::try_id(), claim: Arc::clone(&claim) });
    claim
}

fn is_ready(condition: &Condition) -> bool {
    use crate::queue::AccountState;
    match condition.state() {
        AccountState::Ready => true,
        AccountState::Paused { .. } | AccountState::Stopped { .. } | AccountState::Disabled => false,
    }
}
