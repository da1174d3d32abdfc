//! What the mail that waits has to offer to an account that looks for work.

use std::collections::HashMap;

use crate::{
    model::{MessageId, Timestamp},
    queue::{
        Split,
        core::{Account, Core, Flight},
        domains::Domains,
        fair::Line,
        lane::{self, Heirs, Way},
        outgoing, split,
        transport::Transport,
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
pub(super) struct Bounds {
    /// So many recipients.
    pub(super) most: usize,
    pub(super) split: Split,
}

/// A message, which of its recipients go, and where.
pub(super) struct Offer {
    pub(super) entry: Entry,
    pub(super) indexes: Vec<usize>,
    pub(super) way: Way,
}

/// The queue as one account sees it at a moment, with the locks held.
pub(super) struct View<'a, T: Transport> {
    pub(super) core: &'a Core<T>,
    pub(super) account: &'a Account<T>,
    /// Those of its domains that are in trouble.
    pub(super) domains: &'a Domains,
    /// What is being attempted.
    pub(super) flights: &'a HashMap<MessageId, Flight>,
}

impl<T: Transport> View<'_, T> {
    /// The next of a line, after what cannot go just now has been put off or given to another
    /// account.
    pub(super) fn take(&self, line: &Line, bounds: Bounds) -> Result<Option<Offer>, SpoolError> {
        for _ in 0..MOST_PASSED {
            let Some(mut offer) = self.first(line, bounds)? else {
                return Ok(None);
            };
            let now = self.core.clock.now();
            let (heirs, rest) = match &offer.way {
                Way::Barred(_) | Way::TooLarge(_) => (Some(Heirs::Anybody), None),
                Way::Lane(lane) => match self.domains.rests_until(lane, now) {
                    Some(until) if !self.core.plan.is_up(offer.entry.received, now) => {
                        (self.domains.is_out(lane, now).then_some(Heirs::Servers), Some(until))
                    }
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
    pub(super) fn due(&self, line: &Line) -> Result<Option<Timestamp>, SpoolError> {
        let first = self.first_free(line)?.map(|(due, _)| due);
        if !self.is_spilled(line) || first.is_none_or(|due| due > self.core.clock.now()) {
            return Ok(first);
        }
        Ok(self.first_to_carry(line)?.map(|(due, _)| due))
    }

    /// The message of a line that is due and free, which of its recipients go, and where.
    fn first(
        &self,
        line: &Line,
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
                && lane::way(&entry, &recipient.recipient.address, &self.account.settings) == way
        };
        let indexes = split::choose(&entry, split, most, now, goes);
        Ok((!indexes.is_empty()).then_some(Offer { entry, indexes, way }))
    }

    /// Another account's mail, which that one cannot send just now.
    fn is_spilled(&self, line: &Line) -> bool {
        line.1 != self.account.settings.name && self.core.account(&line.1).is_some()
    }

    /// The first message of another account's line that is due and free, and that this one may
    /// send. What of it does not go this way is that account's to decide.
    fn first_to_carry(&self, line: &Line) -> Result<Option<(Timestamp, Entry)>, SpoolError> {
        let (device, name) = line;
        let now = self.core.clock.now();
        let goes = |entry: &Entry| {
            let open = |way| matches!(way, Way::Lane(lane) if self.domains.rests_until(&lane, now).is_none());
            outgoing::may_carry(&entry.sender, &self.account.settings)
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
        (device, account): &Line,
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
    fn way(&self, entry: &Entry, line: &Line) -> Option<Way> {
        let now = self.core.clock.now();
        let is_due = |recipient: &&RecipientState| {
            *entry.account_of(recipient) == line.1 && split::is_due(recipient, now)
        };
        lane::next(entry, entry.recipients.iter().filter(is_due), &self.account.settings)
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
