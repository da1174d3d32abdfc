//! An account's budget: a maximum of messages in any 60 s, and of recipients in any 24 h. Pure.
//!
//! The limit applies to what the *server* may count. The server counts at an unknown moment between
//! the start of a transaction and its end. So a transaction under way counts as "now", and one that
//! has ended counts from its end:
//!
//! > A transaction may begin at `t` only if fewer than the limit are under way or have ended after
//! > `t - window`.
//!
//! Take any window in which the server counted, and in it the transaction that began last. When it
//! began, all the others were under way or had ended within a window's length, and were fewer than
//! the limit. So no window holds more. (governor's GCRA lets through up to twice the burst around a
//! boundary. It limits devices and logins, not this.)
//!
//! Each transaction leaves a [`Charge`] in the index, before it begins and again when it ends, so
//! that the budget survives a restart and a crash. The times are steady: they never step, whatever
//! the wall clock does.

use std::{collections::VecDeque, time::Duration};

use crate::{
    entry::{Charge, Phase},
    model::{AccountName, Timestamp},
    queue::LimitSettings,
};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Added to the day, for the drift between clocks in a day.
const MARGIN: Duration = Duration::from_millis(250);

/// Added to the minute. Our times are exact to a millisecond, the server's window may be closed at
/// both ends, and no clock drifts more in a minute. Nothing is sent during this time, once in each
/// minute of a flood.
const MINUTE_MARGIN: Duration = Duration::from_millis(50);

/// The maximum difference between the wall clock and the steady clock when the last process stored
/// its charges.
const DRIFT: Duration = Duration::from_millis(250);

/// How long after we stopped listening the server may still be processing a message that it has in
/// full, and then count it.
const LATE_COUNT: Duration = Duration::from_secs(5 * 60);

/// The maximum number of transactions assumed for a lost minute: no office's server accepts more.
const MOST_ASSUMED: usize = 10_000;

/// Whether the end of a transaction is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::queue) enum End {
    /// The server answered, or had not received the whole message.
    Known,
    /// It is unknown whether the server has the message: it may count it later.
    Unknown,
}

/// What may be sent now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::queue) enum Room {
    /// One message to this number of recipients.
    Recipients(usize),
    /// Nothing before this time; `None` while it depends on transactions under way.
    FreeAt(Option<Timestamp>),
}

/// Changes to the stored charges.
#[derive(Clone, Default, Debug)]
pub(in crate::queue) struct BudgetChange {
    /// The charges to remove.
    pub(in crate::queue) refund: Vec<Charge>,
    /// The charges to add.
    pub(in crate::queue) charge: Vec<Charge>,
}

impl BudgetChange {
    /// Whether there are no changes.
    pub(in crate::queue) const fn is_empty(&self) -> bool {
        self.refund.is_empty() && self.charge.is_empty()
    }
}

