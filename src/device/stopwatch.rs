//! Elapsed time for limits, on tokio's clock, which tests can pause.

use std::time::Duration;

use governor::clock::Clock as GovernorClock;
use tokio::time::Instant;

/// Governor's clock: the time since it was started.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stopwatch(Instant);

impl Stopwatch {
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }
}

impl GovernorClock for Stopwatch {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}
