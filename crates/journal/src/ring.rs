//! The segments: which one is being written, which are kept, which are free.
//!
//! ```text
//!   free ──begin──▶ active ──full, or failed──▶ kept ──released──▶ free, or deleted
//! ```
//!
//! Segments are released oldest first, never out of order: a record that speaks of an earlier one
//! (a message is settled) then outlives it.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    disk::{Disk, SegmentFile},
    format::{SegmentHeader, Sequence},
};

/// Free segments that are kept for reuse. More are deleted.
const MOST_FREE: usize = 3;
/// The end of a segment's name.
const SUFFIX: &str = ".journal";

/// A segment in use.
pub(crate) struct Segment<F> {
    pub(crate) name: String,
    pub(crate) file: Arc<F>,
    pub(crate) header: SegmentHeader,
    /// The length of the file, in octets.
    pub(crate) length: usize,
    /// The disk has failed in it, or it has another size than new ones: it is read, and never
    /// written again.
    pub(crate) retired: bool,
}

impl<F> Clone for Segment<F> {
    fn clone(&self) -> Self {
        let Self { name, file, header, length, retired } = self;
        let (name, file) = (name.clone(), file.clone());
        Self { name, file, header: *header, length: *length, retired: *retired }
    }
}

/// A segment that was released, or never used.
pub(crate) struct Free<F> {
    pub(crate) name: String,
    pub(crate) file: Arc<F>,
    /// It is deleted instead of being reused.
    pub(crate) retired: bool,
}

/// All segments.
pub(crate) struct Ring<D: Disk> {
    pub(crate) disk: D,
    pub(crate) size: usize,
    state: Mutex<State<D::File>>,
}

struct State<F> {
    /// Oldest first; the last one is, or was, the active one.
    used: VecDeque<Segment<F>>,
    /// In the order in which they were released. They are overwritten and deleted in this order,
    /// too: what is left on the disk is always the newest part of the log.
    free: VecDeque<Free<F>>,
    /// The ordinal of the next segment.
    next_ordinal: u64,
}

/// How many segments there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Census {
    pub(crate) used: usize,
    pub(crate) free: usize,
}

impl<D: Disk> Ring<D> {
    pub(crate) fn new(
        disk: D,
        size: usize,
        used: VecDeque<Segment<D::File>>,
        free: VecDeque<Free<D::File>>,
    ) -> Self {
        // Names are never used twice: a free segment may bear a name beyond all that are in use.
        let of_names = used.iter().map(|s| &s.name).chain(free.iter().map(|f| &f.name));
        let of_names = of_names.filter_map(|name| ordinal_of(name));
        let last = of_names.chain(used.iter().map(|segment| segment.header.ordinal)).max();
        let next_ordinal = last.map_or(0, |last| last.saturating_add(1));
        Self { disk, size, state: Mutex::new(State { used, free, next_ordinal }) }
    }

    fn state(&self) -> MutexGuard<'_, State<D::File>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a segment with this first record. The caller writes its header, with the first
    /// batch; until that is durable, the disk has what it had before.
    pub(crate) fn begin(&self, first: Sequence) -> io::Result<Segment<D::File>> {
        let nonce = getrandom::u64().map_err(|e| io::Error::other(e.to_string()))?;
        let ordinal = self.draw_ordinal();
        let Free { name, file, .. } = match self.take_free()? {
            Some(free) => free,
            None => self.create(ordinal)?,
        };
        let header = SegmentHeader { nonce, ordinal, first };
        let segment = Segment { name, file, header, length: self.size, retired: false };
        self.state().used.push_back(segment.clone());
        Ok(segment)
    }

    fn draw_ordinal(&self) -> u64 {
        let mut state = self.state();
        let ordinal = state.next_ordinal;
        state.next_ordinal = ordinal.saturating_add(1);
        ordinal
    }

    /// The segment that was released first. Retired ones before it are deleted.
    fn take_free(&self) -> io::Result<Option<Free<D::File>>> {
        loop {
            let free = self.state().free.pop_front();
            match free {
                Some(free) if free.retired => self.delete(free)?,
                good_or_none => return Ok(good_or_none),
            }
        }
    }

    fn create(&self, ordinal: u64) -> io::Result<Free<D::File>> {
        let name = format!("{ordinal:016x}{SUFFIX}");
        let file = Arc::new(self.disk.create(&name, self.size)?);
        Ok(Free { name, file, retired: false })
    }

    /// Makes one free segment ahead of need, so that a commit does not wait for zeros.
    pub(crate) fn provide(&self) -> io::Result<()> {
        if self.state().free.is_empty() {
            let made = self.create(self.draw_ordinal())?;
            self.state().free.push_back(made);
        }
        Ok(())
    }

    /// The disk has failed in a segment.
    pub(crate) fn abandon(&self, ordinal: u64) {
        let mut state = self.state();
        for segment in state.used.iter_mut().filter(|s| s.header.ordinal == ordinal) {
            segment.retired = true;
        }
    }

    /// The disk has failed in the first batch of a segment: its file may still hold an earlier life,
    /// which is older than all others. It is deleted before any other is used again or deleted.
    pub(crate) fn give_up(&self, ordinal: u64) {
        let mut state = self.state();
        if let Some(at) = state.used.iter().position(|s| s.header.ordinal == ordinal)
            && let Some(Segment { name, file, .. }) = state.used.remove(at)
        {
            state.free.push_front(Free { name, file, retired: true });
        }
    }

    /// Gives up all segments but the last one whose records all come before a number, and deletes
    /// those that are too many.
    pub(crate) fn release(&self, before: Sequence) -> io::Result<()> {
        {
            let mut state = self.state();
            while state.used.get(1).is_some_and(|next| next.header.first <= before)
                && let Some(Segment { name, file, retired, .. }) = state.used.pop_front()
            {
                state.free.push_back(Free { name, file, retired });
            }
        }
        loop {
            let surplus = {
                let mut state = self.state();
                if state.free.len() > MOST_FREE { state.free.pop_front() } else { None }
            };
            let Some(surplus) = surplus else { return Ok(()) };
            self.delete(surplus)?;
        }
    }

    /// Deletes the segment that was released first. When that fails it stays the first: a later one
    /// must not go before it, since that may say that something in it is settled.
    fn delete(&self, free: Free<D::File>) -> io::Result<()> {
        let deleted = self.disk.remove(&free.name);
        if deleted.is_err() {
            self.state().free.push_front(Free { retired: true, ..free });
        }
        deleted
    }

    /// A segment in use.
    pub(crate) fn segment(&self, ordinal: u64) -> Option<Segment<D::File>> {
        let state = self.state();
        state.used.iter().find(|segment| segment.header.ordinal == ordinal).cloned()
    }

    /// The first number of each segment in use, oldest first.
    pub(crate) fn firsts(&self) -> Vec<(u64, Sequence)> {
        let state = self.state();
        state.used.iter().map(|s| (s.header.ordinal, s.header.first)).collect()
    }

    pub(crate) fn census(&self) -> Census {
        let state = self.state();
        Census { used: state.used.len(), free: state.free.len() }
    }
}

/// The number in a segment's name: that of the first segment that its file held. None when the
/// file is none of ours.
pub(crate) fn ordinal_of(name: &str) -> Option<u64> {
    u64::from_str_radix(name.strip_suffix(SUFFIX)?, 16).ok()
}

/// Reads a whole segment.
pub(crate) fn read_whole<F: SegmentFile>(file: &F, length: usize) -> io::Result<Vec<u8>> {
    let mut octets = vec![0; length];
    file.read(0, &mut octets)?;
    Ok(octets)
}
