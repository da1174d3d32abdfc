//! Where computations over messages run: on threads that serve nobody else, a few at once, each
//! message with a budget of time. A message that is expensive to edit holds up no connection.

use std::{panic::resume_unwind, sync::Arc, time::Duration};

use tokio::{
    sync::Semaphore,
    task::spawn_blocking,
    time::{Instant, timeout},
};

/// Computations that run at once. Each occupies a processor.
const MOST_AT_ONCE: usize = 2;

/// Work on no more octets than this is done at once: to hand it to a thread would take longer.
const LITTLE: usize = 8 * 1024;

/// The time in which the edits of any message are planned, beside [`FOR_EACH_MEBIBYTE`]. On a small
/// machine, planning takes about 20 ms for each MiB.
const BASE: Duration = Duration::from_secs(5);

/// The additional time for each MiB of a message.
const FOR_EACH_MEBIBYTE: Duration = Duration::from_millis(500);

/// The threads that compute. It is cheap to clone.
#[derive(Clone, Debug)]
pub(in crate::queue) struct Workshop {
    places: Arc<Semaphore>,
    base: Duration,
}

/// The time that is left to compute for one message.
#[derive(Debug)]
pub(in crate::queue) struct Budget {
    left: Duration,
}

/// The budget is used up. A computation under way goes on, but nobody waits for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::queue) struct Exceeded;

impl Default for Workshop {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(MOST_AT_ONCE)), base: BASE }
    }
}

impl Workshop {
    /// A workshop in which every computation that it hands to a thread exceeds its budget.
    #[cfg(test)]
    pub(in crate::queue) fn impatient() -> Self {
        Self { base: Duration::ZERO, ..Self::default() }
    }

    /// The budget of a message of this size.
    pub(in crate::queue) fn budget(&self, octets: u64) -> Budget {
        let mebibytes = u32::try_from(octets >> 20).unwrap_or(u32::MAX);
        let more = if self.base.is_zero() { Duration::ZERO } else { FOR_EACH_MEBIBYTE };
        Budget { left: self.base.saturating_add(more.saturating_mul(mebibytes)) }
    }

    /// Computes something about this number of octets within a budget. The wait for a free thread
    /// does not count.
    ///
    /// # Errors
    /// When the budget is used up.
    pub(in crate::queue) async fn within<R: Send + 'static>(
        &self,
        budget: &mut Budget,
        octets: usize,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, Exceeded> {
        if octets <= LITTLE {
            return Ok(work());
        }
        let begun = Instant::now();
        // The time begins when the work does.
        let (started, has_started) = tokio::sync::oneshot::channel();
        let computing = self.on_thread(move || {
            // The receiver waits as long as the work does.
            let _gone = started.send(Instant::now());
            work()
        });
        let mut computing = std::pin::pin!(computing);
        let begun = tokio::select! {
            biased;
            started = has_started => started.unwrap_or(begun),
            done = &mut computing => return Ok(done),
        };
        let done = timeout(budget.left, computing).await;
        budget.left = budget.left.saturating_sub(begun.elapsed());
        done.map_err(|_elapsed| Exceeded)
    }

    /// Computes something about this number of octets, however long it takes.
    pub(in crate::queue) async fn run<R: Send + 'static>(
        &self,
        octets: usize,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> R {
        if octets <= LITTLE { work() } else { self.on_thread(work).await }
    }

    async fn on_thread<R: Send + 'static>(&self, work: impl FnOnce() -> R + Send + 'static) -> R {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let task = spawn_blocking(move || {
            let done = work();
            drop(place);
            done
        });
        match task.await {
            Ok(done) => done,
            // It belongs to the attempt, which counts it against the message.
            Err(problem) => match problem.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // The runtime ends, and this task with it.
                Err(_cancelled) => std::future::pending().await,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_takes_longer_than_its_budget_is_given_up_and_others_go_on() {
        let workshop = Workshop { base: Duration::from_millis(50), ..Workshop::default() };
        let mut budget = workshop.budget(0);
        let (release, released) = std::sync::mpsc::channel::<()>();
        let stuck = workshop.within(&mut budget, 100_000, move || released.recv()).await;
        assert_eq!(stuck.err(), Some(Exceeded));
        // One place is still taken by it; the other one serves.
        assert_eq!(workshop.run(100_000, || 7).await, 7);
        drop(release);
        assert_eq!(budget.left, Duration::ZERO);
    }

    #[tokio::test]
    async fn only_so_many_computations_run_at_once_and_the_wait_for_a_place_costs_nothing() {
        let workshop = Workshop { base: Duration::from_secs(60), ..Workshop::default() };
        let running = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let each = (0..20).map(|_| {
            let (workshop, running) = (workshop.clone(), Arc::clone(&running));
            tokio::spawn(async move {
                let work = move || {
                    let at_once = running.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
                    std::thread::yield_now();
                    running.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                    at_once
                };
                workshop.within(&mut workshop.budget(0), 100_000, work).await.unwrap()
            })
        });
        for task in each.collect::<Vec<_>>() {
            assert!(task.await.unwrap() <= MOST_AT_ONCE);
        }
    }

    #[tokio::test]
    async fn a_panic_reaches_the_task_that_asked() {
        let workshop = Workshop::default();
        let task = tokio::spawn(async move { workshop.run(100_000, || panic!("poison")).await });
        assert!(task.await.unwrap_err().is_panic());
        assert_eq!(Workshop::default().places.available_permits(), MOST_AT_ONCE);
    }
}
