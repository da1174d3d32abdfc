//! Where callers that want the same costly thing meet: one thread takes all who wait, and serves
//! them together.

use std::{
    sync::{Condvar, Mutex, PoisonError},
    time::Duration,
};

use crate::spool::threads::lock;

/// Those who wait. Bounded by its users: each caller waits in it once.
pub(super) struct BatchQueue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    waiting: Vec<T>,
    closed: bool,
}

/// What the serving thread finds.
pub(super) enum Taken<T> {
    /// At least one.
    Some(Vec<T>),
    /// Nobody came in time.
    Nobody,
    /// Nobody waits, and nobody will come any more.
    Closed,
}

impl<T> Default for BatchQueue<T> {
    fn default() -> Self {
        Self {
            state: Mutex::new(State { waiting: Vec::new(), closed: false }),
            changed: Condvar::new(),
        }
    }
}

impl<T> BatchQueue<T> {
    /// Joins those who wait; gives the caller back when the queue is closed.
    pub(super) fn join(&self, one: T) -> Result<(), T> {
        let mut state = lock(&self.state);
        if state.closed {
            return Err(one);
        }
        state.waiting.push(one);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// Lets nobody in any more. Those who wait are still served.
    pub(super) fn close(&self) {
        lock(&self.state).closed = true;
        self.changed.notify_all();
    }

    /// Takes all who wait; when nobody does, waits for the first.
    pub(super) fn take(&self, patience: Duration) -> Taken<T> {
        let state = lock(&self.state);
        let idle = |state: &mut State<T>| state.waiting.is_empty() && !state.closed;
        let (mut state, _timeout) = self
            .changed
            .wait_timeout_while(state, patience, idle)
            .unwrap_or_else(PoisonError::into_inner);
        let waiting = std::mem::take(&mut state.waiting);
        match (waiting.is_empty(), state.closed) {
            (false, _either) => Taken::Some(waiting),
            (true, true) => Taken::Closed,
            (true, false) => Taken::Nobody,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_who_wait_are_taken_together_and_nobody_is_lost_at_closing() {
        let queue = BatchQueue::default();
        assert!(matches!(queue.take(Duration::ZERO), Taken::Nobody));
        queue.join(1).unwrap();
        queue.join(2).unwrap();
        queue.close();
        assert_eq!(queue.join(3), Err(3));
        assert!(matches!(queue.take(Duration::ZERO), Taken::Some(both) if both == [1, 2]));
        assert!(matches!(queue.take(Duration::MAX), Taken::Closed));
    }
}
