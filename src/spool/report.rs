//! What a start found and put right.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::MessageId;

/// What a start found and put right.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryReport {
    /// Files without an entry: admitted again.
    pub readmitted: u64,
    /// Entries without a file: reported, removed.
    pub without_file: Vec<MessageId>,
    /// Files that are no messages: moved to `quarantine/`.
    pub quarantined: Vec<PathBuf>,
    /// Entries that could not be read: rebuilt from their file.
    pub rebuilt: u64,
    /// Half-received files deleted; no `250` was ever given for them.
    pub unfinished: u64,
    /// Attempts that were cut off: now in doubt.
    pub doubtful: u64,
    /// Where the broken index was moved, when it was.
    pub index_moved_to: Option<PathBuf>,
}
