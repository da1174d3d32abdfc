//! The thread that writes: takes all that waits, writes it at once, syncs once, tells everybody.

use std::{
    mem,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use crate::{
    JournalError,
    disk::{Disk, SegmentFile},
    format::{PAGE, RecordHeader, extent},
    ring::Segment,
    shared::{Appended, BATCH, Draft, Place, Shared, Start, Waiting},
};

/// Writes until the queue is closed.
pub(crate) fn run<D: Disk>(shared: &Arc<Shared<D>>, start: Start<D::File>) {
    let mut writer = Writer { shared, start, batch: Vec::with_capacity(PAGE) };
    let mut company = false;
    loop {
        let linger = if company { shared.options.linger } else { Duration::ZERO };
        let Some(all) = shared.queue.take(linger) else { return };
        company = all.len() > 1;
        let mut rest = all.into_iter().peekable();
        while rest.peek().is_some() {
            let mut some = Vec::new();
            let mut octets = 0;
            while let Some(one) = rest
                .next_if(|one| some.is_empty() || octets + extent(one.draft.payload.len()) <= BATCH)
            {
                octets += extent(one.draft.payload.len());
                some.push(one);
            }
            writer.commit(some);
        }
        // Between two batches nobody waits for the zeros but those who come meanwhile; when there
        // is no room for them, whoever needs them will hear of it.
        let _may_fail = shared.ring.provide();
    }
}

struct Writer<'a, D: Disk> {
    shared: &'a Arc<Shared<D>>,
    start: Start<D::File>,
    batch: Vec<u8>,
}

impl<D: Disk> Writer<'_, D> {
    fn commit(&mut self, all: Vec<Waiting>) {
        let places = self.write(&all);
        let counter = if places.is_ok() { &self.shared.batches } else { &self.shared.refused };
        counter.fetch_add(1, Ordering::Relaxed);
        match places {
            Ok(places) => {
                let records = u64::try_from(places.len()).unwrap_or(u64::MAX);
                self.shared.records.fetch_add(records, Ordering::Relaxed);
                for (waiting, appended) in all.into_iter().zip(places) {
                    (waiting.done)(Ok(appended));
                }
            }
            Err(problem) => {
                for waiting in all {
                    (waiting.done)(Err(problem.again()));
                }
            }
        }
    }

    /// One write and one sync. When either fails the segment is abandoned; the numbers are used up.
    fn write(&mut self, all: &[Waiting]) -> Result<Vec<Appended>, JournalError> {
        let octets = all.iter().map(|waiting| extent(waiting.draft.payload.len())).sum::<usize>();
        let (segment, at) = self.room_for(octets)?;
        let (begin, header) = match at {
            0 => (0, self.begin_segment(&segment)),
            at => (at, 0),
        };
        let mut appended = Vec::with_capacity(all.len());
        let head_records = self.start.next.saturating_sub(segment.header.first);
        let in_head = u32::try_from(if header > 0 { head_records } else { 0 }).unwrap_or(u32::MAX);
        for (index, waiting) in (0_u32..).zip(all) {
            let offset = begin + self.batch.len();
            let place = Place {
                segment: segment.header.ordinal,
                offset: u32::try_from(offset).unwrap_or(u32::MAX),
            };
            appended.push(Appended { sequence: self.start.next, place });
            let Draft { kind, payload } = &waiting.draft;
            RecordHeader::of(self.start.next, *kind, in_head.saturating_add(index), payload).write(
                segment.header.nonce,
                payload,
                &mut self.batch,
            );
            self.start.next = self.start.next.saturating_add(1);
        }
        let batch = mem::take(&mut self.batch);
        let offset = u64::try_from(begin).unwrap_or(u64::MAX);
        let written = segment.file.write(offset, &batch).map_err(|e| ("write", e));
        let synced = written.and_then(|()| segment.file.sync().map_err(|e| ("sync", e)));
        let end = (begin + batch.len()).next_multiple_of(PAGE);
        self.batch = batch;
        self.batch.clear();
        match synced {
            Ok(()) => {
                self.start.active = Some((segment, end));
                Ok(appended)
            }
            Err((what, problem)) => {
                if header > 0 {
                    self.shared.ring.give_up(segment.header.ordinal);
                } else {
                    self.shared.ring.abandon(segment.header.ordinal);
                }
                self.start.active = None;
                Err(JournalError::disk(what, problem))
            }
        }
    }

    /// A segment with room for this number of octets, and where they go: 0 when its header is to be
    /// written first.
    fn room_for(&mut self, octets: usize) -> Result<(Segment<D::File>, usize), JournalError> {
        if let Some((segment, at)) = &self.start.active
            && at + octets <= self.shared.options.segment
        {
            return Ok((segment.clone(), *at));
        }
        let begun = self.shared.ring.begin(self.start.next);
        let segment = begun.map_err(|problem| JournalError::disk("extend", problem))?;
        self.start.active = None;
        Ok((segment, 0))
    }

    /// Puts header page and head into the batch. Yields the header's octets.
    fn begin_segment(&mut self, segment: &Segment<D::File>) -> usize {
        self.batch.extend_from_slice(&segment.header.page());
        let most = self.shared.options.segment / 2;
        for (place, draft) in (0_u32..).zip((self.shared.options.head)()) {
            if self.batch.len() + extent(draft.payload.len()) > most {
                break;
            }
            RecordHeader::of(self.start.next, draft.kind, place, &draft.payload).write(
                segment.header.nonce,
                &draft.payload,
                &mut self.batch,
            );
            self.start.next = self.start.next.saturating_add(1);
        }
        PAGE
    }
}
