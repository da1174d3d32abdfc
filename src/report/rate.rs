//! Limits the number of notices, so that a thousand failures at once do not cause a thousand mails.

use std::{
    num::NonZeroU32,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use governor::{
    Quota, RateLimiter, clock,
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{InMemoryState, NotKeyed},
};

use crate::clock::Clock;

/// The number of notices that may be sent in a row.
const BURST: NonZeroU32 = NonZeroU32::new(30).unwrap();
/// After those, the time between two notices.
const SPACING: Duration = Duration::from_secs(10);

/// Permits or withholds notices, and counts those that it withholds.
pub(super) struct NoticeRate {
    limiter: RateLimiter<NotKeyed, InMemoryState, OurClock, NoOpMiddleware<Nanos>>,
    withheld: AtomicU64,
}

/// The permission to write a notice, or its refusal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Leave {
    /// The notice may be written. It should mention the notices withheld before it.
    Given {
        /// The number of notices withheld since the last one that was written.
        withheld: u64,
    },
    /// The notice must not be written. It was counted.
    Withheld,
}

impl NoticeRate {
    pub(super) fn new(clock: Clock) -> Self {
        // Both constants are positive, so the fallback quota is never used.
        let quota =
            Quota::with_period(SPACING).unwrap_or(Quota::per_second(BURST)).allow_burst(BURST);
        Self {
            limiter: RateLimiter::direct_with_clock(quota, OurClock(clock)),
            withheld: AtomicU64::new(0),
        }
    }

    pub(super) fn ask(&self) -> Leave {
        if self.limiter.check().is_ok() {
            Leave::Given { withheld: self.withheld.swap(0, Ordering::Relaxed) }
        } else {
            self.withheld.fetch_add(1, Ordering::Relaxed);
            Leave::Withheld
        }
    }

    /// Returns the number of withheld notices if a summary may be written now.
    pub(super) fn summary(&self) -> Option<u64> {
        let waiting = self.withheld.load(Ordering::Relaxed) > 0;
        (waiting && self.limiter.check().is_ok()).then(|| self.withheld.swap(0, Ordering::Relaxed))
    }
}

/// Adapts our clock for governor, whose own clock cannot be controlled in tests.
#[derive(Clone)]
struct OurClock(Clock);

impl clock::Clock for OurClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::from(self.0.now().as_millis().saturating_mul(1_000_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    #[test]
    fn a_flood_of_failures_becomes_few_notices_and_the_next_tells_of_the_rest() {
        let clock = Clock::fixed(Timestamp::from_millis(1_763_900_000_000));
        let rate = NoticeRate::new(clock.clone());
        let given = (0..1000).filter(|_| rate.ask() != Leave::Withheld).count();
        assert_eq!(given, 30);
        assert_eq!(rate.summary(), None, "not yet");
        clock.set(clock.now().plus(SPACING));
        assert_eq!(rate.ask(), Leave::Given { withheld: 970 });
        clock.set(clock.now().plus(SPACING));
        assert_eq!(rate.summary(), None, "nothing is left to tell");
    }
}
