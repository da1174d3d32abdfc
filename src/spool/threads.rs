//! Where work that may wait for the disk is done, and how locks are taken.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::spool::SpoolError;

/// Runs what may wait for the disk where it holds up nobody else.
pub(super) async fn blocking<T: Send + 'static>(
    act: impl FnOnce() -> Result<T, SpoolError> + Send + 'static,
) -> Result<T, SpoolError> {
    match tokio::task::spawn_blocking(act).await {
        Ok(done) => done,
        Err(broken) => Err(SpoolError::Index(broken.to_string())),
    }
}

/// A thread that panicked under a lock leaves counts that are at worst out of step; stopping all
/// mail would be worse.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
