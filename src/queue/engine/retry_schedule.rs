//! When a recipient is tried again, when we give up, and when people are told of a delay. Pure.

use std::time::Duration;

use crate::{model::Timestamp, queue::RetrySettings};

/// What follows a failed attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::queue) enum Next {
    /// Another attempt, not before this time.
    Due(Timestamp),
    /// The give-up time has passed.
    GiveUp,
}

impl RetrySettings {
    /// The wait after this number of attempts. It is never under [`RetrySettings::FLOOR`], whatever
    /// the config says.
    #[must_use]
    pub fn spacing_after(&self, attempts: u32) -> Duration {
        let index = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
        let spacing =
            self.spacing.get(index).or(self.spacing.last()).copied().unwrap_or(Self::FLOOR);
        spacing.max(Self::FLOOR)
    }

    /// What follows failed attempt number `attempts`, which ended at `now`, for a message received
    /// at `received`.
    ///
    /// RFC 5321 4.5.4.1: an attempt must fall on the give-up time, which must not pass between two
    /// of them. So the last attempt is made at that time, and a message that waited longer for its
    /// account is still tried once.
    pub(in crate::queue) fn after_failure(
        &self,
        received: Timestamp,
        attempts: u32,
        now: Timestamp,
    ) -> Next {
        if self.is_up(received, now) {
            return Next::GiveUp;
        }
        let due = now.plus(self.spacing_after(attempts)).min(received.plus(self.give_up_after));
        Next::Due(due.max(now.plus(Self::FLOOR)))
    }

    /// Whether the give-up time of a message has passed: the next attempt that fails is the last.
    pub(in crate::queue) fn is_up(&self, received: Timestamp, now: Timestamp) -> bool {
        now >= received.plus(self.give_up_after)
    }

    /// Whether the delay notice for the message is due.
    pub(in crate::queue) fn is_late(&self, received: Timestamp, now: Timestamp) -> bool {
        now >= received.plus(self.delay_notice_after)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;

    fn plan() -> RetrySettings {
        RetrySettings {
            spacing: [30 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR]
                .map(Duration::from_secs)
                .into(),
            give_up_after: Duration::from_secs(120 * HOUR),
            delay_notice_after: Duration::from_secs(4 * HOUR),
        }
    }

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_millis(1_763_900_000_000).plus(Duration::from_secs(secs))
    }

    fn check(attempts: u32, now: u64, next: Next) {
        assert_eq!(
            plan().after_failure(at(0), attempts, at(now)),
            next,
            "attempt {attempts} failed at {now} s"
        );
    }

    #[test]
    fn the_spacing_follows_the_list_and_its_last_repeats() {
        check(1, 10, Next::Due(at(10 + 30 * MINUTE)));
        check(2, 2000, Next::Due(at(2000 + 30 * MINUTE)));
        check(3, 4000, Next::Due(at(4000 + HOUR)));
        check(5, 9000, Next::Due(at(9000 + 4 * HOUR)));
        check(99, 9000, Next::Due(at(9000 + 4 * HOUR)));
    }

    #[test]
    fn the_last_attempt_is_made_when_the_time_is_up_and_not_before() {
        check(30, 119 * HOUR, Next::Due(at(120 * HOUR)));
        check(30, 120 * HOUR - 60, Next::Due(at(120 * HOUR - 60 + 30 * MINUTE)));
        check(31, 120 * HOUR, Next::GiveUp);
    }

    #[test]
    fn a_plan_without_spacing_or_with_a_short_one_keeps_the_floor() {
        for spacing in [vec![], vec![Duration::from_secs(1)]] {
            let plan = RetrySettings { spacing, ..plan() };
            assert_eq!(plan.spacing_after(1), RetrySettings::FLOOR);
        }
    }

    #[test]
    fn people_are_told_after_four_hours() {
        assert!(!plan().is_late(at(0), at(4 * HOUR - 1)));
        assert!(plan().is_late(at(0), at(4 * HOUR)));
    }

    proptest! {
        #[test]
        fn no_attempt_is_ever_planned_within_thirty_minutes(
            spacing in proptest::collection::vec(0u64..100_000, 0..6), give_up in 0u64..1_000_000, attempts in 0u32..50, now in 0u64..1_000_000,
        ) {
            let plan = RetrySettings {
                spacing: spacing.into_iter().map(Duration::from_secs).collect(),
                give_up_after: Duration::from_secs(give_up),
                ..plan()
            };
            match plan.after_failure(at(0), attempts, at(now)) {
                Next::Due(due) => prop_assert!(due >= at(now).plus(RetrySettings::FLOOR)),
                Next::GiveUp => prop_assert!(now >= give_up),
            }
        }
    }
}
