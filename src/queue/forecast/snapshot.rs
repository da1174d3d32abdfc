//! What the forecast is made from: the accounts as they are, and the mail that waits for them,
//! looked at within bounds.

use std::collections::HashMap;

use crate::{
    model::{AccountName, MessageId, Timestamp},
    queue::{
        AccountState, Queue,
        driver::core::{Account, Core},
        driver::route::{self, RouteDecision, TakeoverScope},
        driver::transport::Transport,
        engine::sender,
        engine::{health::Health, round_robin::FlowKey},
        forecast::replay::{Cause, Forecast, Rest, Scene, Start, Waiting, Why, play},
    },
    spool::{Entry, SpoolError},
    upstream::NextHop,
};

/// Messages of an account that are looked at for one answer: a few milliseconds of reading. What
/// lies behind them is far behind.
const PLACES: usize = 10_000;
/// What is looked at of every line first, so that a long one does not hide the others.
const FIRST_LOOK: usize = 64;
/// Messages whose recipients are counted, to guess how many the others have.
const SAMPLE: usize = 16;

/// The plays of the accounts that were asked about.
type Plays = HashMap<usize, HashMap<MessageId, Start>>;

impl<T: Transport> Queue<T> {
    /// When each of these messages will go, and what it waits for. Reads the queue once for each
    /// account, not for each message.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn forecasts(&self, entries: &[Entry]) -> Result<Vec<Forecast>, SpoolError> {
        let (core, mut plays) = (self.core(), Plays::new());
        entries.iter().map(|entry| core.forecast(entry, &mut plays)).collect()
    }
}

impl<T: Transport> Core<T> {
    fn forecast(&self, entry: &Entry, plays: &mut Plays) -> Result<Forecast, SpoolError> {
        let simple = |at, why| Ok(Forecast { at, before: 0, why });
        if entry.hold.is_some() {
            return simple(None, Why::Held);
        }
        if self.flights().contains_key(&entry.id) {
            return simple(Some(self.clock.now()), Why::UnderWay);
        }
        // Recipients may wait for different accounts; the message goes when the first of them does.
        let each = entry
            .due_by_account()
            .into_iter()
            .map(|(account, due)| self.by_pool(account, entry, due, plays));
        let each = each.collect::<Result<Vec<_>, _>>()?;
        let first = each.into_iter().min_by_key(|forecast| forecast.at.unwrap_or(Timestamp::MAX));
        first.map_or_else(|| simple(None, Why::Nothing), Ok)
    }

    /// By an account, or whoever takes over from it.
    fn by_pool(
        &self,
        name: &AccountName,
        entry: &Entry,
        due: Timestamp,
        plays: &mut Plays,
    ) -> Result<Forecast, SpoolError> {
        let own =
            self.accounts.iter().position(|account| account.settings.name == *name).unwrap_or(0);
        let mut best = self.by_account(own, entry, due, plays)?;
        let out = self
            .accounts
            .get(own)
            .is_some_and(|account| self.runtime(account).is_out(self.clock.now()));
        for (place, other) in self.accounts.iter().enumerate() {
            let takes_over = out
                && other.spills_from.contains(name)
                && sender::may_carry(&entry.sender, &other.settings);
            if takes_over {
                let by_other = self.by_account(place, entry, due, plays)?;
                let sooner = by_other.at.is_some_and(|at| best.at.is_none_or(|best| at < best));
                best = if sooner { by_other } else { best };
            }
        }
        Ok(best)
    }

