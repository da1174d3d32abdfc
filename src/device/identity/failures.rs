//! Counts failed logins within bounds, and locks whoever fails too often for a while.

use std::{
    collections::HashMap,
    hash::Hash,
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use governor::{
    Quota, RateLimiter, clock::Clock as GovernorClock, middleware::NoOpMiddleware,
    state::keyed::DashMapStateStore,
};

use crate::device::stopwatch::Stopwatch;

/// How many failures in a row are tolerated, and how fast they are forgotten.
#[derive(Clone, Copy, Debug)]
pub(in crate::device) struct Tolerance {
    pub(in crate::device) burst: NonZeroU32,
    pub(in crate::device) forget_one_in: Duration,
}

/// The failed logins of each key. A key that fails too often is locked until the limiter would
/// let it fail again.
pub(in crate::device) struct Failures<K: Hash + Eq + Clone> {
    limiter: RateLimiter<K, DashMapStateStore<K>, Stopwatch, NoOpMiddleware<Duration>>,
    book: Mutex<Book<K>>,
    stopwatch: Stopwatch,
}

struct Book<K> {
    locked: HashMap<K, Duration>,
    until_tidy: usize,
}

/// The maximum number of keys remembered. Beyond it, failures of new keys are not counted until old
/// keys are forgotten: counting does not stop an attacker with ten thousand networks, and the other
/// key (user or address) still counts.
const KEYS_LIMIT: usize = 10_000;
/// The number of failures after which the memory of forgotten keys is freed.
const TIDY_EVERY: usize = 1_000;

impl<K: Hash + Eq + Clone> Failures<K> {
    pub(in crate::device) fn new(tolerance: Tolerance) -> Self {
        let stopwatch = Stopwatch::start();
        let quota = Quota::with_period(tolerance.forget_one_in)
            .unwrap_or(Quota::per_minute(tolerance.burst));
        let limiter = RateLimiter::new(
            quota.allow_burst(tolerance.burst),
            DashMapStateStore::default(),
            stopwatch,
        );
        Self {
            limiter,
            book: Mutex::new(Book { locked: HashMap::new(), until_tidy: TIDY_EVERY }),
            stopwatch,
        }
    }

    /// Whether the key must wait.
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

    const TWO: Tolerance =
        Tolerance { burst: NonZeroU32::new(2).unwrap(), forget_one_in: Duration::from_secs(30) };

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
}
