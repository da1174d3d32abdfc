//! The input of the forecast: the current state of the accounts and the mail that waits for them,
//! read up to a maximum.

use std::collections::HashMap;

use crate::{
    attempt::NextHop,
    entry::Entry,
    model::{AccountName, MessageId, Timestamp},
    queue::{
        AccountState, Queue,
        driver::{account::Account, core::Core, roster::Roster, transport::Transport},
        engine::{
            account_runtime::Limit,
            pool::TakeoverScope,
            round_robin::FlowKey,
            route::{self, RouteDecision},
            sender,
        },
        forecast::replay::{Cause, Forecast, Rest, Scene, Start, Waiting, Why, play},
    },
    spool::SpoolError,
};

/// The maximum number of messages of an account that are read for one answer, which takes a few
/// milliseconds. Later ones are reported as far behind.
const PLACES: usize = 10_000;
/// The number of messages read of every flow first, so that a long flow does not hide the others.
const FIRST_LOOK: usize = 64;
/// The number of messages whose recipients are counted, to estimate those of the others.
const SAMPLE: usize = 16;

/// What is known of an account, for all messages of one question.
#[derive(Default)]
struct Known {
    flows: Option<Vec<FlowKey>>,
    starts: Option<HashMap<MessageId, Start>>,
}

/// What is known of each account, by its place in the config.
type AllKnown = HashMap<usize, Known>;

impl<T: Transport> Queue<T> {
    /// When each of these messages will go, and what it waits for. The queue is read once for each
    /// account, not for each message.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn forecasts(&self, entries: &[Entry]) -> Result<Vec<Forecast>, SpoolError> {
        let (core, mut known) = (self.core(), AllKnown::new());
        let shown = |at| core.clock.time_of_day(at);
        // One roster for all: the places in it are the keys of what is known.
        let roster = core.roster();
        let forecast = |entry| Ok(core.forecast(&roster, entry, &mut known)?.shown(shown));
        entries.iter().map(forecast).collect()
    }
}

impl<T: Transport> Core<T> {
    fn forecast(
        &self,
        roster: &Roster<T>,
        entry: &Entry,
        known: &mut AllKnown,
    ) -> Result<Forecast, SpoolError> {
        let simple = |at, why| Ok(Forecast { at, before: 0, why });
        if entry.hold.is_some() {
            return simple(None, Why::Held);
        }
        if self.leases.is_held(entry.id) {
            return simple(Some(self.clock.steady()), Why::UnderWay);
        }
        // Recipients may wait for different accounts. The message goes when the first of them does.
        let each = entry
            .due_by_account()
            .into_iter()
            .map(|(account, due)| self.by_pool(roster, (account, due), entry, known));
        let each = each.collect::<Result<Vec<_>, _>>()?;
        let first = each.into_iter().min_by_key(|forecast| forecast.at.unwrap_or(Timestamp::MAX));
        first.map_or_else(|| simple(None, Why::Nothing), Ok)
    }

    /// The forecast by an account, or by another one that takes its mail over.
    fn by_pool(
        &self,
        roster: &Roster<T>,
        (name, due): (&AccountName, Timestamp),
        entry: &Entry,
        known: &mut AllKnown,
    ) -> Result<Forecast, SpoolError> {
        let own =
            roster.accounts.iter().position(|account| account.settings.name == *name).unwrap_or(0);
        let mut best = self.by_account(roster, (own, due), entry, known)?;
        for (place, other) in roster.accounts.iter().enumerate().filter(|(place, _)| *place != own)
        {
            let flows =
                known.entry(place).or_default().flows.get_or_insert_with(|| self.flows(other));
            if flows.iter().any(|flow| flow.1 == *name)
                && sender::may_carry(&entry.sender, &other.settings)
            {
                let by_other = self.by_account(roster, (place, due), entry, known)?;
                let sooner = by_other.at.is_some_and(|at| best.at.is_none_or(|best| at < best));
                best = if sooner { by_other } else { best };
            }
        }
        Ok(best)
    }

    fn by_account(
        &self,
        roster: &Roster<T>,
        (place, due): (usize, Timestamp),
        entry: &Entry,
        known: &mut AllKnown,
    ) -> Result<Forecast, SpoolError> {
        let unknown = |why| Forecast { at: None, before: 0, why };
        let Some(account) = roster.accounts.get(place) else {
            return Ok(unknown(Why::Nothing));
        };
        let state = self.locked(account, |runtime, _| runtime.health.account_state());
        match &state {
            AccountState::Stopped { reason, .. } => {
                return Ok(unknown(Why::Stopped { because: reason.clone() }));
            }
            AccountState::Disabled => return Ok(unknown(Why::Disabled)),
            AccountState::Ready | AccountState::Paused { .. } => {}
        }
        if let Some(forecast) = self.of_domain(roster, account, entry, due) {
            return Ok(forecast);
        }
        let known = known.entry(place).or_default();
        if known.starts.is_none() {
            let flows = known.flows.get_or_insert_with(|| self.flows(account)).clone();
            known.starts = Some(play(self.scene(account, flows)?, PLACES));
        }
        let starts = known.starts.get_or_insert_default();
        let Some(start) = starts.get(&entry.id) else {
            // It is due after all messages that were read, or stands behind them.
            let at = starts.values().map(|start| start.at).max().map_or(due, |last| last.max(due));
            return Ok(Forecast { at: Some(at), before: starts.len(), why: Why::FarBehind });
        };
        let why = self.why(account, &state, start.cause);
        Ok(Forecast { at: Some(start.at), before: start.before, why })
    }

