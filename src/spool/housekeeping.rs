//! When the thread that keeps house has something to do. Between changes it sleeps.

use std::{
    sync::{
        Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::spool::threads::lock;

/// Tells the thread.
#[derive(Default)]
pub(super) struct Housekeeping {
    /// Something has changed since the thread last looked. It is not under the lock, because every
    /// change asks.
    changed: AtomicBool,
    urgent: AtomicBool,
    closed: Mutex<bool>,
    told: Condvar,
}

/// What the thread finds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Duty {
    /// Something has changed, or time has passed.
    Look,
    /// The spool is being closed.
    End,
}

impl Housekeeping {
    /// Something has changed; the thread looks within its patience.
    pub(super) fn changed(&self) {
        if !self.changed.swap(true, Ordering::Relaxed) {
            self.tell();
        }
    }

    /// The thread is to look at once.
    pub(super) fn hurry(&self) {
        if !self.urgent.swap(true, Ordering::Relaxed) {
            self.tell();
        }
    }

    pub(super) fn close(&self) {
        *lock(&self.closed) = true;
        self.told.notify_all();
    }

    fn tell(&self) {
        // Under the lock: the thread is waiting, or has not looked yet.
        let _closed = lock(&self.closed);
        self.told.notify_all();
    }

    /// Sleeps until something has changed, at most `most`; then until it is urgent, at most
    /// `patience`.
    pub(super) fn wait(&self, patience: Duration, most: Duration) -> Duty {
        let closed = lock(&self.closed);
        let idle = |closed: &mut bool| {
            let told = [&self.changed, &self.urgent].map(|told| told.load(Ordering::Relaxed));
            !*closed && told == [false, false]
        };
        let (closed, _timeout) = self
            .told
            .wait_timeout_while(closed, most, idle)
            .unwrap_or_else(PoisonError::into_inner);
        let calm = |closed: &mut bool| !*closed && !self.urgent.load(Ordering::Relaxed);
        let (closed, _timeout) = self
            .told
            .wait_timeout_while(closed, patience, calm)
            .unwrap_or_else(PoisonError::into_inner);
        self.changed.store(false, Ordering::Relaxed);
        self.urgent.store(false, Ordering::Relaxed);
        if *closed { Duty::End } else { Duty::Look }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn what_is_urgent_is_looked_at_at_once_and_closing_ends_it() {
        let housekeeping = Housekeeping::default();
        housekeeping.changed();
        housekeeping.hurry();
        assert_eq!(housekeeping.wait(LONG, LONG), Duty::Look);
        housekeeping.changed();
        assert_eq!(housekeeping.wait(Duration::ZERO, LONG), Duty::Look);
        housekeeping.close();
        assert_eq!(housekeeping.wait(LONG, LONG), Duty::End);
    }
}
