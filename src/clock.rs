//! Where the time comes from: the machine, or a simulation.
//!
//! Everything that stores or compares wall-clock time takes a [`Clock`]; everything that waits uses
//! `tokio::time`. [`simulated`] joins the two, so that a test with paused tokio time sees both
//! advance together.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::SystemTime,
};

pub use postroom_core::clock::{Clock, TimeSource};
use tokio::time::Instant;

use crate::model::Timestamp;

/// The machine's clock. It may step, in both directions.
#[must_use]
pub fn system() -> Clock {
    Clock::new(System)
}

/// A clock that starts at `epoch` and advances with tokio's time, paused or not. For tests and
/// simulations.
#[must_use]
pub fn simulated(epoch: Timestamp) -> Clock {
    Clock::new(Simulated { epoch: AtomicU64::new(epoch.as_millis()), start: Instant::now() })
}

#[derive(Debug)]
struct System;

impl TimeSource for System {
    fn now(&self) -> Timestamp {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the one place that asks the machine"
        )]
        let now = SystemTime::now();
        now.into()
    }
}

#[derive(Debug)]
struct Simulated {
    /// In milliseconds.
    epoch: AtomicU64,
    start: Instant,
}

impl TimeSource for Simulated {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.epoch.load(Ordering::Relaxed)).plus(self.start.elapsed())
    }

    fn set(&self, to: Timestamp) {
        self.epoch.store(to.minus(self.start.elapsed()).as_millis(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_simulated_clock_goes_with_tokios_time() {
        let clock = simulated(Timestamp::from_millis(1000));
        tokio::time::advance(Duration::from_secs(1800)).await;
        assert_eq!(clock.now(), Timestamp::from_millis(1_801_000));
    }

    #[tokio::test(start_paused = true)]
    async fn a_simulated_clock_that_was_set_goes_on_from_there() {
        let clock = simulated(Timestamp::from_millis(10_000_000));
        tokio::time::advance(Duration::from_secs(60)).await;
        clock.clone().set(Timestamp::from_millis(1_000_000));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(clock.now(), Timestamp::from_millis(1_001_000));
    }
}
