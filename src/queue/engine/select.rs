//! Selects the message that an account sends next.

use crate::{
    entry::{Entry, RecipientState},
    model::{MessageId, Timestamp},
    queue::{
        AccountSettings, RetrySettings, Split,
        engine::{
            destination_health::DestinationHealth,
            pool::{Pool, TakeoverScope},
            recipient_groups,
            round_robin::FlowKey,
            route::{self, RouteDecision},
            sender,
            view::View,
        },
    },
};

/// The maximum number of messages of a flow that are postponed, because their domain rests, or
/// given to another account, before the next flow is examined.
const MOST_PASSED: usize = 64;

/// The maximum number of messages of another account that are examined to find one that this
/// account may send.
const SPILL_LOOKAHEAD: usize = 32;

/// The rules that do not change while decisions are made.
#[derive(Clone, Copy)]
pub(in crate::queue) struct Rules<'a> {
    pub(in crate::queue) pool: &'a Pool,
    /// The account that decisions are made for.
    pub(in crate::queue) account: &'a AccountSettings,
    pub(in crate::queue) retry: &'a RetrySettings,
}

/// The limits of one transaction.
#[derive(Clone, Copy)]
pub(in crate::queue) struct Bounds {
    /// The largest number of recipients.
    pub(in crate::queue) most: usize,
    pub(in crate::queue) split: Split,
}

/// A leased message, with the recipients to attempt and their route.
pub(in crate::queue) struct Selection {
    pub(in crate::queue) entry: Entry,
    pub(in crate::queue) indexes: Vec<usize>,
    pub(in crate::queue) route: RouteDecision,
}

/// The mail that one account may send at a moment.
pub(in crate::queue) struct Candidates<'a, V: View> {
    pub(in crate::queue) rules: Rules<'a>,
    pub(in crate::queue) view: &'a V,
    pub(in crate::queue) destinations: &'a DestinationHealth,
    /// The steady time.
    pub(in crate::queue) now: Timestamp,
}

/// The result of examining a message.
enum Look {
    /// It is the next message.
    Take(Selection),
    /// It cannot go now. This is its entry, postponed or given to another account.
    Pass(Entry),
    /// It is not for this account now.
    Leave,
}

