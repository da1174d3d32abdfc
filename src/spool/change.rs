//! Facts to be made durable together.

use crate::{
    model::MessageId,
    spool::{Charge, Entry, JournalLine, Memo},
};

/// Facts to be made durable together: all of them, or none.
#[derive(Default)]
pub struct Change {
    /// Entries as they are from now on, of messages that are in the queue. The due index follows
    /// [`Entry::due`].
    pub put: Vec<Entry>,
    /// Messages that are settled: entry and file go.
    pub remove: Vec<MessageId>,
    /// Charges to budgets; one of the same account, time and sequence replaces the older.
    pub charge: Vec<Charge>,
    /// Charges given back.
    pub refund: Vec<Charge>,
    /// Lines for the journal.
    pub journal: Vec<JournalLine>,
    /// Values kept under a name, and names to be forgotten.
    pub remember: Vec<Memo>,
}
