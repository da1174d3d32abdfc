//! An account's budget: a maximum of messages in any 60 s, and of recipients in any 24 h.
//! Pure.
//!
//! The promise is about what the *server* may count, at a moment that it does not tell: somewhere
//! between the start of a transaction and its end. So a transaction under way counts as "now", and
//! one that has ended counts from its end:
//!
//! > A transaction may begin at `t` only if fewer than the limit are under way or have ended after
//! > `t - window`.
//!
//! Take any window in which the server counted, and in it the transaction that began last: all the
//! others were under way or had ended within a window's length when it began, and were fewer than
//! the limit. So no window holds more. (governor's GCRA lets through up to twice the burst around a
//! boundary; it limits devices and logins, not this.)
//!
//! Each transaction leaves a [`Charge`] in the index, before it begins and again when it ends, so
//! that neither a restart nor a crash forgets. The times are those of the driver's
//! monotonic clock, which never steps.

use std::{collections::VecDeque, time::Duration};

use crate::{
    entry::{Charge, Phase},
    model::{AccountName, Timestamp},
    queue::LimitSettings,
};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Added to the day: for what clocks drift apart in one.
const MARGIN: Duration = Duration::from_millis(250);

/// Added to the minute: ours are exact to a millisecond, the server's may be closed at both ends,
/// and no clock is out by more in a minute. It is time in which nothing is sent, once in each
/// minute of a flood.
const MINUTE_MARGIN: Duration = Duration::from_millis(50);

/// What the wall clock may have been from the steady one when the last process stored its charges.
const DRIFT: Duration = Duration::from_millis(250);

/// How long after we stopped listening the server may still be busy with a message that it has in
/// full, and then count it.
const LATE_COUNT: Duration = Duration::from_secs(5 * 60);

/// More transactions than this are not assumed of a lost minute: no server of an office takes them.
const MOST_ASSUMED: usize = 10_000;

/// What is known of a transaction's end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::queue) enum End {
    /// The server answered, or had not got all of it.
    Known,
    /// Nobody knows whether the server has it: it may count it later.
    Unknown,
}

/// What may go now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::queue) enum Room {
    /// One message to this number of recipients.
    Recipients(usize),
    /// Nothing before this; none while it depends on transactions under way.
    FreeAt(Option<Timestamp>),
}

/// Changes to the stored charges.
#[derive(Clone, Default, Debug)]
pub(in crate::queue) struct BudgetChange {
    /// These go.
    pub(in crate::queue) refund: Vec<Charge>,
    /// These come.
    pub(in crate::queue) charge: Vec<Charge>,
}

impl BudgetChange {
    /// Adds what changes after this.
    pub(in crate::queue) fn join(&mut self, later: Self) {
        self.refund.extend(later.refund);
        self.charge.extend(later.charge);
    }

    /// Whether nothing changes.
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
    /// Under way; as many as the account has connections.
    open: Vec<Stamp>,
    /// Ended, the oldest first; as many as the limits let begin within the longest window.
    ended: VecDeque<Stamp>,
    /// How many of `ended`, from the front, are out of the minute.
    past_minute: usize,
    /// Recipients of all stamps.
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

    /// Whether charges are stored. Without limits the last minute's transactions are counted all
    /// the same, for people.
    const fn is_kept(&self) -> bool {
        self.per_minute.is_some() || self.per_day.is_some()
    }

    /// How far back stored charges matter.
    pub(in crate::queue) fn window(&self) -> Duration {
        if self.per_day.is_some() { DAY + MARGIN } else { MINUTE + MINUTE_MARGIN }
    }

    /// Takes over what an earlier process stored, and says what to store instead.
    ///
    /// What was under way then ended at some time before now, and may be counted still. What lies
    /// ahead of the clock happened before it was set back: it counts as now, so it holds mail up
    /// for one window at most.
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

    /// What an earlier process stored is lost, and nobody knows what it sent: as much as the limits
    /// allow counts as sent by now.
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

    /// A person knows better: no recipient of what has ended counts any more. The messages of the
    /// last minute do: nobody knows better in so short a time, and they are forgotten by
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
                // Of the same time and number: it takes the place of the old one.
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

    /// When the day has room for one more recipient, if it has none now.
    pub(in crate::queue) fn day_full_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.day_free_at(now, 1).filter(|at| *at > now)
    }

    /// What may go now. Forgets what is past; those charges are among the moves.
    pub(in crate::queue) fn room(&mut self, now: Timestamp, moves: &mut BudgetChange) -> Room {
        self.advance(now, moves);
        let left = self.per_day.map_or(u64::MAX, |limit| limit.saturating_sub(self.recipients));
        if left > 0 && self.minute_free_at(now) == Some(now) {
            Room::Recipients(usize::try_from(left).unwrap_or(usize::MAX))
        } else {
            Room::FreeAt(self.free_at(now, 1))
        }
    }

    /// When a message to this number of recipients may go; none while that depends on transactions
    /// under way.
    pub(in crate::queue) fn free_at(&self, now: Timestamp, recipients: u32) -> Option<Timestamp> {
        Some(self.minute_free_at(now)?.max(self.day_free_at(now, u64::from(recipients))?))
    }

    /// A transaction is to begin: the charge to store first. None without limits.
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

    /// A transaction has ended: its charge moves to now, without the recipients that the server has
    /// refused one by one.
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
        // A charge of the same time replaces the older by itself; giving that back as well would
        // remove both.
        moves.refund.retain(|old| old.at != at);
        moves.charge.push(self.record(stamp, Phase::Ended));
        self.advance(now, &mut moves);
        moves
    }

    /// A transaction provably did not happen: its charge goes.
    pub(in crate::queue) fn cancel(&mut self, charge: &Charge) -> BudgetChange {
        if let Some(place) = self.open.iter().position(|stamp| stamp.sequence == charge.sequence) {
            let stamp = self.open.swap_remove(place);
            self.recipients = self.recipients.saturating_sub(u64::from(stamp.recipients));
        }
        BudgetChange { refund: vec![charge.clone()], charge: Vec::new() }
    }

    /// The wall clock was set: every stored time moves with it.
    pub(in crate::queue) fn rebase(&mut self, from: Timestamp, to: Timestamp) -> BudgetChange {
        let shift = |at: Timestamp| {
            if at <= from { to.minus(from.since(at)) } else { to.plus(at.since(from)) }
        };
        let mut moves = BudgetChange::default();
        let mut ended = std::mem::take(&mut self.ended);
        for stamp in &mut ended {
            moves.refund.push(self.record(*stamp, Phase::Ended));
            stamp.at = shift(stamp.at);
            moves.charge.push(self.record(*stamp, Phase::Ended));
        }
        self.ended = ended;
        if self.is_kept() { moves } else { BudgetChange::default() }
    }

    /// Transactions of the last minute and recipients of the last day, as the server may see them.
    /// Without a limit on the day, its recipients are not kept: those of the last minute are.
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

    /// Forgets what has left the windows.
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

    /// Keeps `ended` sorted. Times come nearly in order, so the place is near the end.
    fn insert(&mut self, stamp: Stamp) {
        let later = self.ended.iter().rev().take_while(|other| other.at > stamp.at).count();
        let place = self.ended.len().saturating_sub(later);
        // Only a restored charge can be that old; the next `advance` finds the place anew.
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
