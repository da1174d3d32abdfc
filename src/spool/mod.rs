//! Keeps accepted mail: the only owner of the disk.
//!
//! Two truths. The **files** are the truth about what was accepted: one each, envelope first, then the message.
//! The **index** (sled) is the truth about what has become of it, and can be rebuilt from the files.
//!
//! - [`Incoming`]: a message being received; [`Incoming::commit`] makes it durable and yields [`Committed`], the only
//!   proof that lets a session say `250`
//! - [`Entry`], [`RecipientState`]: what has become of a message
//! - [`Change`]: several facts made durable together
//! - `file`: the format of a spool file; `store`: the only file that names sled; `recovery`: what a start puts right
//!
//! # Failure
//! Every method returns [`SpoolError`]; none logs, save recovery, which reports what it put right.

mod entry;

pub use entry::{Attempting, Charge, Doubt, Entry, Hold, JournalLine, Phase, Progress, RecipientState, Settled};

use std::{path::PathBuf, sync::Arc, time::Duration};

use serde::Deserialize;
use thiserror::Error;

use crate::{
    clock::Clock,
    metrics::Metrics,
    model::{AccountName, ByteSize, DeviceName, Envelope, MessageId, Timestamp},
};

/// What the config says about the disk.
#[derive(Clone, Debug)]
pub struct SpoolSettings {
    /// `data_dir`.
    pub data_dir: PathBuf,
    /// Accept nothing when less than this is free.
    pub min_free: ByteSize,
    /// How long journal lines are kept.
    pub journal_keep: Duration,
}

/// Why the disk did not do what it should.
#[derive(Debug, Error)]
pub enum SpoolError {
    /// Too little space; the device is told to come back (452 4.3.1).
    #[error("the disk is nearly full")]
    Full,
    /// The operating system refused.
    #[error("{what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// One process may use a data folder.
    #[error("{0} is in use by another process")]
    Locked(PathBuf),
    /// The index failed.
    #[error("index: {0}")]
    Index(String),
    /// No message of that id.
    #[error("there is no message {0} in the queue")]
    NotFound(MessageId),
    /// A file that is no spool file.
    #[error("{path} cannot be read as a message: {reason}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// Proof that a message is durably on disk: file synced, renamed, folder synced. Only [`Incoming::commit`] makes one.
#[derive(Debug)]
pub struct Committed {
    id: MessageId,
    size: ByteSize,
}

impl Committed {
    /// Of which message.
    #[must_use]
    pub const fn id(&self) -> MessageId {
        self.id
    }

    /// Octets of the message.
    #[must_use]
    pub const fn size(&self) -> ByteSize {
        self.size
    }
}

impl AsRef<MessageId> for Committed {
    fn as_ref(&self) -> &MessageId {
        &self.id
    }
}

/// The spool. Cheap to clone.
#[derive(Clone)]
pub struct Spool(Arc<Inner>);

struct Inner {}

impl Spool {
    /// Opens or creates the spool, and starts recovery, which goes on in the background: [`Spool::recovered`].
    /// `route` names the account of a message (by its device) when an entry has to be rebuilt from its file.
    ///
    /// # Errors
    /// When the folder cannot be made, written or locked. A broken index is no error: it is moved aside and rebuilt.
    pub fn open(_settings: SpoolSettings, _route: RouteMessage, _clock: Clock, _metrics: Metrics) -> Result<Self, SpoolError> {
        todo!()
    }

    /// Waits until every file has been compared with the index.
    pub async fn recovered(&self) -> RecoveryReport {
        todo!()
    }

    /// A fresh id for a message received now.
    #[must_use]
    pub fn new_id(&self) -> MessageId {
        todo!()
    }

    /// Whether there is room for a message of this size (`min_free` kept). Cheap: the disk is asked at most once a second.
    ///
    /// # Errors
    /// [`SpoolError::Full`].
    pub fn admits(&self, _size: Option<ByteSize>) -> Result<(), SpoolError> {
        todo!()
    }

    /// Begins a message. Small ones reach the disk only with [`Incoming::commit`], larger ones as they come.
    ///
    /// # Errors
    /// When the file cannot be made or the disk is nearly full.
    pub async fn receive(&self, _envelope: Envelope, _account: AccountName) -> Result<Incoming, SpoolError> {
        todo!()
    }

    /// What has become of a message.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn entry(&self, _id: MessageId) -> Result<Option<Entry>, SpoolError> {
        todo!()
    }

    /// The devices that have mail waiting for an account, in the order of their names. In memory.
    #[must_use]
    pub fn devices_waiting(&self, _account: &AccountName) -> Vec<DeviceName> {
        todo!()
    }

