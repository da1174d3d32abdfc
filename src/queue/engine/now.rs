//! The present moment, by both clocks.

use std::time::Duration;

use crate::model::Timestamp;

/// The time of day, which people read, and the steady time, by which everything is planned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::queue) struct Now {
    pub(in crate::queue) wall: Timestamp,
    pub(in crate::queue) steady: Timestamp,
}

impl Now {
    /// The same time for both clocks.
    #[cfg(test)]
    pub(in crate::queue) const fn both(at: Timestamp) -> Self {
        Self { wall: at, steady: at }
    }

    /// The time after a duration.
    pub(in crate::queue) fn plus(self, span: Duration) -> Self {
        Self { wall: self.wall.plus(span), steady: self.steady.plus(span) }
    }
}
