//! How often: governor on tokio's time, and failed logins counted within bounds.

use std::{
    collections::HashMap,
    hash::Hash,
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::Clock as GovernorClock,
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed, keyed::DashMapStateStore},
};
use tokio::time::Instant;

/// Governor's clock, on tokio's time, which tests can pause.
#[derive(Clone, Copy, Debug)]
pub(in crate::device) struct Stopwatch(Instant);

impl Stopwatch {
    pub(in crate::device) fn start() -> Self {
        Self(Instant::now())
    }
}

impl GovernorClock for Stopwatch {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

/// `messages_per_minute` of one device, shared by all its connections.
pub(in crate::device) struct MessageRate(
    RateLimiter<NotKeyed, InMemoryState, Stopwatch, NoOpMiddleware<Duration>>,
);

impl MessageRate {
    /// A whole minute's worth may come at once: devices send what has piled up.
    pub(in crate::device) fn per_minute(messages: NonZeroU32) -> Self {
        Self(RateLimiter::direct_with_clock(Quota::per_minute(messages), Stopwatch::start()))
    }

    /// Counts one message; false when it is one too many.
    pub(in crate::device) fn admit(&self) -> bool {
        self.0.check().is_ok()
    }
}

/// How many failures in a row are forgiven, and how fast they are forgotten.
#[derive(Clone, Copy, Debug)]
pub(in crate::device) struct Patience {
    pub(in crate::device) burst: NonZeroU32,
    pub(in crate::device) forget_one_in: Duration,
}

/// Failed logins of each key. A key that fails too often is locked until governor would let it fail
/// again.
pub(in crate::device) struct Failures<K: Hash + Eq + Clone> {
    limiter: RateLimiter<K, DashMapStateStore<K>, Stopwatch, NoOpMiddleware<Duration>>,
    book: Mutex<Book<K>>,
    stopwatch: Stopwatch,
}

struct Book<K> {
    locked: HashMap<K, Duration>,
    until_tidy: usize,
}

/// Most keys remembered. Beyond it, new failures go uncounted until old ones are forgotten: whoever
/// fails from ten thousand networks is not stopped by counting them, and the other key (user or
/// address) still counts.
const KEYS_LIMIT: usize = 10_000;
/// Failures after which what is forgotten is also freed.
const TIDY_EVERY: usize = 1_000;

impl<K: Hash + Eq + Clone> Failures<K> {
    pub(in crate::device) fn new(patience: Patience) -> Self {
        let stopwatch = Stopwatch::start();
        let quota =
            Quota::with_period(patience.forget_one_in).unwrap_or(Quota::per_minute(patience.burst));
        let limiter = RateLimiter::new(
            quota.allow_burst(patience.burst),
            DashMapStateStore::default(),
            stopwatch,
        );
        Self {
            limiter,
            book: Mutex::new(Book { locked: HashMap::new(), until_tidy: TIDY_EVERY }),
            stopwatch,
        }
    }

    /// True while the key has to wait.
    pub(in crate::device) fn is_locked(&self, key: &K) -> bool {
        let book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        book.locked.get(key).is_some_and(|until| *until > self.stopwatch.now())
    }

    /// Counts one failure.
    pub(in crate::device) fn record(&self, key: &K) {
        let now = self.stopwatch.now();
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        book.until_tidy = book.until_tidy.saturating_sub(1);
        if book.until_tidy == 0 {
            book.until_tidy = TIDY_EVERY;
            book.locked.retain(|_, until| *until > now);
            book.locked.shrink_to_fit();
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
        if self.limiter.len() >= KEYS_LIMIT {
            return;
        }
        if let Err(not_until) = self.limiter.check_key(key) {
            book.locked.insert(key.clone(), not_until.earliest_possible());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: Patience =
        Patience { burst: NonZeroU32::new(2).unwrap(), forget_one_in: Duration::from_secs(30) };

    #[tokio::test(start_paused = true)]
    async fn a_key_that_fails_too_often_is_locked_for_a_while_and_others_are_not() {
        let failures = Failures::new(TWO);
        for _ in 0..3 {
            assert!(!failures.is_locked(&"scan"));
            failures.record(&"scan");
        }
        assert!(failures.is_locked(&"scan"));
        assert!(!failures.is_locked(&"other"));
        tokio::time::advance(Duration::from_secs(31)).await;
        assert!(!failures.is_locked(&"scan"));
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_keys_are_kept_than_the_bound_says_and_forgotten_ones_make_room() {
        let failures = Failures::new(TWO);
        for key in 0..KEYS_LIMIT * 2 {
            failures.record(&key);
        }
        assert!(failures.limiter.len() <= KEYS_LIMIT);
        tokio::time::advance(Duration::from_secs(3600)).await;
        for _ in 0..TIDY_EVERY {
            failures.record(&usize::MAX);
        }
        assert_eq!(failures.limiter.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_minutes_worth_may_come_at_once_and_no_more() {
        let rate = MessageRate::per_minute(NonZeroU32::new(3).unwrap());
        let admitted = (0..5).filter(|_| rate.admit()).count();
        assert_eq!(admitted, 3);
        tokio::time::advance(Duration::from_secs(21)).await;
        assert!(rate.admit());
        assert!(!rate.admit());
    }
}
