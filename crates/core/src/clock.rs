//! The time, as an argument.
//!
//! A [`Clock`] tells two times. [`Clock::now`] is the time of day, which people read and which
//! anybody may set. [`Clock::steady`] never steps: what waits, or is counted in a window, is stored
//! by it. Both come from a [`TimeSource`]: the machine and the simulation live outside this crate.
//!
//! The steady time begins as the time of day of the very first start. Later processes continue it
//! from an [`Anchor`]. It never runs ahead of true time. It stands still while the machine is off,
//! because only the wall clock then measures the time, and that may be wrong.

use std::{
    fmt::Debug,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::model::Timestamp;

/// Where the time comes from.
pub trait TimeSource: Debug + Send + Sync {
    /// The current time. It may step in both directions.
    fn now(&self) -> Timestamp;

    /// The time since the machine was started. It never steps, and counts while the machine sleeps.
    fn since_boot(&self) -> Duration;

    /// Names the start of the machine that [`TimeSource::since_boot`] counts from; `None` when that
    /// is not known.
    fn boot(&self) -> Option<String>;

    /// Sets the time, where the source can be set. The machine's clock ignores this.
    fn set(&self, _to: Timestamp) {}
}

/// Tells the time. Cheap to clone; all clones share one source.
#[derive(Clone, Debug)]
pub struct Clock {
    source: Arc<dyn TimeSource>,
    /// The steady time at the start of the machine, in milliseconds.
    at_boot: Arc<AtomicU64>,
}

/// A moment of the steady time, from which a later process continues it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Anchor {
    /// The start of the machine, as in [`TimeSource::boot`].
    boot: Option<String>,
    /// The milliseconds since then.
    since_boot: u64,
    /// The steady time.
    steady: Timestamp,
}

impl Clock {
    /// A clock that reads a source.
    #[must_use]
    pub fn new(source: impl TimeSource + 'static) -> Self {
        Self::over(Arc::new(source))
    }

    /// A clock that reads a source which others use as well.
    #[must_use]
    pub fn over(source: Arc<dyn TimeSource>) -> Self {
        let at_boot = source.now().minus(source.since_boot()).as_millis();
        Self { source, at_boot: Arc::new(AtomicU64::new(at_boot)) }
    }

    /// A clock that stands still until [`Clock::set`] moves it. For tests of pure code.
    #[must_use]
    pub fn fixed(at: Timestamp) -> Self {
        Self::new(Fixed(AtomicU64::new(at.as_millis())))
    }

    /// The current time of day. It may step in both directions.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.source.now()
    }

    /// The current steady time. It never steps.
    #[must_use]
    pub fn steady(&self) -> Timestamp {
        Timestamp::from_millis(self.at_boot.load(Ordering::Relaxed)).plus(self.source.since_boot())
    }

    /// The time of day at a moment of the steady time, as the clock is set now.
    #[must_use]
    pub fn time_of_day(&self, steady: Timestamp) -> Timestamp {
        let (from, now) = (self.steady(), self.now());
        if steady >= from { now.plus(steady.since(from)) } else { now.minus(from.since(steady)) }
    }

    /// The present moment, for [`Clock::resume`] in a later process.
    #[must_use]
    pub fn anchor(&self) -> Anchor {
        Anchor {
            boot: self.source.boot(),
            since_boot: millis(self.source.since_boot()),
            steady: self.steady(),
        }
    }

    /// Continues the steady time of an earlier process. Within one start of the machine this is
    /// exact. After another start, the time that the machine was off is unknown and counts as
    /// nothing.
    pub fn resume(&self, anchor: &Anchor) {
        let now = millis(self.source.since_boot());
        let boot = self.source.boot();
        let passed = match (&anchor.boot, &boot) {
            (Some(then), Some(now_boot)) if then == now_boot => {
                now.saturating_sub(anchor.since_boot)
            }
            (Some(_), Some(_)) => now,
            (None, _) | (_, None) => 0,
        };
        let steady = anchor.steady.plus(Duration::from_millis(passed));
        let at_boot = steady.minus(Duration::from_millis(now)).as_millis();
        self.at_boot.store(at_boot, Ordering::Relaxed);
    }

    /// Sets a fixed or simulated clock. The machine's clock stays as it is.
    pub fn set(&self, to: Timestamp) {
        self.source.set(to);
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// A source that stands still, in milliseconds since the epoch.
#[derive(Debug)]
struct Fixed(AtomicU64);

impl TimeSource for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }

    /// To set it is to let time pass.
    fn since_boot(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }

    fn boot(&self) -> Option<String> {
        Some("fixed".to_owned())
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

    /// A machine whose times are all given.
    #[derive(Clone, Copy, Debug)]
    struct Machine {
        now: u64,
        since_boot: u64,
        boot: Option<&'static str>,
    }

    impl TimeSource for Machine {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.now)
        }

        fn since_boot(&self) -> Duration {
            Duration::from_millis(self.since_boot)
        }

        fn boot(&self) -> Option<String> {
            self.boot.map(str::to_owned)
        }
    }

    /// The steady time of a process that continues from an anchor made at 1000, 300 ms after the
    /// start of the machine.
    #[track_caller]
    fn check(then: Option<&'static str>, later: Machine, steady: u64) {
        let before = Clock::new(Machine { now: 1000, since_boot: 300, boot: then });
        let clock = Clock::new(later);
        clock.resume(&before.anchor());
        assert_eq!(clock.steady(), Timestamp::from_millis(steady), "{later:?}");
    }

    #[test]
    fn the_steady_time_goes_on_within_one_start_of_the_machine_whatever_the_wall_clock_says() {
        for now in [0, 1050, 90_000_000] {
            check(Some("a"), Machine { now, since_boot: 350, boot: Some("a") }, 1050);
        }
    }

    #[test]
    fn the_time_that_the_machine_was_off_counts_as_nothing() {
        for now in [0, 1050, 90_000_000] {
            check(Some("a"), Machine { now, since_boot: 20, boot: Some("b") }, 1020);
        }
    }

    #[test]
    fn a_machine_whose_starts_have_no_names_continues_where_the_last_process_ended() {
        check(None, Machine { now: 90_000_000, since_boot: 20, boot: Some("b") }, 1000);
        check(Some("a"), Machine { now: 0, since_boot: 700, boot: None }, 1000);
    }

    #[test]
    fn a_moment_is_told_by_the_clock_as_it_is_set_now() {
        let clock = Clock::new(Machine { now: 90_000_000, since_boot: 20, boot: Some("b") });
        let before = Clock::new(Machine { now: 1000, since_boot: 300, boot: Some("a") });
        clock.resume(&before.anchor());
        let told = |steady| clock.time_of_day(Timestamp::from_millis(steady)).as_millis();
        assert_eq!((told(1020), told(2020), told(20)), (90_000_000, 90_001_000, 89_999_000));
    }
}
