//! The time of day, as an argument.
//!
//! Everything that stores or compares wall-clock time takes a [`Clock`]. Where the time comes from
//! is a [`TimeSource`]: the machine's clock and the simulated one live outside this crate.

use std::{
    fmt::Debug,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::model::Timestamp;

/// Where the time comes from.
pub trait TimeSource: Debug + Send + Sync {
    /// The current time. It may step in both directions.
    fn now(&self) -> Timestamp;

    /// Sets the time, where the source can be set. The machine's clock ignores this.
    fn set(&self, _to: Timestamp) {}
}

/// Tells the time. Cheap to clone; all clones share one source.
#[derive(Clone, Debug)]
pub struct Clock(Arc<dyn TimeSource>);

impl Clock {
    /// A clock that reads a source.
    #[must_use]
    pub fn new(source: impl TimeSource + 'static) -> Self {
        Self(Arc::new(source))
    }

    /// A clock that stands still until [`Clock::set`] moves it. For tests of pure code.
    #[must_use]
    pub fn fixed(at: Timestamp) -> Self {
        Self::new(Fixed(AtomicU64::new(at.as_millis())))
    }

    /// The current time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.now()
    }

    /// Sets a fixed or simulated clock. The machine's clock stays as it is.
    pub fn set(&self, to: Timestamp) {
        self.0.set(to);
    }
}

/// A source that stands still, in milliseconds since the epoch.
#[derive(Debug)]
struct Fixed(AtomicU64);

impl TimeSource for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }

    fn set(&self, to: Timestamp) {
        self.0.store(to.as_millis(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_clock_moves_for_all_its_clones() {
        let clock = Clock::fixed(Timestamp::ZERO);
        let other = clock.clone();
        clock.set(Timestamp::from_millis(5));
        assert_eq!(other.now(), Timestamp::from_millis(5));
    }
}
