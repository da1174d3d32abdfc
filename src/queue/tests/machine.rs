//! A machine whose clocks move only when a test says so.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{clock::TimeSource, model::Timestamp};

/// All times are in milliseconds.
#[derive(Debug)]
pub(in crate::queue) struct Machine {
    wall: AtomicU64,
    since_boot: AtomicU64,
    boots: AtomicU64,
}

impl Machine {
    /// A machine that was started an hour ago.
    pub(in crate::queue) fn new(wall: Timestamp) -> Arc<Self> {
        Arc::new(Self {
            wall: AtomicU64::new(wall.as_millis()),
            since_boot: AtomicU64::new(3_600_000),
            boots: AtomicU64::new(1),
        })
    }

    /// Lets time pass.
    pub(in crate::queue) fn pass(&self, span: Duration) {
        let millis = u64::try_from(span.as_millis()).unwrap();
        self.wall.fetch_add(millis, Ordering::Relaxed);
        self.since_boot.fetch_add(millis, Ordering::Relaxed);
    }

    /// The machine has just been started again.
    pub(in crate::queue) fn reboot(&self) {
        self.since_boot.store(0, Ordering::Relaxed);
        self.boots.fetch_add(1, Ordering::Relaxed);
    }
}

impl TimeSource for Machine {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.wall.load(Ordering::Relaxed))
    }

    fn since_boot(&self) -> Duration {
        Duration::from_millis(self.since_boot.load(Ordering::Relaxed))
    }

    fn boot(&self) -> Option<String> {
        Some(self.boots.load(Ordering::Relaxed).to_string())
    }

    fn set(&self, to: Timestamp) {
        self.wall.store(to.as_millis(), Ordering::Relaxed);
    }
}