impl<V: View> Candidates<'_, V> {
    /// The next message of a flow. Messages that cannot go now and have been postponed or given to
    /// another account are added to `passed`.
    pub(in crate::queue) fn take(
        &self,
        flow: &FlowKey,
        bounds: Bounds,
        passed: &mut Vec<Entry>,
    ) -> Result<Option<Selection>, V::Error> {
        // Usually the first message is free, and one read of the index is enough.
        let leases = self.view.leases();
        let pages = if self.is_spilled(flow) {
            [0, leases.saturating_add(SPILL_LOOKAHEAD)]
        } else {
            [1, leases.saturating_add(MOST_PASSED)]
        };
        for most in pages.into_iter().filter(|most| *most > 0) {
            for (due, id) in self.view.first_due(flow, most)? {
                if due > self.now {
                    return Ok(None);
                }
                let Some(entry) = self.view.lease(id)? else { continue };
                match self.look(entry, flow, bounds) {
                    Look::Take(selection) => return Ok(Some(selection)),
                    Look::Pass(entry) => passed.push(entry),
                    Look::Leave => self.view.let_go(id),
                }
            }
        }
        Ok(None)
    }

    /// When a flow has mail that the account may send.
    pub(in crate::queue) fn due(&self, flow: &FlowKey) -> Result<Option<Timestamp>, V::Error> {
        let first = self.first_free(flow)?.map(|(due, _)| due);
        if !self.is_spilled(flow) || first.is_none_or(|due| due > self.now) {
            return Ok(first);
        }
        let most = self.view.leases().saturating_add(SPILL_LOOKAHEAD);
        for (due, id) in self.view.first_due(flow, most)? {
            if due > self.now {
                break;
            }
            let free = !self.view.is_leased(id);
            let entry = if free { self.view.entry(id)? } else { None };
            if entry.is_some_and(|entry| self.carries(&entry, flow)) {
                return Ok(Some(due));
            }
        }
        Ok(None)
    }

    fn look(&self, mut entry: Entry, flow: &FlowKey, bounds: Bounds) -> Look {
        if entry.hold.is_some() || (self.is_spilled(flow) && !self.carries(&entry, flow)) {
            return Look::Leave;
        }
        let Some(route) = self.next_route(&entry, flow) else {
            return Look::Leave;
        };
        let goes = |recipient: &RecipientState| {
            let address = &recipient.recipient.address;
            *entry.account_of(recipient) == flow.1
                && route::route(&entry, address, self.rules.account) == route
        };
        let indexes = recipient_groups::choose(&entry, bounds.split, bounds.most, self.now, goes);
        if indexes.is_empty() {
            return Look::Leave;
        }
        let (scope, rests_until) = match &route {
            RouteDecision::Unroutable(_) => (Some(TakeoverScope::Anybody), None),
            RouteDecision::NextHop(hop) => {
                let rests = self.destinations.rests_until(hop, self.now);
                if rests.is_none() || self.rules.retry.is_up(entry.queued(), self.now) {
                    return Look::Take(Selection { entry, indexes, route });
                }
                let out = self.destinations.is_out(hop, self.now);
                (out.then_some(TakeoverScope::Servers), rests)
            }
        };
        let Rules { pool, account, .. } = self.rules;
        let moved = scope.is_some_and(|scope| pool.reassign(&mut entry, &indexes, account, scope));
        match rests_until {
            _ if moved => Look::Pass(entry),
            Some(until) => {
                postpone(&mut entry, &indexes, until);
                Look::Pass(entry)
            }
            None => Look::Take(Selection { entry, indexes, route }),
        }
    }

    /// Whether the flow belongs to another account, which cannot send now.
    fn is_spilled(&self, flow: &FlowKey) -> bool {
        flow.1 != self.rules.account.name && self.rules.pool.find(&flow.1).is_some()
    }

    /// Whether this account may send another account's message now. Recipients that it cannot carry
    /// are left to the other account.
    fn carries(&self, entry: &Entry, flow: &FlowKey) -> bool {
        let open = |route| matches!(route, RouteDecision::NextHop(hop) if self.destinations.rests_until(&hop, self.now).is_none());
        sender::may_carry(&entry.sender, self.rules.account)
            && self.next_route(entry, flow).is_some_and(open)
    }

    /// The message of a flow that has been due longest and is not leased.
    fn first_free(&self, flow: &FlowKey) -> Result<Option<(Timestamp, MessageId)>, V::Error> {
        let first = self.view.first_due(flow, 1)?;
        match first.first() {
            Some((_, id)) if self.view.is_leased(*id) => {}
            first => return Ok(first.copied()),
        }
        let due = self.view.first_due(flow, self.view.leases().saturating_add(1))?;
        Ok(due.into_iter().find(|(_, id)| !self.view.is_leased(*id)))
    }

    /// The route of the next due recipients of a message in this flow.
    fn next_route(&self, entry: &Entry, flow: &FlowKey) -> Option<RouteDecision> {
        let is_due = |recipient: &&RecipientState| {
            *entry.account_of(recipient) == flow.1 && recipient_groups::is_due(recipient, self.now)
        };
        route::next(entry, entry.recipients.iter().filter(is_due), self.rules.account)
    }
}

/// Postpones recipients until their domain may be tried again. This is not an attempt.
fn postpone(entry: &mut Entry, indexes: &[usize], until: Timestamp) {
    for index in indexes {
        if let Some(recipient) = entry.recipients.get_mut(*index) {
            recipient.put_off(until);
        }
    }
}