    /// The forecast for mail to a domain in trouble: it waits for the domain, whatever else may go.
    fn of_domain(
        &self,
        roster: &Roster<T>,
        account: &Account<T>,
        entry: &Entry,
        due: Timestamp,
    ) -> Option<Forecast> {
        let waiting = entry.recipients.iter().filter(|recipient| recipient.due().is_some());
        let RouteDecision::NextHop(hop) = route::next(entry, waiting, &account.settings)? else {
            return None;
        };
        let NextHop::Domain(domain) = &hop else {
            return None;
        };
        let (state, is_out, now) = self.locked(account, |runtime, now| {
            let domains = &runtime.destinations;
            (domains.state(&hop), domains.is_out(&hop, now.steady), now.steady)
        });
        let (next, reason) = match state? {
            AccountState::Paused { until, reason, .. } => (until, reason),
            AccountState::Stopped { probe_at, reason, .. } => (probe_at, reason),
            AccountState::Ready | AccountState::Disabled => return None,
        };
        // Another account takes the mail over when it is due.
        let indexes: Vec<usize> = (0..entry.recipients.len()).collect();
        let (settings, scope) = (&account.settings, TakeoverScope::Servers);
        if is_out && roster.pool.takeover(entry, &indexes, settings, scope).is_some() {
            return None;
        }
        let why = Why::Domain { domain: domain.clone(), because: reason };
        Some(Forecast { at: Some(next.max(due).max(now)), before: 0, why })
    }

    fn why(&self, account: &Account<T>, state: &AccountState, cause: Option<Cause>) -> Why {
        let limits = &account.settings.limits;
        match cause {
            None => Why::Nothing,
            Some(Cause::Plan) => Why::Plan,
            Some(Cause::Turn) => Why::Turn,
            Some(Cause::Limit(Limit::Health)) => match state {
                AccountState::Paused { until, reason, .. } => {
                    Why::Paused { until: *until, because: reason.clone() }
                }
                AccountState::Ready | AccountState::Stopped { .. } | AccountState::Disabled => {
                    Why::Nothing
                }
            },
            Some(Cause::Limit(Limit::Minute)) => {
                Why::Minute { limit: limits.messages_per_minute.unwrap_or(u32::MAX) }
            }
            Some(Cause::Limit(Limit::Day)) => Why::Day {
                free_at: self
                    .locked(account, |runtime, now| runtime.budget.day_full_until(now.steady)),
            },
            Some(Cause::Limit(Limit::Batch)) => {
                Why::Batch { messages: self.locked(account, |runtime, _| runtime.batch.size()) }
            }
        }
    }

    fn scene(&self, account: &Account<T>, flows: Vec<FlowKey>) -> Result<Scene, SpoolError> {
        let flows = self.look(flows)?;
        let recipients = self.guess_recipients(&flows)?;
        let (runtime, now) = self.locked(account, |runtime, now| (runtime.clone(), now));
        Ok(Scene { now, runtime, recipients, flows })
    }

    /// Reads the mail of the flows: a little of each, then more of those that have more.
    fn look(&self, lines: Vec<FlowKey>) -> Result<Vec<Waiting>, SpoolError> {
        let mut seen = Vec::with_capacity(lines.len());
        for line in lines {
            seen.push(self.look_at(line, FIRST_LOOK)?);
        }
        let looked: usize = seen.iter().map(|waiting| waiting.messages.len()).sum();
        let long = seen.iter().filter(|waiting| waiting.rest == Rest::More).count().max(1);
        let share = PLACES.saturating_sub(looked) / long;
        for waiting in seen.iter_mut().filter(|waiting| waiting.rest == Rest::More) {
            *waiting = self.look_at(waiting.flow.clone(), FIRST_LOOK.saturating_add(share))?;
        }
        Ok(seen)
    }

    fn look_at(&self, line: FlowKey, most: usize) -> Result<Waiting, SpoolError> {
        let messages = self.spool.first_due(&line.1, &line.0, most)?;
        let rest = if messages.len() < most { Rest::Nothing } else { Rest::More };
        let free = messages.into_iter().filter(|(_, id)| !self.leases.is_held(*id)).collect();
        Ok(Waiting { flow: line, messages: free, rest })
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
