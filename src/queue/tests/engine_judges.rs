//! What the simulated days of the engine are measured against, independently of the engine.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use crate::queue::engine::{health::Health, round_robin::FlowKey};

/// The limit of messages in any 60 seconds.
pub(super) const PER_MINUTE: usize = 30;
/// The limit of recipients in any 24 hours.
pub(super) const PER_DAY: u64 = 3000;
pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const DAY: Duration = Duration::from_secs(24 * 3600);

/// What the server counts of one account, independently of the engine.
#[derive(Default)]
pub(super) struct Counter {
    minute: VecDeque<Duration>,
    day: VecDeque<(Duration, u64)>,
    recipients: u64,
}

impl Counter {
    pub(super) fn count(&mut self, at: Duration, recipients: u64) {
        self.minute.push_back(at);
        self.day.push_back((at, recipients));
        self.recipients += recipients;
        while self.minute.front().is_some_and(|first| *first + MINUTE <= at) {
            self.minute.pop_front();
        }
        while let Some((_, old)) = self.day.front().filter(|(first, _)| *first + DAY <= at) {
            self.recipients -= old;
            self.day.pop_front();
        }
        assert!(self.minute.len() <= PER_MINUTE, "{} in a minute", self.minute.len());
        assert!(self.recipients <= PER_DAY, "{} in a day", self.recipients);
    }
}

/// The last turn of each flow, and since when each flow has waited, both in numbers of turns.
#[derive(Default)]
pub(super) struct Turns {
    turns: u64,
    had: HashMap<FlowKey, u64>,
    waits: HashMap<FlowKey, u64>,
}

impl Turns {
    /// Records that another account's mail was chosen. A flow without free mail then did not wait.
    pub(super) fn passed(&mut self, waiting: &[FlowKey]) {
        self.waits.retain(|flow, _| waiting.contains(flow));
    }

    /// Records a turn. `waiting` are the flows that had free mail when `taken` was chosen.
    pub(super) fn took(&mut self, taken: &FlowKey, waiting: &[FlowKey]) {
        self.turns += 1;
        self.waits.retain(|flow, _| waiting.contains(flow));
        for flow in waiting {
            self.waits.entry(flow.clone()).or_insert(self.turns);
        }
        if let Some(before) = self.had.get(taken) {
            for other in waiting.iter().filter(|other| *other != taken) {
                let (since, last) = (self.waits[other], self.had.get(other).copied().unwrap_or(0));
                assert!(
                    since > *before || last > *before,
                    "{taken:?} had two turns while {other:?} waited"
                );
            }
        }
        self.had.insert(taken.clone(), self.turns);
    }
}

/// Checks transitions against the table in the documentation of [`Health`].
#[track_caller]
pub(super) fn assert_legal(from: &Health, to: &Health) {
    let legal = match (from, to) {
        (Health::Disabled, Health::Disabled | Health::Ready { .. }) => true,
        (Health::Disabled, _) => false,
        (Health::Ready { .. }, Health::Probing { .. }) => false,
        (Health::Stopped { .. }, Health::Paused { .. }) => false,
        (
            Health::Ready { .. }
            | Health::Probing { .. }
            | Health::Paused { .. }
            | Health::Stopped { .. },
            _,
        ) => true,
    };
    assert!(legal, "from {from:?} to {to:?}");
}
