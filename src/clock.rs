//! The time of day, as an argument.
//!
//! Everything that stores or compares wall-clock time takes a [`Clock`]; everything that waits uses
//! `tokio::time`. [`Clock::simulated`] joins the two, so that a test with paused tokio time sees
//! both advance together.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use tokio::time::Instant;

use crate::model::Timestamp;

/// Tells the time. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Fixed(Arc<AtomicU64>),
    Simulated { epoch: Arc<AtomicU64>, start: Instant },
}

impl Clock {
    /// The machine's clock. It may step, in both directions.
    #[must_use]
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until [`Clock::set`] moves it. For tests of pure code.
    #[must_use]
    pub fn fixed(at: Timestamp) -> Self {
        Self(Source::Fixed(Arc::new(AtomicU64::new(at.as_millis()))))
    }

    /// A clock that starts at `epoch` and advances with tokio's time, paused or not. For tests and
    /// simulations.
    #[must_use]
    pub fn simulated(epoch: Timestamp) -> Self {
        Self(Source::Simulated {
            epoch: Arc::new(AtomicU64::new(epoch.as_millis())),
            start: Instant::now(),
        })
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            #[expect(
                clippy::disallowed_methods,
                reason = "this is the one place that asks the machine"
            )]
            Source::System => SystemTime::now().into(),
            Source::Fixed(millis) => Timestamp::from_millis(millis.load(Ordering::Relaxed)),
            Source::Simulated { epoch, start } => {
                Timestamp::from_millis(epoch.load(Ordering::Relaxed)).plus(start.elapsed())
            }
        }
    }

    /// Moves a fixed clock, or has a simulated one go on from there; the machine's goes its own
    /// way.
    pub fn set(&self, to: Timestamp) {
        match &self.0 {
            Source::System => {}
            Source::Fixed(millis) => millis.store(to.as_millis(), Ordering::Relaxed),
            Source::Simulated { epoch, start } => {
                epoch.store(to.minus(start.elapsed()).as_millis(), Ordering::Relaxed)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_simulated_clock_goes_with_tokios_time() {
        let clock = Clock::simulated(Timestamp::from_millis(1000));
        tokio::time::advance(Duration::from_secs(1800)).await;
        assert_eq!(clock.now(), Timestamp::from_millis(1_801_000));
    }

    #[tokio::test(start_paused = true)]
    async fn a_simulated_clock_that_was_set_goes_on_from_there() {
        let clock = Clock::simulated(Timestamp::from_millis(10_000_000));
        tokio::time::advance(Duration::from_secs(60)).await;
        clock.clone().set(Timestamp::from_millis(1_000_000));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(clock.now(), Timestamp::from_millis(1_001_000));
    }

    #[test]
    fn a_fixed_clock_moves_for_all_its_clones() {
        let clock = Clock::fixed(Timestamp::ZERO);
        let other = clock.clone();
        clock.set(Timestamp::from_millis(5));
        assert_eq!(other.now(), Timestamp::from_millis(5));
    }
}
