//! `messages_per_minute`: how often a device may send.

use std::{num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};

use crate::device::stopwatch::Stopwatch;

/// The limit of one device, shared by all its connections.
pub(in crate::device) struct MessageRate(
    RateLimiter<NotKeyed, InMemoryState, Stopwatch, NoOpMiddleware<Duration>>,
);

impl MessageRate {
    /// A whole minute's worth may come at once, since devices send what has piled up.
    pub(in crate::device) fn per_minute(messages: NonZeroU32) -> Self {
        Self(RateLimiter::direct_with_clock(Quota::per_minute(messages), Stopwatch::start()))
    }

    /// Counts one message; false when it exceeds the limit.
    pub(in crate::device) fn admit(&self) -> bool {
        self.0.check().is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
