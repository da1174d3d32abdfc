//! What the interface, the committer and the recovery share.

use std::{
    mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
    thread,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    JournalError,
    disk::Disk,
    format::{Kind, Sequence, extent},
    ring::{Ring, Segment},
};

/// Octets of one batch; what is more waits for the next.
pub(crate) const BATCH: usize = 2 * 1024 * 1024;
/// Octets that may wait.
const MOST_WAITING: usize = 32 * 1024 * 1024;

/// How a journal is kept.
#[derive(Clone)]
pub struct Options {
    /// Octets of a segment: at least eight mebibytes, in pages.
    pub segment: usize,
    /// How long the committer waits for company before it writes, when the last batch had some.
    /// Zero: not at all.
    pub linger: Duration,
    /// Called when a segment is begun: records that it opens with, such as the charges of the last
    /// 48 hours, so that they outlive older segments. Together at most half a segment; what is
    /// more is left out.
    pub head: Arc<dyn Fn() -> Vec<Draft> + Send + Sync>,
}

impl Default for Options {
    /// 16 MiB, no linger, no head.
    fn default() -> Self {
        Self { segment: 16 * 1024 * 1024, linger: Duration::ZERO, head: Arc::new(Vec::new) }
    }
}

/// A record to be appended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Draft {
    /// What it holds.
    pub kind: Kind,
    /// Its octets.
    pub payload: Vec<u8>,
}

/// Where a record is, until its segment is released.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Place {
    /// Which segment.
    pub segment: u64,
    /// Where in it the record begins.
    pub offset: u32,
}

/// A record that is durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Appended {
    /// Its number.
    pub sequence: Sequence,
    /// Where it is.
    pub place: Place,
}

/// What has been done since the journal was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Syncs of the disk, each for one batch.
    pub batches: u64,
    /// Records acknowledged, those of heads included.
    pub records: u64,
    /// Batches that the disk refused.
    pub refused: u64,
}

/// The space that a journal takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Usage {
    /// Segments with records.
    pub used: usize,
    /// Segments ready for reuse.
    pub free: usize,
    /// Octets of all.
    pub octets: u64,
}

/// What the threads of a journal share.
pub(crate) struct Shared<D: Disk> {
    pub(crate) ring: Ring<D>,
    pub(crate) queue: Queue,
    pub(crate) options: Options,
    pub(crate) batches: AtomicU64,
    pub(crate) records: AtomicU64,
    pub(crate) refused: AtomicU64,
}

/// Who is told when a record is durable.
type Done = Box<dyn FnOnce(Result<Appended, JournalError>) + Send>;

/// A record that waits to be written.
pub(crate) struct Waiting {
    pub(crate) draft: Draft,
    pub(crate) done: Done,
}

/// What waits.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<Line>,
    changed: Condvar,
}

#[derive(Default)]
struct Line {
    waiting: Vec<Waiting>,
    octets: usize,
    closed: bool,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, Line> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn join(&self, waiting: Waiting) -> Result<(), JournalError> {
        let mut line = self.state();
        if line.closed {
            return Err(JournalError::Closed);
        }
        if line.octets > MOST_WAITING {
            return Err(JournalError::Busy);
        }
        line.octets = line.octets.saturating_add(extent(waiting.draft.payload.len()));
        line.waiting.push(waiting);
        if line.waiting.len() == 1 {
            self.changed.notify_one();
        }
        Ok(())
    }

    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.changed.notify_one();
    }

    /// All that waits; none once the queue is closed and empty. Waits for
    /// company as long as `linger` says.
    pub(crate) fn take(&self, linger: Duration) -> Option<Vec<Waiting>> {
        let mut line = self.state();
        while line.waiting.is_empty() && !line.closed {
            line = self.changed.wait(line).unwrap_or_else(PoisonError::into_inner);
        }
        if !linger.is_zero() && !line.closed && line.octets < BATCH {
            drop(line);
            thread::sleep(linger);
            line = self.state();
        }
        line.octets = 0;
        let all = mem::take(&mut line.waiting);
        (!all.is_empty()).then_some(all)
    }
}

/// Where the committer goes on.
pub(crate) struct Start<F> {
    /// The segment that is not full yet, and where its next batch begins.
    pub(crate) active: Option<(Segment<F>, usize)>,
    /// The number of the next record.
    pub(crate) next: Sequence,
}
