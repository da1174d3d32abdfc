//! Batches: a number of messages in one go, then a rest. Pure.

use std::time::Duration;

use crate::{model::Timestamp, queue::BatchSettings};

/// The progress of the current batch. It is kept only in memory: a restart counts as a rest.
#[derive(Clone, Debug)]
pub(in crate::queue) struct Batch {
    messages: u32,
    interval: Duration,
    begun: u32,
    under_way: u32,
    last_end: Timestamp,
}

impl Batch {
    pub(in crate::queue) const fn new(settings: &BatchSettings) -> Self {
        Self {
            messages: settings.messages,
            interval: settings.interval,
            begun: 0,
            under_way: 0,
            last_end: Timestamp::ZERO,
        }
    }

    /// The number of messages in a batch.
    pub(in crate::queue) const fn size(&self) -> u32 {
        self.messages
    }

    /// Applies other settings. A batch or a rest that has begun continues under them. If there were
    /// no batches before, one begins with the messages under way.
    pub(in crate::queue) fn retune(&mut self, settings: &BatchSettings) {
        self.begun = match (self.interval.is_zero(), self.begun >= self.messages) {
            (true, _) => self.under_way,
            (false, true) => self.begun.max(settings.messages),
            (false, false) => self.begun,
        };
        (self.messages, self.interval) = (settings.messages, settings.interval);
    }

    /// When the next message may begin; `None` while the last messages of a full batch are under
    /// way.
    pub(in crate::queue) fn free_at(&self, now: Timestamp) -> Option<Timestamp> {
        if self.interval.is_zero() || self.begun < self.messages {
            return Some(now);
        }
        (self.under_way == 0).then(|| self.rested_at())
    }

    /// Begins a message. After a pause as long as the rest, it begins a new batch.
    pub(in crate::queue) fn begin(&mut self, now: Timestamp) {
        if self.under_way == 0 && now >= self.rested_at() {
            self.begun = 0;
        }
        self.begun = self.begun.saturating_add(1);
        self.under_way = self.under_way.saturating_add(1);
    }

    /// Ends the transaction of a message.
    pub(in crate::queue) fn end(&mut self, now: Timestamp) {
        self.under_way = self.under_way.saturating_sub(1);
        self.last_end = self.last_end.max(now);
    }

    /// Undoes a message that was begun but never sent.
    pub(in crate::queue) fn undo(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
        self.begun = self.begun.saturating_sub(1);
    }

    fn rested_at(&self) -> Timestamp {
        self.last_end.plus(self.interval)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::Split;

    fn batch(messages: u32, interval: u64) -> Batch {
        Batch::new(&BatchSettings {
            messages,
            interval: Duration::from_secs(interval),
            split: Split::Never,
        })
    }

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_millis(1_763_900_000_000).plus(Duration::from_secs(secs))
    }

    #[test]
    fn a_full_batch_rests_from_the_end_of_its_last_message() {
        let mut batch = batch(2, 60);
        batch.begin(at(0));
        batch.begin(at(1));
        assert_eq!(batch.free_at(at(1)), None);
        batch.end(at(5));
        assert_eq!(batch.free_at(at(5)), None);
        batch.end(at(9));
        assert_eq!(batch.free_at(at(9)), Some(at(69)));
        batch.begin(at(69));
        assert_eq!(batch.free_at(at(69)), Some(at(69)), "the new batch has room for one more");
    }

    #[test]
    fn a_quiet_spell_counts_as_the_rest() {
        let mut batch = batch(2, 60);
        batch.begin(at(0));
        batch.end(at(1));
        batch.begin(at(100));
        batch.end(at(101));
        assert_eq!(batch.free_at(at(101)), Some(at(101)));
    }

    #[test]
    fn without_an_interval_there_are_no_batches() {
        let mut batch = batch(1, 0);
        for second in 0..100 {
            assert_eq!(batch.free_at(at(second)), Some(at(second)));
            batch.begin(at(second));
        }
    }

    #[test]
    fn other_settings_count_from_now_on() {
        let settings = |messages, interval| BatchSettings {
            messages,
            interval: Duration::from_secs(interval),
            split: Split::Never,
        };
        let mut batch = batch(1, 0);
        for second in 0..100 {
            batch.begin(at(second));
            batch.end(at(second));
        }
        batch.retune(&settings(2, 60));
        assert_eq!(batch.free_at(at(100)), Some(at(100)), "what went before is no batch");
        batch.begin(at(100));
        batch.begin(at(100));
        batch.end(at(101));
        batch.end(at(101));
        assert_eq!(batch.free_at(at(101)), Some(at(161)));
        batch.retune(&settings(5, 20));
        assert_eq!(
            batch.free_at(at(101)),
            Some(at(121)),
            "the rest goes on, as long as it lasts now"
        );
        batch.retune(&settings(5, 0));
        assert_eq!(batch.free_at(at(101)), Some(at(101)));
    }

    #[test]
    fn a_message_that_was_never_sent_does_not_count() {
        let mut batch = batch(1, 60);
        batch.begin(at(0));
        batch.undo();
        assert_eq!(batch.free_at(at(1)), Some(at(1)));
    }
}
