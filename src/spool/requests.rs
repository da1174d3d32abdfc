//! What waits for a thread of the spool.

use tokio::sync::oneshot;

use crate::spool::{Committed, Entry, SpoolError};

/// A message that is synced and in place, and whose session waits to say `250`.
pub(super) struct Ticket {
    pub(super) entry: Entry,
    pub(super) reply: oneshot::Sender<Result<Committed, SpoolError>>,
}
