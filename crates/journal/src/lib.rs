//! An append-only log in recycled segments: what it acknowledged survives a power cut.
//!
//! A [`Journal`] appends records to segment files of a fixed size. A segment is written with zeros
//! once and recycled afterwards, so that a commit overwrites allocated blocks and changes no
//! metadata of the file system. One thread, the committer, takes all records that wait, writes
//! them at once, syncs once, and answers all who wait.
//!
//! - [`format`]: headers of segments and records, as octets; pure
//! - [`scan`]: finds the records in a segment, intact or not; pure
//! - [`disk`]: what the journal asks of a disk; [`Folder`] is a real one
//! - `shared`: what the parts below have in common, such as the queue of records that wait
//! - `ring`: the segments: which one is active, which are free
//! - `committer`: the thread that writes
//! - `journal`: the interface; `recovery`: reads everything back when the journal is opened
//!
//! # What is promised
//!
//! 1. A record that was acknowledged is replayed by every later [`Journal::open`], once, in the
//!    order of its sequence number, until [`Journal::release`] gives it up.
//! 2. A record that was refused, or never answered, is replayed unaltered or not at all.
//! 3. Damage is found by checksum. It costs the records that it hits and no other, and it is
//!    reported with the octets.
//! 4. No octet that was acknowledged is written again: each batch begins on a fresh page.
//! 5. After a failed write or sync the segment is abandoned. A sync is never repeated as if it
//!    could succeed: the kernel may have dropped the pages (PostgreSQL's fsync findings, 2018).
//!
//! # Failure
//! Every method returns an error; none logs.

mod committer;
pub mod disk;
pub mod format;
mod journal;
mod recovery;
mod ring;
pub mod scan;
mod shared;

pub use disk::{Disk, Folder, SegmentFile};
pub use format::{Kind, Sequence};
pub use journal::Journal;
pub use recovery::{Recovered, Recovery};
pub use scan::{Acknowledged, Damage};
pub use shared::{Appended, Counters, Draft, Options, Place, Usage};

/// Why a record was not appended, or not read.
#[derive(thiserror::Error, Debug)]
pub enum JournalError {
    /// The disk refused. Nothing is known of what reached it.
    #[error("cannot {what} the journal: {source}")]
    Disk {
        /// The verb: `write`, `sync`, `read`.
        what: &'static str,
        /// What the disk said. Shared, since all records of a batch hear of it.
        source: std::sync::Arc<std::io::Error>,
    },
    /// The payload is longer than [`format::MOST_PAYLOAD`].
    #[error("a record of {length} octets is too long for the journal")]
    TooLong {
        /// The length of the payload, in octets.
        length: usize,
    },
    /// More octets wait for the committer than it takes.
    #[error("the journal is busy")]
    Busy,
    /// The journal is being closed.
    #[error("the journal is closed")]
    Closed,
    /// The record is no longer there: its segment was given up and recycled.
    #[error("the record is no longer in the journal")]
    Gone,
    /// The record is there and its checksum is wrong.
    #[error("the record is damaged")]
    Damaged,
}

impl JournalError {
    pub(crate) fn disk(what: &'static str, source: std::io::Error) -> Self {
        Self::Disk { what, source: std::sync::Arc::new(source) }
    }

    /// The same once more, for another record of the batch.
    #[must_use]
    pub fn again(&self) -> Self {
        match self {
            Self::Disk { what, source } => Self::Disk { what, source: source.clone() },
            Self::TooLong { length } => Self::TooLong { length: *length },
            Self::Busy => Self::Busy,
            Self::Closed => Self::Closed,
            Self::Gone => Self::Gone,
            Self::Damaged => Self::Damaged,
        }
    }
}
