//! Counts the queue and the devices for the metrics that no event can keep up to date.
//!
//! A walk over the whole queue tells what the mail of each account waits for and how old the oldest
//! is. The walk takes longer the more mail waits, so it is repeated less often then.
//!
//! # Failure
//! Logged, and no reason to stop: no message depends on a metric.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::{
    sync::watch,
    task::yield_now,
    time::{Instant, MissedTickBehavior, interval},
};
use tracing::warn;

use crate::{
    clock::Clock,
    daemon::supervise,
    device::Devices,
    metrics::{AccountLabel, AccountQueueLabel, DeviceLabel, Metrics, QueueStateValue},
    model::{AccountName, DeviceName, MessageId, Timestamp},
    queue::Queue,
    spool::{Entry, Progress, RecipientState, Spool, SpoolError},
};

/// The time between two counts. A scrape usually comes every 15 seconds or more rarely.
const COUNT_EVERY: Duration = Duration::from_secs(15);
/// A walk over the queue takes at most this share of the time: one in fifty.
const REST: u32 = 50;
/// Messages read in one step of the walk. Other tasks run between two steps.
const STEP: usize = 200;

/// What is counted, and where the counts go.
pub(super) struct Survey {
    pub(super) spool: Spool,
    pub(super) queue: Queue,
    pub(super) devices: Devices,
    pub(super) clock: Clock,
    pub(super) metrics: Metrics,
}

/// What the metrics say already.
#[derive(Default)]
struct Published {
    accounts: BTreeSet<AccountName>,
    /// The messages of each device that are in its counter, and those that were sent before the
    /// start.
    devices: BTreeMap<DeviceName, u64>,
}

/// The queue of each account.
#[derive(Default, PartialEq, Debug)]
struct Counted(BTreeMap<AccountName, OfAccount>);

/// The queue of one account.
#[derive(Default, PartialEq, Debug)]
struct OfAccount {
    states: BTreeMap<QueueStateValue, i64>,
    oldest: Option<Timestamp>,
}

/// Counts every few seconds, until the stop.
pub(super) async fn keep_up(survey: Survey, mut stop: watch::Receiver<bool>) -> &'static str {
    let mut ticks = interval(COUNT_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut published = Published::default();
    published.remember_devices(&survey.devices);
    let mut next_walk = Instant::now();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = supervise::stopped(&mut stop) => return "the counting of the queue",
        }
        published.publish_devices(&survey.devices, &survey.metrics);
        // Asking refreshes the metric of the free space, which the devices' mail does otherwise.
        drop(survey.spool.room());
        let begun = Instant::now();
        if begun < next_walk {
            continue;
        }
        match walk(&survey.spool).await {
            Ok(counted) => {
                let accounts = survey.queue.accounts().into_iter();
                let limits = accounts.map(|account| (account.name, account.recipients_per_day));
                published.publish_queue(limits, counted, survey.clock.now(), &survey.metrics);
            }
            Err(error) => warn!(%error, "queue not counted for the metrics"),
        }
        next_walk = Instant::now() + begun.elapsed().saturating_mul(REST);
    }
}

/// Reads the whole queue, a few messages at a time.
async fn walk(spool: &Spool) -> Result<Counted, SpoolError> {
    let mut counted = Counted::default();
    let mut after: Option<MessageId> = None;
    loop {
        let entries = spool.list(after, STEP)?;
        entries.iter().for_each(|entry| counted.add(entry));
        match entries.last() {
            Some(last) if entries.len() == STEP => after = Some(last.id),
            Some(_) | None => return Ok(counted),
        }
        yield_now().await;
    }
}

impl Counted {
    /// Counts a message once for each account that it waits for.
    fn add(&mut self, entry: &Entry) {
        let mut states: BTreeMap<&AccountName, QueueStateValue> = BTreeMap::new();
        let open = entry.recipients.iter().filter(|recipient| recipient.due().is_some());
        for recipient in open {
            let state =
                states.entry(entry.account_of(recipient)).or_insert(QueueStateValue::waiting);
            *state = (*state).max(state_of(recipient));
        }
        if entry.hold.is_some() {
            // A message whose failure notice could not be written is held with nobody waiting.
            states.entry(&entry.account).or_insert(QueueStateValue::held);
            states.values_mut().for_each(|state| *state = QueueStateValue::held);
        }
        for (account, state) in states {
            let account = self.0.entry(account.clone()).or_default();
            *account.states.entry(state).or_default() += 1;
            account.oldest = account.oldest.into_iter().chain([entry.received]).min();
        }
    }
}

