//! How many notices a person gets: a thousand failures at once must not become a thousand mails.

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

/// So many notices go out one after the other …
const BURST: NonZeroU32 = NonZeroU32::new(30).unwrap();
/// … and after those one in this time.
const SPACING: Duration = Duration::from_secs(10);

/// Lets notices through, and counts those that it does not.
pub(super) struct NoticeRate {
    limiter: RateLimiter<NotKeyed, InMemoryState, OurClock, NoOpMiddleware<Nanos>>,
    withheld: AtomicU64,
}

/// Whether a notice may be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Leave {
    /// It may, and should say that so many were withheld before it.
    Given {
        /// Notices withheld since the last one that was written.
        withheld: u64,
    },
    /// It may not; it has been counted.
    Withheld,
}

impl NoticeRate {
    pub(super) fn new(clock: Clock) -> Self {
        // The burst and the spacing are constants, and not zero; without a quota every notice goes
        // out.
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

    /// How many notices were withheld, if a summary of them may be written now.
    pub(super) fn summary(&self) -> Option<u64> {
        let waiting = self.withheld.load(Ordering::Relaxed) > 0;
        (waiting && self.limiter.check().is_ok()).then(|| self.withheld.swap(0, Ordering::Relaxed))
    }
}

/// governor's own clock does not stop in tests.
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