    fn by_account(
        &self,
        place: usize,
        entry: &Entry,
        due: Timestamp,
        plays: &mut Plays,
    ) -> Result<Forecast, SpoolError> {
        let Some(account) = self.accounts.get(place) else {
            return Ok(Forecast { at: None, before: 0, why: Why::Nothing });
        };
        let state = self.runtime(account).health.account_state();
        match &state {
            AccountState::Stopped { reason, .. } => {
                return Ok(Forecast {
                    at: None,
                    before: 0,
                    why: Why::Stopped { because: reason.clone() },
                });
            }
            AccountState::Disabled => {
                return Ok(Forecast { at: None, before: 0, why: Why::Disabled });
            }
            AccountState::Ready | AccountState::Paused { .. } => {}
        }
        if let Some(forecast) = self.of_domain(account, entry, due) {
            return Ok(forecast);
        }
        let starts = match plays.entry(place) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(play(self.scene(account)?, PLACES))
            }
        };
        let Some(start) = starts.get(&entry.id) else {
            // Due after everything that was looked at, or behind it.
            let at = starts.values().map(|start| start.at).max().map_or(due, |last| last.max(due));
            return Ok(Forecast { at: Some(at), before: starts.len(), why: Why::FarBehind });
        };
        Ok(Forecast {
            at: Some(start.at),
            before: start.before,
            why: self.why(account, &state, start.cause),
        })
    }

    /// What waits for a domain in trouble waits for that, whatever else may go.
    fn of_domain(&self, account: &Account<T>, entry: &Entry, due: Timestamp) -> Option<Forecast> {
        let waiting = entry.recipients.iter().filter(|recipient| recipient.due().is_some());
        let RouteDecision::NextHop(lane) = route::next(entry, waiting, &account.settings)? else {
            return None;
        };
        let NextHop::Domain(domain) = &lane else {
            return None;
        };
        let now = self.clock.now();
        let runtime = self.runtime(account);
        let (next, reason) = match runtime.domains.state(&lane)? {
            AccountState::Paused { until, reason, .. } => (until, reason),
            AccountState::Stopped { probe_at, reason, .. } => (probe_at, reason),
            AccountState::Ready | AccountState::Disabled => return None,
        };
        // Another account takes it over when it is due.
        let indexes: Vec<usize> = (0..entry.recipients.len()).collect();
        if runtime.domains.is_out(&lane, now)
            && self.better_way(entry, &indexes, account, TakeoverScope::Servers).is_some()
        {
            return None;
        }
        let why = Why::Domain { domain: domain.clone(), because: reason };
        Some(Forecast { at: Some(next.max(due).max(now)), before: 0, why })
    }

    fn why(&self, account: &Account<T>, state: &AccountState, cause: Option<Cause>) -> Why {
        let limits = &account.settings.limits;
        match (cause, state) {
            (Some(Cause::Pause), AccountState::Paused { until, reason, .. }) => {
                Why::Paused { until: *until, because: reason.clone() }
            }
            (None, _) | (Some(Cause::Pause), _) => Why::Nothing,
            (Some(Cause::Plan), _) => Why::Plan,
            (Some(Cause::Turn), _) => Why::Turn,
            (Some(Cause::Minute), _) => {
                Why::Minute { limit: limits.messages_per_minute.unwrap_or(u32::MAX) }
            }
            (Some(Cause::Day), _) => {
                let runtime = self.runtime(account);
                Why::Day { free_at: runtime.ledger.day_full_until(runtime.steady.now()) }
            }
            (Some(Cause::Batch), _) => Why::Batch { messages: self.runtime(account).batch.size() },
        }
    }

    fn scene(&self, account: &Account<T>) -> Result<Scene, SpoolError> {
        let lines = self.look(self.lines(account))?;
        let recipients = self.guess_recipients(&lines)?;
        let runtime = self.runtime(account);
        let now = runtime.steady.now();
        let open_at = match runtime.health {
            Health::Paused { until, .. } => until,
            Health::Ready { .. }
            | Health::Probing { .. }
            | Health::Stopped { .. }
            | Health::Disabled => now,
        };
        Ok(Scene {
            now,
            open_at,
            ledger: runtime.ledger.clone(),
            batch: runtime.batch.clone(),
            turns: runtime.turns.clone(),
            connections: runtime.width.at(now),
            pace: runtime.pace,
            recipients,
            lines,
        })
    }

    /// The mail of the lines: a little of each, then more of those that have more.
    fn look(&self, lines: Vec<FlowKey>) -> Result<Vec<Waiting>, SpoolError> {
        let mut seen = Vec::with_capacity(lines.len());
        for line in lines {
            seen.push(self.look_at(line, FIRST_LOOK)?);
        }
        let looked: usize = seen.iter().map(|waiting| waiting.messages.len()).sum();
        let long = seen.iter().filter(|waiting| waiting.rest == Rest::More).count().max(1);
        let share = PLACES.saturating_sub(looked) / long;
        for waiting in seen.iter_mut().filter(|waiting| waiting.rest == Rest::More) {
            *waiting = self.look_at(waiting.line.clone(), FIRST_LOOK.saturating_add(share))?;
        }
        Ok(seen)
    }

    fn look_at(&self, line: FlowKey, most: usize) -> Result<Waiting, SpoolError> {
        let messages = self.spool.first_due(&line.1, &line.0, most)?;
        let rest = if messages.len() < most { Rest::Nothing } else { Rest::More };
        let flights = self.flights();
        let free = messages.into_iter().filter(|(_, id)| !flights.contains_key(id)).collect();
        Ok(Waiting { line, messages: free, rest })
    }

    fn guess_recipients(&self, lines: &[Waiting]) -> Result<usize, SpoolError> {
        let ids =
            lines.iter().flat_map(|waiting| waiting.messages.iter().take(SAMPLE)).take(SAMPLE);
        let mut counts = Vec::new();
        for (_, id) in ids {
            let open = |entry: Entry| {
                entry.recipients.iter().filter(|recipient| recipient.due().is_some()).count()
            };
            counts.extend(self.spool.entry(*id)?.map(open));
        }
        Ok(counts.iter().sum::<usize>().div_ceil(counts.len().max(1)).max(1))
    }
}