/// The budget of one account.
#[derive(Clone, Debug)]
pub(in crate::queue) struct Budget {
    account: AccountName,
    per_minute: Option<usize>,
    per_day: Option<u64>,
    /// Transactions under way; at most as many as the account has connections.
    open: Vec<Stamp>,
    /// Ended transactions, the oldest first; at most as many as the limits allow in the longest
    /// window.
    ended: VecDeque<Stamp>,
    /// The number of `ended`, from the front, that have left the minute.
    past_minute: usize,
    /// The recipients of all stamps.
    recipients: u64,
    sequence: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Stamp {
    at: Timestamp,
    sequence: u32,
    recipients: u32,
}

impl Budget {
    pub(in crate::queue) fn new(account: AccountName, limits: &LimitSettings) -> Self {
        Self {
            account,
            per_minute: limits
                .messages_per_minute
                .map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)),
            per_day: limits.recipients_per_day.map(u64::from),
            open: Vec::new(),
            ended: VecDeque::new(),
            past_minute: 0,
            recipients: 0,
            sequence: 0,
        }
    }

    /// Applies other limits. What was counted under the former ones still counts, as far back as
    /// their windows reach.
    pub(in crate::queue) fn limit(&mut self, limits: &LimitSettings) {
        let Self { per_minute, per_day, .. } = Self::new(self.account.clone(), limits);
        (self.per_minute, self.per_day) = (per_minute, per_day);
    }

    /// Whether charges are stored. Without limits the last minute's transactions are still counted,
    /// for display.
    const fn is_kept(&self) -> bool {
        self.per_minute.is_some() || self.per_day.is_some()
    }

    /// How long stored charges matter.
    pub(in crate::queue) fn window(&self) -> Duration {
        if self.per_day.is_some() { DAY + MARGIN } else { MINUTE + MINUTE_MARGIN }
    }

    /// Restores the charges that an earlier process stored. Returns the changes to store.
    ///
    /// Transactions that were under way ended at some time before now and may still be counted. A
    /// charge in the future was made before the clock was set back: it counts as now, so it delays
    /// mail for one window at most.
    pub(in crate::queue) fn restore(
        &mut self,
        stored: Vec<Charge>,
        now: Timestamp,
    ) -> BudgetChange {
        let mut moves = BudgetChange::default();
        for old in stored {
            self.sequence = self.sequence.max(old.sequence);
            let at = match old.phase {
                Phase::UnderWay => now.plus(LATE_COUNT),
                Phase::Ended if old.at.plus(MINUTE + DRIFT) <= now => old.at,
                Phase::Ended => old.at.plus(DRIFT).min(now.plus(LATE_COUNT)),
            };
            let stamp = Stamp { at, sequence: old.sequence, recipients: old.recipients };
            self.insert(stamp);
            if at != old.at || old.phase == Phase::UnderWay {
                moves.charge.push(self.record(stamp, Phase::Ended));
                moves.refund.push(old);
            }
        }
        self.advance(now, &mut moves);
        moves
    }

    /// Assumes the worst after the stored charges were lost: it is unknown what was sent, so the
    /// maximum that the limits allow counts as sent by now.
    pub(in crate::queue) fn assume_worst(&mut self, now: Timestamp) -> BudgetChange {
        let mut moves = BudgetChange::default();
        let at = now.plus(LATE_COUNT);
        let mut recipients = u32::try_from(self.per_day.unwrap_or(0)).unwrap_or(u32::MAX);
        let messages = if self.is_kept() { self.per_minute.unwrap_or(1) } else { 0 };
        for _ in 0..messages.min(MOST_ASSUMED) {
            self.sequence = self.sequence.wrapping_add(1);
            let stamp = Stamp { at, sequence: self.sequence, recipients };
            self.insert(stamp);
            moves.charge.push(self.record(stamp, Phase::Ended));
            recipients = 0;
        }
        moves
    }

    /// Stops counting the recipients of ended transactions, by order of a person. The messages of
    /// the last minute still count: nobody can know better within a minute, and they expire by
    /// themselves.
    pub(in crate::queue) fn forget(&mut self, now: Timestamp) -> BudgetChange {
        let ended = std::mem::take(&mut self.ended);
        self.past_minute = 0;
        self.recipients = self.open.iter().map(|stamp| u64::from(stamp.recipients)).sum();
        let mut moves = BudgetChange::default();
        for stamp in ended {
            if self.per_minute.is_some() && stamp.at.plus(MINUTE + MINUTE_MARGIN) > now {
                let kept = Stamp { recipients: 0, ..stamp };
                self.ended.push_back(kept);
                // It has the same time and number, so it replaces the old charge.
                moves.charge.push(self.record(kept, Phase::Ended));
            } else {
                moves.refund.push(self.record(stamp, Phase::Ended));
            }
        }
        if self.is_kept() { moves } else { BudgetChange::default() }
    }

    /// The charges of transactions under way.
    pub(in crate::queue) fn under_way(&self) -> Vec<Charge> {
        self.open.iter().map(|stamp| self.record(*stamp, Phase::UnderWay)).collect()
    }

    /// When the day's budget has room for one more recipient, if it has none now.
    pub(in crate::queue) fn day_full_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.day_free_at(now, 1).filter(|at| *at > now)
    }

    /// What may be sent now. Removes expired charges and adds them to `moves`.
    pub(in crate::queue) fn room(&mut self, now: Timestamp, moves: &mut BudgetChange) -> Room {
        self.advance(now, moves);
        let left = self.per_day.map_or(u64::MAX, |limit| limit.saturating_sub(self.recipients));
        if left > 0 && self.minute_free_at(now) == Some(now) {
            Room::Recipients(usize::try_from(left).unwrap_or(usize::MAX))
        } else {
            Room::FreeAt(self.free_at(now, 1))
        }
    }

    /// When a message to this number of recipients may go; `None` while that depends on
    /// transactions under way.
    pub(in crate::queue) fn free_at(&self, now: Timestamp, recipients: u32) -> Option<Timestamp> {
        Some(self.minute_free_at(now)?.max(self.day_free_at(now, u64::from(recipients))?))
    }

    /// Begins a transaction. Returns the charge to store first; `None` without limits.
    pub(in crate::queue) fn begin(&mut self, recipients: usize, now: Timestamp) -> Option<Charge> {
        self.sequence = self.sequence.wrapping_add(1);
        let stamp = Stamp {
            at: now,
            sequence: self.sequence,
            recipients: u32::try_from(recipients).unwrap_or(u32::MAX),
        };
        if !self.is_kept() {
            self.insert(stamp);
            self.advance(now, &mut BudgetChange::default());
            return None;
        }
        self.open.push(stamp);
        self.recipients = self.recipients.saturating_add(u64::from(stamp.recipients));
        Some(self.record(stamp, Phase::UnderWay))
    }

    /// Ends a transaction. Its charge moves to now, without the recipients that the server refused
    /// at `RCPT TO`.
    pub(in crate::queue) fn end(
        &mut self,
        charge: &Charge,
        end: End,
        refused: usize,
        now: Timestamp,
    ) -> BudgetChange {
        let mut moves = self.cancel(charge);
        let at = match end {
            End::Known => now,
            End::Unknown => now.plus(LATE_COUNT),
        };
        let refused = u32::try_from(refused).unwrap_or(u32::MAX);
        let stamp = Stamp {
            at,
            sequence: charge.sequence,
            recipients: charge.recipients.saturating_sub(refused),
        };
        self.insert(stamp);
        // A new charge replaces an older one of the same time. Refunding the old one as well would
        // remove both.
        moves.refund.retain(|old| old.at != at);
        moves.charge.push(self.record(stamp, Phase::Ended));
        self.advance(now, &mut moves);
        moves
    }

    /// Cancels a transaction that certainly did not happen: its charge is removed.
    pub(in crate::queue) fn cancel(&mut self, charge: &Charge) -> BudgetChange {
        if let Some(place) = self.open.iter().position(|stamp| stamp.sequence == charge.sequence) {
            let stamp = self.open.swap_remove(place);
            self.recipients = self.recipients.saturating_sub(u64::from(stamp.recipients));
        }
        BudgetChange { refund: vec![charge.clone()], charge: Vec::new() }
    }

    /// The transactions of the last minute and the recipients of the last day, as the server may
    /// count them. Without a limit per day, only the recipients of the last minute are kept.
    pub(in crate::queue) fn used(&self) -> (usize, u64) {
        let minute =
            self.ended.len().saturating_sub(self.past_minute).saturating_add(self.open.len());
        (minute, self.recipients)
    }

    fn minute_free_at(&self, now: Timestamp) -> Option<Timestamp> {
        let Some(limit) = self.per_minute else {
            return Some(now);
        };
        let (used, _) = self.used();
        if used < limit {
            return Some(now);
        }
        let last_to_expire = self.past_minute.saturating_add(used.saturating_sub(limit));
        self.ended.get(last_to_expire).map(|stamp| stamp.at.plus(MINUTE + MINUTE_MARGIN).max(now))
    }

    fn day_free_at(&self, now: Timestamp, recipients: u64) -> Option<Timestamp> {
        let Some(limit) = self.per_day else {
            return Some(now);
        };
        let mut excess =
            self.recipients.saturating_add(recipients.min(limit)).saturating_sub(limit);
        if excess == 0 {
            return Some(now);
        }
        for stamp in &self.ended {
            excess = excess.saturating_sub(u64::from(stamp.recipients));
            if excess == 0 {
                return Some(stamp.at.plus(DAY + MARGIN).max(now));
            }
        }
        None
    }

    /// Removes stamps that have left the windows.
    fn advance(&mut self, now: Timestamp, moves: &mut BudgetChange) {
        let window = self.window();
        while let Some(oldest) =
            self.ended.front().filter(|stamp| stamp.at.plus(window) <= now).copied()
        {
            self.ended.pop_front();
            self.past_minute = self.past_minute.saturating_sub(1);
            self.recipients = self.recipients.saturating_sub(u64::from(oldest.recipients));
            if self.is_kept() {
                moves.refund.push(self.record(oldest, Phase::Ended));
            }
        }
        while self
            .ended
            .get(self.past_minute)
            .is_some_and(|stamp| stamp.at.plus(MINUTE + MINUTE_MARGIN) <= now)
        {
            self.past_minute = self.past_minute.saturating_add(1);
        }
    }

    /// Inserts a stamp and keeps `ended` sorted. Times are nearly in order, so the place is near
    /// the end.
    fn insert(&mut self, stamp: Stamp) {
        let later = self.ended.iter().rev().take_while(|other| other.at > stamp.at).count();
        let place = self.ended.len().saturating_sub(later);
        // Only a restored charge can be that old. The next `advance` corrects the place.
        self.past_minute = self.past_minute.min(place);
        self.ended.insert(place, stamp);
        self.recipients = self.recipients.saturating_add(u64::from(stamp.recipients));
    }

    fn record(&self, stamp: Stamp, phase: Phase) -> Charge {
        Charge {
            account: self.account.clone(),
            at: stamp.at,
            sequence: stamp.sequence,
            recipients: stamp.recipients,
            phase,
        }
    }
}

#[cfg(test)]
mod tests;
