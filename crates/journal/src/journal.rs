//! The interface: append, read, release.

use std::{
    ops::RangeInclusive,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
};

use crate::{
    JournalError, committer,
    disk::{Disk, SegmentFile},
    format::{MOST_PAYLOAD, PAGE, RECORD_HEADER, RecordHeader, Sequence},
    recovery::{self, Recovered, Recovery},
    shared::{Appended, Counters, Draft, Options, Place, Queue, Shared, Usage, Waiting},
};

/// The smallest segment.
const LEAST_SEGMENT: usize = 32 * PAGE;

/// An append-only log. Closed when dropped: what waits is committed first.
pub struct Journal<D: Disk> {
    shared: Arc<Shared<D>>,
    committer: Option<JoinHandle<()>>,
}

impl<D: Disk> Journal<D> {
    /// Opens the journal and replays what it holds, in order, from the record with the number
    /// `from` on; damage is replayed where it stands. Numbers below `from` are never given again,
    /// even when the journal is empty: somebody knows them.
    ///
    /// # Errors
    /// When the disk fails. A damaged journal is not an error: [`Recovered::Damage`].
    pub fn open(
        disk: D,
        options: Options,
        from: Sequence,
        replay: impl FnMut(Recovered<'_>),
    ) -> Result<(Self, Recovery), JournalError> {
        let size = options.segment.max(LEAST_SEGMENT).next_multiple_of(PAGE);
        let options = Options { segment: size, ..options };
        let (ring, start, recovery) = recovery::recover(disk, size, from, replay)
            .map_err(|problem| JournalError::disk("open", problem))?;
        let shared = Arc::new(Shared {
            ring,
            queue: Queue::default(),
            options,
            batches: AtomicU64::new(0),
            records: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        });
        let thread = {
            let shared = Arc::clone(&shared);
            thread::Builder::new()
                .name("journal".to_owned())
                .spawn(move || committer::run(&shared, start))
                .map_err(|problem| JournalError::disk("start", problem))?
        };
        Ok((Self { shared, committer: Some(thread) }, recovery))
    }

    /// Appends a record. `done` is called from the committer's thread once it is durable, or
    /// refused; it must not block.
    ///
    /// # Errors
    /// When the record is too long, too much waits already, or the journal is being closed: then
    /// `done` is not called.
    pub fn append(
        &self,
        draft: Draft,
        done: impl FnOnce(Result<Appended, JournalError>) + Send + 'static,
    ) -> Result<(), JournalError> {
        if draft.payload.len() > self.most_payload() {
            return Err(JournalError::TooLong { length: draft.payload.len() });
        }
        self.shared.queue.join(Waiting { draft, done: Box::new(done) })
    }

    /// The longest payload that is taken, in octets: less than [`MOST_PAYLOAD`] when segments are
    /// small. A record and a head fit into one segment.
    #[must_use]
    pub fn most_payload(&self) -> usize {
        MOST_PAYLOAD.min(self.shared.options.segment / 3)
    }

    /// Replays the records of one segment with numbers from `from` to `to`, while others are
    /// being appended. Nothing when the segment has been released.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn replay(
        &self,
        segment: u64,
        numbers: RangeInclusive<Sequence>,
        replay: impl FnMut(Recovered<'_>),
    ) -> Result<(), JournalError> {
        let Some(segment) = self.shared.ring.segment(segment) else { return Ok(()) };
        recovery::replay_segment(&segment, numbers, replay)
            .map_err(|problem| JournalError::disk("read", problem))
    }

    /// The octets of a record's payload as they stand there, intact or not, for a person to look
    /// at. None when the disk does not give them or nobody knows how many there are.
    #[must_use]
    pub fn salvage(&self, place: Place) -> Option<Vec<u8>> {
        let segment = self.shared.ring.segment(place.segment)?;
        let mut header = [0; RECORD_HEADER];
        segment.file.read(u64::from(place.offset), &mut header).ok()?;
        let header = RecordHeader::read(&header, segment.header.nonce)?;
        let mut payload = vec![0; header.payload_length()];
        let behind = u64::try_from(RECORD_HEADER).ok()?;
        segment.file.read(u64::from(place.offset).saturating_add(behind), &mut payload).ok()?;
        Some(payload)
    }

    /// Reads a record.
    ///
    /// # Errors
    /// When the disk fails, the record is damaged, or its segment has been released.
    pub fn read(&self, place: Place) -> Result<Draft, JournalError> {
        let segment = self.shared.ring.segment(place.segment).ok_or(JournalError::Gone)?;
        let fault = |problem| JournalError::disk("read", problem);
        let at = u64::from(place.offset);
        let mut header = [0; RECORD_HEADER];
        segment.file.read(at, &mut header).map_err(fault)?;
        let header = RecordHeader::read(&header, segment.header.nonce);
        let header = header.ok_or_else(|| self.lost(place))?;
        let mut payload = vec![0; header.payload_length()];
        let behind = u64::try_from(RECORD_HEADER).unwrap_or(u64::MAX);
        segment.file.read(at.saturating_add(behind), &mut payload).map_err(fault)?;
        if header.fits(&payload) {
            Ok(Draft { kind: header.kind, payload })
        } else {
            Err(self.lost(place))
        }
    }

    /// Why a record is not where it was: its segment may have been recycled meanwhile.
    fn lost(&self, place: Place) -> JournalError {
        match self.shared.ring.segment(place.segment) {
            Some(_) => JournalError::Damaged,
            None => JournalError::Gone,
        }
    }

    /// Gives up all records with smaller numbers, as far as they fill whole segments. Their
    /// effects must be durable elsewhere.
    ///
    /// # Errors
    /// When a surplus segment cannot be deleted; the records are given up nevertheless.
    pub fn release(&self, before: Sequence) -> Result<(), JournalError> {
        self.shared.ring.release(before).map_err(|source| JournalError::disk("trim", source))
    }

    /// The segments that hold records, oldest first: each with the number of its first one. A
    /// caller that wants the oldest one back moves or settles what it holds, and releases up to
    /// the first number of the next.
    #[must_use]
    pub fn segments(&self) -> Vec<(u64, Sequence)> {
        self.shared.ring.firsts()
    }

    /// What has been done.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let Shared { batches, records, refused, .. } = self.shared.as_ref();
        let [batches, records, refused] =
            [batches, records, refused].map(|counter| counter.load(Ordering::Relaxed));
        Counters { batches, records, refused }
    }

    /// The space it takes.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let census = self.shared.ring.census();
        let segments = u64::try_from(census.used + census.free).unwrap_or(u64::MAX);
        let size = u64::try_from(self.shared.options.segment).unwrap_or(u64::MAX);
        Usage { used: census.used, free: census.free, octets: segments.saturating_mul(size) }
    }
}

impl<D: Disk> Drop for Journal<D> {
    fn drop(&mut self) {
        self.shared.queue.close();
        if let Some(thread) = self.committer.take() {
            // It panics only with a bug in a caller's `done`, which was reported where it happened.
            let _ended = thread.join();
        }
    }
}
