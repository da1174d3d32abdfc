//! Where the time comes from: the machine, or a simulation.
//!
//! Everything that stores or compares times takes a [`Clock`]; everything that waits uses
//! `tokio::time`. [`simulated`] joins the two, so that a test with paused tokio time sees both
//! advance together.

use std::{
    fs,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

pub use postroom_core::clock::{Anchor, Clock, TimeSource};
use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

use crate::model::Timestamp;

/// Where Linux names the start of the machine.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The machine's clock.
#[must_use]
pub fn system() -> Clock {
    let boot = fs::read_to_string(BOOT_ID).ok().map(|id| id.trim().to_owned());
    Clock::new(System { boot: boot.filter(|id| !id.is_empty()) })
}

/// A clock that starts at `epoch` and advances with tokio's time, paused or not. For tests and
/// simulations.
#[must_use]
pub fn simulated(epoch: Timestamp) -> Clock {
    Clock::over(machine(epoch))
}

/// A machine with a clock as in [`simulated`], which can be started again.
#[must_use]
pub fn machine(epoch: Timestamp) -> Arc<Simulated> {
    let start = Instant::now();
    let boot = Mutex::new(Boot { number: 1, at: start });
    Arc::new(Simulated { epoch: AtomicU64::new(epoch.as_millis()), start, boot })
}

#[derive(Debug)]
struct System {
    boot: Option<String>,
}

impl TimeSource for System {
    fn now(&self) -> Timestamp {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the one place that asks the machine"
        )]
        let now = SystemTime::now();
        now.into()
    }

    fn since_boot(&self) -> Duration {
        // CLOCK_BOOTTIME counts while the machine sleeps, unlike CLOCK_MONOTONIC.
        Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default()
    }

    fn boot(&self) -> Option<String> {
        self.boot.clone()
    }
}

/// A simulated machine. Its clock advances with tokio's time.
#[derive(Debug)]
pub struct Simulated {
    /// In milliseconds.
    epoch: AtomicU64,
    start: Instant,
    boot: Mutex<Boot>,
}

/// A start of a simulated machine.
#[derive(Clone, Copy, Debug)]
struct Boot {
    number: u64,
    at: Instant,
}

impl Simulated {
    /// Starts the machine again. Processes that began before must not ask it any more.
    pub fn reboot(&self) {
        let mut boot = self.boot.lock().unwrap_or_else(PoisonError::into_inner);
        *boot = Boot { number: boot.number.saturating_add(1), at: Instant::now() };
    }

    fn last_boot(&self) -> Boot {
        *self.boot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TimeSource for Simulated {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.epoch.load(Ordering::Relaxed)).plus(self.start.elapsed())
    }

    fn since_boot(&self) -> Duration {
        self.last_boot().at.elapsed()
    }

    fn boot(&self) -> Option<String> {
        Some(format!("simulated {}", self.last_boot().number))
    }

    fn set(&self, to: Timestamp) {
        self.epoch.store(to.minus(self.start.elapsed()).as_millis(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_simulated_clock_goes_with_tokios_time() {
        let clock = simulated(Timestamp::from_millis(1000));
        tokio::time::advance(Duration::from_secs(1800)).await;
        assert_eq!(clock.now(), Timestamp::from_millis(1_801_000));
    }

    #[tokio::test(start_paused = true)]
    async fn a_simulated_clock_that_was_set_goes_on_from_there() {
        let clock = simulated(Timestamp::from_millis(10_000_000));
        tokio::time::advance(Duration::from_secs(60)).await;
        clock.clone().set(Timestamp::from_millis(1_000_000));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(clock.now(), Timestamp::from_millis(1_001_000));
    }
}
