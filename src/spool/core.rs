//! What the threads and the handles of one spool share.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fs::File,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Notify, Semaphore, watch},
    time::Instant,
};

use crate::{
    clock::Clock,
    metrics::Metrics,
    model::{ByteSize, MessageId},
    spool::{
        RecoveryReport, RouteMessage, SpoolError, SpoolSettings, batch_queue::BatchQueue,
        housekeeping::Housekeeping, index::local::Index, messages::files::Files, requests::Ticket,
        threads::lock,
    },
};

/// The disk is asked for its free space at most this often; `min_free` must cover what arrives in
/// between.
const SPACE_ASKED_EVERY: Duration = Duration::from_secs(1);

/// Messages written to the disk at once. The kernel merges that many syncs with profit; more would
/// only cost threads.
const WRITERS: usize = 64;

/// Octets of changes in memory from which on they are written to the store at once.
const OVERLAY_OCTETS: usize = 4 * 1024 * 1024;

/// What is shared.
pub(super) struct Core {
    pub(super) settings: SpoolSettings,
    pub(super) messages: Files,
    pub(super) index: Index,
    pub(super) route: RouteMessage,
    pub(super) clock: Clock,
    pub(super) metrics: Metrics,
    pub(super) wakeups: Arc<Notify>,
    /// Messages whose file may be in place and whose entry is not yet: recovery leaves them alone.
    pub(super) arriving: Mutex<HashSet<MessageId>>,
    pub(super) admissions: BatchQueue<Ticket>,
    pub(super) housekeeping: Housekeeping,
    /// Files of settled messages that were deleted and whose tombstones are still kept, by folder.
    pub(super) deleted: Mutex<BTreeMap<String, BTreeSet<MessageId>>>,
    pub(super) recovered: watch::Sender<Option<RecoveryReport>>,
    pub(super) stopping: AtomicBool,
    /// Octets of text that all messages being received hold in memory.
    pub(super) buffered: AtomicUsize,
    /// Who may write to the disk now.
    pub(super) turns: Arc<Semaphore>,
    space: Mutex<Option<(Instant, u64)>>,
    lock_file: Mutex<Option<File>>,
}

/// What a core is made of, beside what it makes itself.
pub(super) struct Parts {
    pub(super) settings: SpoolSettings,
    pub(super) messages: Files,
    pub(super) index: Index,
    pub(super) route: RouteMessage,
    pub(super) clock: Clock,
    pub(super) metrics: Metrics,
    pub(super) lock_file: File,
}

impl Core {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts { settings, messages, index, route, clock, metrics, lock_file } = parts;
        let min_free = i64::try_from(settings.min_free.octets()).unwrap_or(i64::MAX);
        metrics.storage().min_free_bytes.set(min_free);
        Self {
            settings,
            messages,
            index,
            route,
            clock,
            metrics,
            wakeups: Arc::default(),
            arriving: Mutex::default(),
            admissions: BatchQueue::default(),
            housekeeping: Housekeeping::default(),
            deleted: Mutex::default(),
            recovered: watch::Sender::new(None),
            stopping: AtomicBool::new(false),
            buffered: AtomicUsize::new(0),
            turns: Arc::new(Semaphore::new(WRITERS)),
            space: Mutex::new(None),
            lock_file: Mutex::new(Some(lock_file)),
        }
    }

    /// Whether a message of this size leaves `min_free`.
    pub(super) fn admits(&self, size: Option<ByteSize>) -> Result<(), SpoolError> {
        let needed =
            self.settings.min_free.octets().saturating_add(size.map_or(0, ByteSize::octets));
        if self.free_octets()? < needed { Err(SpoolError::Full) } else { Ok(()) }
    }

    pub(super) fn free_octets(&self) -> Result<u64, SpoolError> {
        let mut space = lock(&self.space);
        match *space {
            Some((asked, free)) if asked.elapsed() < SPACE_ASKED_EVERY => Ok(free),
            _old_or_none => {
                let free = self.messages.free_octets()?;
                *space = Some((Instant::now(), free));
                self.metrics.storage().free_bytes.set(i64::try_from(free).unwrap_or(i64::MAX));
                Ok(free)
            }
        }
    }

    pub(super) fn count(&self) {
        self.metrics
            .storage()
            .queue_messages
            .set(i64::try_from(self.index.count()).unwrap_or(i64::MAX));
    }

    /// The queue may have something to do.
    pub(super) fn wake(&self) {
        self.count();
        // All who wait, and whoever comes next: a wakeup between two waits must not be lost.
        self.wakeups.notify_waiters();
        self.wakeups.notify_one();
    }

    /// The index has changed: the store is to follow.
    pub(super) fn note_change(&self) {
        if self.index.memory.overlay.octets() > OVERLAY_OCTETS {
            self.housekeeping.hurry();
        } else {
            self.housekeeping.changed();
        }
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Lets nothing new begin; the threads end when those who wait are served.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.admissions.close();
        self.housekeeping.close();
    }

    /// After the threads have ended: gives up the index and the folder.
    pub(super) fn release(&self) {
        self.index.close();
        lock(&self.lock_file).take();
    }
}
