//! What the mail that waits has to offer to an account that looks for work.

use std::collections::HashMap;

use crate::{
    model::{MessageId, Timestamp},
    queue::{
        Split,
        driver::core::{Account, Core, InFlight},
        driver::route::{self, RouteDecision, TakeoverScope},
        driver::transport::Transport,
        engine::destination_health::DestinationHealth,
        engine::recipient_groups,
        engine::{round_robin::FlowKey, sender},
    },
    spool::{Change, Entry, RecipientState, SpoolError},
};

/// So many messages of a line are put off, because their domain rests, or given to another account
/// before the next line is looked at.
const MOST_PASSED: usize = 64;

/// So many messages of another account are looked at for one that this account may send.
const SPILL_LOOKAHEAD: usize = 32;

/// How much a transaction may hold.
#[derive(Clone, Copy)]
pub(in crate::queue) struct Bounds {
    /// So many recipients.
    pub(in crate::queue) most: usize,
    pub(in crate::queue) split: Split,
}

/// A message, which of its recipients go, and where.
pub(in crate::queue) struct Offer {
    pub(in crate::queue) entry: Entry,
    pub(in crate::queue) indexes: Vec<usize>,
    pub(in crate::queue) way: RouteDecision,
}

/// The queue as one account sees it at a moment, with the locks held.
pub(in crate::queue) struct Candidates<'a, T: Transport> {
    pub(in crate::queue) core: &'a Core<T>,
    pub(in crate::queue) account: &'a Account<T>,
    /// Those of its domains that are in trouble.
    pub(in crate::queue) domains: &'a DestinationHealth,
    /// What is being attempted.
    pub(in crate::queue) flights: &'a HashMap<MessageId, InFlight>,
}

impl<T: Transport> Candidates<'_, T> {
    /// The next of a line, after what cannot go just now has been put off or given to another
    /// account.
    pub(in crate::queue) fn take(
        &self,
        line: &FlowKey,
        bounds: Bounds,
    ) -> Result<Option<Offer>, SpoolError> {
        for _ in 0..MOST_PASSED {
            let Some(mut offer) = self.first(line, bounds)? else {
                return Ok(None);
            };
            let now = self.core.clock.now();
            let (heirs, rest) = match &offer.way {
                RouteDecision::Barred(_) | RouteDecision::TooLarge(_) => {
                    (Some(TakeoverScope::Anybody), None)
                }
                RouteDecision::NextHop(lane) => match self.domains.rests_until(lane, now) {
                    Some(until) if !self.core.plan.is_up(offer.entry.received, now) => (
                        self.domains.is_out(lane, now).then_some(TakeoverScope::Servers),
                        Some(until),
                    ),
                    Some(_) | None => return Ok(Some(offer)),
                },
            };
            let moved = match heirs {
                Some(heirs) => {
                    self.core.move_on(&mut offer.entry, &offer.indexes, self.account, heirs)?
                }
                None => false,
            };
            match rest {
                _ if moved => {}
                Some(until) => self.put_off(offer, until)?,
                None => return Ok(Some(offer)),
            }
        }
        self.core.changed.notify_one();
        Ok(None)
    }

    /// When a line has something for the account.
    pub(in crate::queue) fn due(&self, line: &FlowKey) -> Result<Option<Timestamp>, SpoolError> {
        let first = self.first_free(line)?.map(|(due, _)| due);
        if !self.is_spilled(line) || first.is_none_or(|due| due > self.core.clock.now()) {
            return Ok(first);
        }
        Ok(self.first_to_carry(line)?.map(|(due, _)| due))
    }

    /// The message of a line that is due and free, which of its recipients go, and where.
    fn first(
        &self,
        line: &FlowKey,
        Bounds { most, split }: Bounds,
    ) -> Result<Option<Offer>, SpoolError> {
        let now = self.core.clock.now();
        let entry = if self.is_spilled(line) {
            self.first_to_carry(line)?.map(|(_, entry)| entry)
        } else {
            let first = self.first_free(line)?.filter(|(due, _)| *due <= now);
            first.map(|(_, id)| self.core.spool.entry(id)).transpose()?.flatten()
        };
        let Some(entry) = entry.filter(|entry| entry.hold.is_none()) else {
            return Ok(None);
        };
        let Some(way) = self.way(&entry, line) else {
            return Ok(None);
        };
        let goes = |recipient: &RecipientState| {
            *entry.account_of(recipient) == line.1
                && route::way(&entry, &recipient.recipient.address, &self.account.settings) == way
        };
        let indexes = recipient_groups::choose(&entry, split, most, now, goes);
        Ok((!indexes.is_empty()).then_some(Offer { entry, indexes, way }))
    }

    /// Another account's mail, which that one cannot send just now.
    fn is_spilled(&self, line: &FlowKey) -> bool {
        line.1 != self.account.settings.name && self.core.account(&line.1).is_some()
    }

    /// The first message of another account's line that is due and free, and that this one may
    /// send. What of it does not go this way is that account's to decide.
    fn first_to_carry(&self, line: &FlowKey) -> Result<Option<(Timestamp, Entry)>, SpoolError> {
        let (device, name) = line;
        let now = self.core.clock.now();
        let goes = |entry: &Entry| {
            let open = |way| matches!(way, RouteDecision::NextHop(lane) if self.domains.rests_until(&lane, now).is_none());
            sender::may_carry(&entry.sender, &self.account.settings)
                && self.way(entry, line).is_some_and(open)
        };
        for (due, id) in self.core.spool.first_due(
            name,
            device,
            self.flights.len().saturating_add(SPILL_LOOKAHEAD),
        )? {
            if due > now {
                break;
            }
            let free = !self.flights.contains_key(&id);
            let entry = if free { self.core.spool.entry(id)? } else { None };
            if let Some(entry) = entry.filter(goes) {
                return Ok(Some((due, entry)));
            }
        }
        Ok(None)
    }

    /// The message of a line that has been due longest and is not being attempted.
    fn first_free(
        &self,
        (device, account): &FlowKey,
    ) -> Result<Option<(Timestamp, MessageId)>, SpoolError> {
        let first = self.core.spool.first_due(account, device, 1)?;
        match first.first() {
            Some((_, id)) if self.flights.contains_key(id) => {}
            first => return Ok(first.copied()),
        }
        let due =
            self.core.spool.first_due(account, device, self.flights.len().saturating_add(1))?;
        Ok(due.into_iter().find(|(_, id)| !self.flights.contains_key(id)))
    }

    /// The way of what is due next of a message, of the recipients that are in this line.
    fn way(&self, entry: &Entry, line: &FlowKey) -> Option<RouteDecision> {
        let now = self.core.clock.now();
        let is_due = |recipient: &&RecipientState| {
            *entry.account_of(recipient) == line.1 && recipient_groups::is_due(recipient, now)
        };
        route::next(entry, entry.recipients.iter().filter(is_due), &self.account.settings)
    }

    /// Their domain rests: they are looked at again then. No attempt.
    fn put_off(&self, offer: Offer, until: Timestamp) -> Result<(), SpoolError> {
        let Offer { mut entry, indexes, .. } = offer;
        for index in indexes {
            if let Some(recipient) = entry.recipients.get_mut(index) {
                recipient.put_off(until);
            }
        }
        self.core.spool.apply(Change { put: vec![entry], ..Change::default() })
    }
}
