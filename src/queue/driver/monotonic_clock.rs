//! A clock for budgets: it agrees with the wall clock when it starts, and never steps.

use std::time::Duration;

use tokio::time::Instant;

use crate::{clock::Clock, model::Timestamp};

/// How far the two clocks may drift apart before the stored charges are moved. Only the next
/// process reads the charges again, so its times can be wrong by this much: the ledger allows for
/// it.
const TOLERANCE: Duration = Duration::from_millis(200);

/// The wall-clock time at the start, and the time elapsed since.
#[derive(Debug)]
pub(in crate::queue) struct MonotonicClock {
    epoch: Timestamp,
    start: Instant,
}

/// The wall clock was set: what was `from` is now `to`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::queue) struct Step {
    pub(in crate::queue) from: Timestamp,
    pub(in crate::queue) to: Timestamp,
}

impl MonotonicClock {
    pub(in crate::queue) fn new(clock: &Clock) -> Self {
        Self { epoch: clock.now(), start: Instant::now() }
    }

    pub(in crate::queue) fn now(&self) -> Timestamp {
        self.epoch.plus(self.start.elapsed())
    }

    /// Follows the wall clock if it was set, and returns that step.
    pub(in crate::queue) fn follow(&mut self, clock: &Clock) -> Option<Step> {
        let (from, to) = (self.now(), clock.now());
        let apart = from.since(to).max(to.since(from));
        if apart < TOLERANCE {
            return None;
        }
        *self = Self::new(clock);
        Some(Step { from, to })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::fixture::at;

    #[tokio::test(start_paused = true)]
    async fn a_step_of_the_wall_clock_is_noticed_and_time_goes_on() {
        let clock = Clock::fixed(at(0));
        let mut steady = MonotonicClock::new(&clock);
        clock.set(at(3600));
        assert_eq!(steady.now(), at(0));
        assert_eq!(steady.follow(&clock), Some(Step { from: at(0), to: at(3600) }));
        assert_eq!(steady.follow(&clock), None);
        tokio::time::advance(Duration::from_millis(1500)).await;
        assert_eq!(steady.now(), at(3600).plus(Duration::from_millis(1500)));
    }
}
