//! The number of connections an account uses. It is reduced for a while when the server says that
//! there are too many. Pure.

use std::time::Duration;

use crate::model::Timestamp;

/// One more connection is allowed after this time without a complaint.
const REGAIN: Duration = Duration::from_secs(10 * 60);
/// Complaints within this time count as one: parallel connections get the same complaint.
const TOGETHER: Duration = Duration::from_secs(60);

/// The limit of parallel connections.
#[derive(Clone, Debug)]
pub(in crate::queue) struct ConcurrencyLimit {
    most: usize,
    narrowed: Option<(usize, Timestamp)>,
}

impl ConcurrencyLimit {
    pub(in crate::queue) fn new(most: usize) -> Self {
        Self { most: most.max(1), narrowed: None }
    }

    /// Applies another limit.
    pub(in crate::queue) fn limit(&mut self, most: usize) {
        self.most = most.max(1);
    }

    pub(in crate::queue) fn at(&self, now: Timestamp) -> usize {
        let Some((width, since)) = self.narrowed else {
            return self.most;
        };
        let regained = now.since(since).as_secs() / REGAIN.as_secs();
        width.saturating_add(usize::try_from(regained).unwrap_or(usize::MAX)).min(self.most)
    }

    /// When one more connection is allowed again; `None` when all are allowed.
    pub(in crate::queue) fn widens_at(&self, now: Timestamp) -> Option<Timestamp> {
        let (_, since) = self.narrowed.filter(|_| self.at(now) < self.most)?;
        let regained = now.since(since).as_secs() / REGAIN.as_secs();
        Some(since.plus(
            REGAIN.saturating_mul(u32::try_from(regained.saturating_add(1)).unwrap_or(u32::MAX)),
        ))
    }

    /// Lowers the limit to what the server bears: it refused one more while these were open.
    pub(in crate::queue) fn fit(&mut self, open: usize, now: Timestamp) {
        self.narrowed = Some((open.clamp(1, self.at(now)), now));
    }

    /// Lowers the limit after the server said that there are too many connections.
    pub(in crate::queue) fn narrow(&mut self, now: Timestamp) {
        let heard = self.narrowed.is_some_and(|(_, since)| now.since(since) < TOGETHER);
        if !heard {
            self.narrowed = Some((self.at(now).saturating_sub(1).max(1), now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::fixture::at;

    #[test]
    fn a_complaint_costs_one_connection_and_time_brings_it_back() {
        let mut width = ConcurrencyLimit::new(3);
        width.narrow(at(0));
        width.narrow(at(5));
        assert_eq!((width.at(at(5)), width.widens_at(at(5))), (2, Some(at(600))));
        width.narrow(at(100));
        width.narrow(at(200));
        assert_eq!(width.at(at(200)), 1, "never none");
        assert_eq!([799, 800, 1400, 9999].map(|secs| width.at(at(secs))), [1, 2, 3, 3]);
        assert_eq!(width.widens_at(at(1400)), None);
    }
}