    /// The messages that have been due longest, of one device, for one account, earliest first and at most `limit` of
    /// them; each with its due time, which may lie ahead. The queue asks for one more than it has attempts under way.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn first_due(
        &self,
        _account: &AccountName,
        _device: &DeviceName,
        _limit: usize,
    ) -> Result<Vec<(Timestamp, MessageId)>, SpoolError> {
        todo!()
    }

    /// Applies a change at once to what everyone reads, all of it or nothing. Durable after [`Spool::sync`].
    ///
    /// # Errors
    /// When the index cannot be written; then nothing is changed.
    pub fn apply(&self, _change: Change) -> Result<(), SpoolError> {
        todo!()
    }

    /// Returns when everything applied before the call is durable. Callers that come together share one sync.
    /// Spool files of messages whose removal was applied are deleted after it.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn sync(&self) -> Result<(), SpoolError> {
        todo!()
    }

    /// The charges to an account's budget since a time, oldest first.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn charges(&self, _account: &AccountName, _since: Timestamp) -> Result<Vec<Charge>, SpoolError> {
        todo!()
    }

    /// The text of a message, for sending: opened after the envelope, read in chunks.
    ///
    /// # Errors
    /// When the file is missing or is no spool file.
    pub async fn body(&self, _id: MessageId) -> Result<MessageReader, SpoolError> {
        todo!()
    }

    /// Messages in the queue, in the order of their ids, from `after` on.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn list(&self, _after: Option<MessageId>, _limit: usize) -> Result<Vec<Entry>, SpoolError> {
        todo!()
    }

    /// How many messages are in the queue. In memory.
    #[must_use]
    pub fn count(&self) -> u64 {
        todo!()
    }

    /// Journal lines, newest first.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn journal(&self, _before: Option<Timestamp>, _limit: usize) -> Result<Vec<JournalLine>, SpoolError> {
        todo!()
    }

    /// A small value kept under a name: account states, settings changed at run time, sightings.
    ///
    /// # Errors
    /// When the index cannot be read or the value is of another form.
    pub fn recall<T: serde::de::DeserializeOwned>(&self, _kind: &'static str, _name: &str) -> Result<Option<T>, SpoolError> {
        todo!()
    }

    /// Woken whenever mail was admitted or changed in a way that may make something due.
    #[must_use]
    pub fn wakeups(&self) -> Arc<tokio::sync::Notify> {
        todo!()
    }

    /// Puts a message out of the way into `quarantine/`, with the reason, and removes its entry.
    ///
    /// # Errors
    /// When the file cannot be moved.
    pub async fn quarantine(&self, _id: MessageId, _reason: &str) -> Result<(), SpoolError> {
        todo!()
    }

    /// Flushes and stops. Nothing may be applied afterwards.
    ///
    /// # Errors
    /// When the last sync fails.
    pub async fn close(&self) -> Result<(), SpoolError> {
        todo!()
    }
}

/// Names the account that a device's mail goes to. Given by the daemon.
pub type RouteMessage = Arc<dyn Fn(&DeviceName) -> AccountName + Send + Sync>;

/// A message being received. Dropped without [`Incoming::commit`], it leaves nothing behind.
pub struct Incoming {}

impl Incoming {
    /// The message's id.
    #[must_use]
    pub fn id(&self) -> MessageId {
        todo!()
    }

    /// Appends text: header and body as they are to be kept, lines ended by CRLF.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn write(&mut self, _text: &[u8]) -> Result<(), SpoolError> {
        todo!()
    }

    /// Makes the message durable, enters it into the index, wakes the queue.
    ///
    /// # Errors
    /// When the disk refuses; the device then still owns the message, and nothing is left behind.
    pub async fn commit(self) -> Result<Committed, SpoolError> {
        todo!()
    }
}

/// Reads the text of a message in chunks.
pub struct MessageReader {}

impl MessageReader {
    /// Octets of the whole text.
    #[must_use]
    pub fn size(&self) -> u64 {
        todo!()
    }

    /// Replaces the content of `buffer` with the next chunk of at most 64 KiB; leaves it empty at the end.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn read(&mut self, _buffer: &mut Vec<u8>) -> Result<(), SpoolError> {
        todo!()
    }
}

/// Facts to be made durable together: all of them, or none.
#[derive(Default)]
pub struct Change {
    /// Entries as they are from now on. The due index follows [`Entry::due`].
    pub put: Vec<Entry>,
    /// Messages that are settled: entry and file go.
    pub remove: Vec<MessageId>,
    /// Charges to budgets; one of the same account, time and sequence replaces the older.
    pub charge: Vec<Charge>,
    /// Charges given back.
    pub refund: Vec<Charge>,
    /// Lines for the journal.
    pub journal: Vec<JournalLine>,
    /// Values kept under a name, already as JSON: `(kind, name, value)`; none deletes.
    pub remember: Vec<(&'static str, String, Option<serde_json::Value>)>,
}

/// What a start found and put right.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, Deserialize)]
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