fn state_of(recipient: &RecipientState) -> QueueStateValue {
    match recipient.progress {
        Progress::Attempting(_) => QueueStateValue::sending,
        Progress::Waiting { .. } if recipient.attempts > 0 => QueueStateValue::retrying,
        Progress::Waiting { .. } | Progress::Delivered(_) | Progress::Failed(_) => {
            QueueStateValue::waiting
        }
    }
}

impl Published {
    /// Sets the gauges of every configured account, which comes with its limit for a day, and of
    /// every account that mail waits for. Removes those of accounts that are gone.
    fn publish_queue(
        &mut self,
        configured: impl Iterator<Item = (AccountName, Option<u32>)>,
        mut counted: Counted,
        now: Timestamp,
        metrics: &Metrics,
    ) {
        let metrics = metrics.sending();
        for (account, limit) in configured {
            let label = AccountLabel { account: account.to_string() };
            match limit {
                Some(limit) => {
                    let gauge = metrics.account_day_recipients_limit.get_or_create(&label);
                    gauge.set(i64::from(limit));
                }
                None => drop(metrics.account_day_recipients_limit.remove(&label)),
            }
            counted.0.entry(account).or_default();
        }
        for (account, queue) in &counted.0 {
            let label = AccountLabel { account: account.to_string() };
            for state in QueueStateValue::ALL {
                let messages = queue.states.get(&state).copied().unwrap_or_default();
                let label = AccountQueueLabel { account: account.to_string(), state };
                metrics.account_queue.get_or_create(&label).set(messages);
            }
            let age = queue.oldest.map_or(Duration::ZERO, |oldest| now.since(oldest));
            metrics
                .account_oldest
                .get_or_create(&label)
                .set(i64::try_from(age.as_secs()).unwrap_or(i64::MAX));
        }
        let current: BTreeSet<AccountName> = counted.0.into_keys().collect();
        for gone in self.accounts.difference(&current) {
            for state in QueueStateValue::ALL {
                metrics
                    .account_queue
                    .remove(&AccountQueueLabel { account: gone.to_string(), state });
            }
            let label = AccountLabel { account: gone.to_string() };
            metrics.account_oldest.remove(&label);
            metrics.account_day_recipients_limit.remove(&label);
        }
        self.accounts = current;
    }

    /// Records what was counted before this start. Counters begin at zero with each start.
    fn remember_devices(&mut self, devices: &Devices) {
        let counts = devices.sightings().into_iter();
        self.devices = counts.map(|seen| (seen.device, seen.counts.messages)).collect();
    }

    /// Brings the metrics of the configured devices up to date, and removes those of devices that
    /// are no longer configured.
    fn publish_devices(&mut self, devices: &Devices, metrics: &Metrics) {
        let metrics = metrics.receiving();
        let seen: BTreeMap<DeviceName, _> =
            devices.sightings().into_iter().map(|seen| (seen.device.clone(), seen)).collect();
        let current: BTreeSet<DeviceName> = devices.names().into_iter().collect();
        for name in &current {
            let label = DeviceLabel { device: name.to_string() };
            let (messages, last) = seen
                .get(name)
                .map_or((0, 0), |seen| (seen.counts.messages, seen.last_seen.as_secs()));
            let before = self.devices.insert(name.clone(), messages).unwrap_or_default();
            metrics.device_messages.get_or_create(&label).inc_by(messages.saturating_sub(before));
            metrics
                .device_last_seen
                .get_or_create(&label)
                .set(i64::try_from(last).unwrap_or(i64::MAX));
        }
        for gone in self.devices.keys().filter(|name| !current.contains(name)) {
            let label = DeviceLabel { device: gone.to_string() };
            metrics.device_messages.remove(&label);
            metrics.device_last_seen.remove(&label);
        }
        self.devices.retain(|name, _messages| current.contains(name));
    }
}

#[cfg(test)]
mod tests;
