//! Waiting for a condition, with a deadline.

use std::{thread, time::Duration};

use tokio::time::Instant;

/// Long enough for a debug build on a busy machine with two cores; a test that needs longer has
/// found something.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks.
const STEP: Duration = Duration::from_millis(20);

/// Looks until `look` sees something.
///
/// # Panics
/// After `patience`, with what was awaited and what the last look saw.
pub(crate) fn until<T>(
    what: &str,
    patience: Duration,
    mut look: impl FnMut() -> Result<T, String>,
) -> T {
    let deadline = Instant::now() + patience;
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) if Instant::now() >= deadline => {
                panic!("waited {patience:?} for {what}; last seen: {seen}")
            }
            Err(_not_yet) => thread::park_timeout(STEP),
        }
    }
}
