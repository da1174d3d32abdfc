//! Exact sliding windows: the weight of the events in the last period, and the peak. The judge
//! needs exact numbers.

use std::{collections::VecDeque, time::Duration};

use postroom_core::model::Timestamp;

/// The maximum number of events kept. A mailbox within its limits has at most 10,000 a day; one far
/// above them has been judged long before.
const EVENT_LIMIT: usize = 1_000_000;

/// A sliding window over weighted events.
#[derive(Debug)]
pub(crate) struct Window {
    span: Duration,
    events: VecDeque<(Timestamp, u64)>,
    sum: u64,
    peak: u64,
}

impl Window {
    pub(crate) const fn new(span: Duration) -> Self {
        Self { span, events: VecDeque::new(), sum: 0, peak: 0 }
    }

    /// Adds an event and returns the weight of the window that ends with it. The peak of all
    /// windows is the largest of these weights, because the fullest window can always be moved so
    /// that it ends with an event.
    pub(crate) fn add(&mut self, at: Timestamp, weight: u64) -> u64 {
        self.forget(at);
        self.events.push_back((at, weight));
        self.sum = self.sum.saturating_add(weight);
        if self.events.len() > EVENT_LIMIT {
            self.drop_oldest();
        }
        self.peak = self.peak.max(self.sum);
        self.sum
    }

    /// The weight at `now`. An event exactly one span old is outside the window.
    pub(crate) fn sum(&mut self, now: Timestamp) -> u64 {
        self.forget(now);
        self.sum
    }

    /// The highest weight that any window of this span had.
    pub(crate) const fn peak(&self) -> u64 {
        self.peak
    }

    fn forget(&mut self, now: Timestamp) {
        while self.events.front().is_some_and(|(at, _)| now.since(*at) >= self.span) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some((_, weight)) = self.events.pop_front() {
            self.sum = self.sum.saturating_sub(weight);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_event_leaves_exactly_one_span_after_it_came() {
        let mut window = Window::new(Duration::from_secs(60));
        let at = Timestamp::from_millis;
        assert_eq!(window.add(at(0), 3), 3);
        assert_eq!(window.add(at(59_999), 4), 7);
        assert_eq!(window.add(at(60_000), 1), 5);
        assert_eq!((window.sum(at(119_999)), window.peak()), (1, 7));
    }

    proptest! {
        #[test]
        fn the_peak_is_that_of_counting_every_window(
            gaps in prop::collection::vec((0_u64..40, 1_u64..5), 1..60),
        ) {
            let mut window = Window::new(Duration::from_millis(100));
            let mut now = 0;
            let mut events = Vec::new();
            for (gap, weight) in gaps {
                now += gap;
                events.push((now, weight));
                window.add(Timestamp::from_millis(now), weight);
            }
            let weight = |end: u64| {
                let inside = events.iter().filter(|(at, _)| *at <= end && at + 100 > end);
                inside.map(|(_, weight)| weight).sum::<u64>()
            };
            let most = (0..=now).map(weight).max();
            prop_assert_eq!(Some(window.peak()), most);
        }
    }
}
