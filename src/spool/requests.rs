//! What waits for the threads of the spool.

use tokio::sync::oneshot;

use crate::spool::{Entry, SpoolError};

/// A message that is synced and in place, and whose session waits to say `250`.
pub(super) struct Ticket {
    pub(super) entry: Entry,
    pub(super) reply: oneshot::Sender<Result<(), SpoolError>>,
}

/// Waits to hear that everything applied before is durable.
pub(super) type SyncRequest = oneshot::Sender<Result<(), SpoolError>>;
