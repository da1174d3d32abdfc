//! Appends records in the order in which they take effect, and knows what is durable.
//!
//! A change is visible before its record is durable, so a record that the disk refuses leaves keys
//! behind whose present values no record has. They are kept, and whoever waits for durability next
//! has them logged once more, as they are by then: operations are absolute, so that heals
//! everything that was refused.

use std::{
    collections::BTreeSet,
    mem,
    path::Path,
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use crate::spool::{SpoolError, disk::Disk, journal::segment_disk::SegmentDisk, threads::lock};
use postroom_journal::{
    Appended, Draft, Journal, Kind, Options, Place, Recovered, Recovery, Sequence, Usage,
};

/// How long the committer waits for company when its last batch had some: about what a sync takes.
const LINGER: Duration = Duration::from_micros(200);

/// Proof that a record is durable. Made when the journal says so, and nowhere else.
#[derive(Debug)]
pub(in crate::spool) struct Durable(());

/// What is told of a record: that it is durable and where it is, or why not.
pub(in crate::spool) type Answer = Result<(Durable, Appended), SpoolError>;

/// The journal of everything that happens.
pub(in crate::spool) struct Log {
    journal: Journal<SegmentDisk>,
    progress: Arc<Progress>,
}

#[derive(Default)]
struct Progress(Mutex<State>);

#[derive(Default)]
struct State {
    /// Records handed to the journal.
    appended: u64,
    /// Records that it has answered. It answers in order.
    answered: u64,
    /// The number of the last durable one.
    durable: Sequence,
    /// Keys whose present values no record has, because the disk refused it.
    unlogged: BTreeSet<Vec<u8>>,
    /// Why it was refused last.
    refusal: Option<SpoolError>,
    waiting: Vec<Waiting>,
}

/// A caller that waits until a number of records is answered.
struct Waiting {
    until: u64,
    tell: Tell,
}

/// Tells who waits, on any thread.
type Tell = Box<dyn FnOnce(Result<(), SpoolError>) + Send>;

impl Log {
    /// Opens the journal in a folder that is there, and replays its records from a number on.
    pub(in crate::spool) fn open(
        disk: Disk,
        folder: &Path,
        segment: usize,
        from: Sequence,
        replay: impl FnMut(Recovered<'_>),
    ) -> Result<(Self, Recovery), SpoolError> {
        let options = Options { segment, linger: LINGER, ..Options::default() };
        let opened = Journal::open(SegmentDisk::new(disk, folder), options, from, replay);
        let (journal, recovery) = opened.map_err(|error| SpoolError::journal(&error))?;
        let durable = recovery.next.saturating_sub(1);
        let progress = Progress(Mutex::new(State { durable, ..State::default() }));
        Ok((Self { journal, progress: Arc::new(progress) }, recovery))
    }

    /// Appends a record. `done` is called from the journal's thread. `keys` are those that the
    /// record is about.
    pub(in crate::spool) fn append(
        &self,
        kind: Kind,
        payload: Vec<u8>,
        keys: Vec<Vec<u8>>,
        done: impl FnOnce(Answer) + Send + 'static,
    ) -> Result<(), SpoolError> {
        let progress = Arc::clone(&self.progress);
        // Held until the record has its place: the order of the numbers is that of the records.
        let mut state = lock(&self.progress.0);
        let number = state.appended.saturating_add(1);
        let appended = self.journal.append(Draft { kind, payload }, move |answer| match answer {
            Ok(appended) => {
                // First, so that whoever knows the number finds its effects.
                done(Ok((Durable(()), appended)));
                progress.succeeded(number, appended.sequence);
            }
            Err(error) => {
                let error = SpoolError::journal(&error);
                progress.failed(number, keys, &error);
                done(Err(error));
            }
        });
        appended.map_err(|error| SpoolError::journal(&error))?;
        state.appended = number;
        Ok(())
    }

    /// Appends a record and waits until it is durable. Not on a thread that serves others.
    pub(in crate::spool) fn append_patiently(
        &self,
        kind: Kind,
        payload: Vec<u8>,
        keys: Vec<Vec<u8>>,
    ) -> Result<(), SpoolError> {
        if keys.is_empty() {
            return Ok(());
        }
        self.append(kind, payload, keys, |_answer| {})?;
        let (tell, told) = mpsc::channel();
        self.wait(move |durable| drop(tell.send(durable)));
        told.recv().map_err(|_ended| SpoolError::closed())?
    }

    /// Tells when all records appended before the call are durable: at once, or from the journal's
    /// thread.
    pub(in crate::spool) fn wait(
        &self,
        tell: impl FnOnce(Result<(), SpoolError>) + Send + 'static,
    ) {
        let mut state = lock(&self.progress.0);
        let refused = state.refusal.as_ref().filter(|_| !state.unlogged.is_empty());
        if let Some(error) = refused.map(SpoolError::again) {
            // Refused since whoever waits had it logged again.
            drop(state);
            tell(Err(error));
        } else if state.answered == state.appended {
            drop(state);
            tell(Ok(()));
        } else {
            let until = state.appended;
            state.waiting.push(Waiting { until, tell: Box::new(tell) });
        }
    }

    /// Keys whose present values are to be logged again; the caller logs them, at once.
    pub(in crate::spool) fn take_unlogged(&self) -> BTreeSet<Vec<u8>> {
        mem::take(&mut lock(&self.progress.0).unlogged)
    }

    /// Keys that could not be logged after all.
    pub(in crate::spool) fn give_back_unlogged(&self, keys: BTreeSet<Vec<u8>>) {
        lock(&self.progress.0).unlogged.extend(keys);
    }

    /// The number of the last durable record: it and all before it have taken effect.
    pub(in crate::spool) fn durable(&self) -> Sequence {
        lock(&self.progress.0).durable
    }

    /// The longest payload of a record.
    pub(in crate::spool) fn most_payload(&self) -> usize {
        self.journal.most_payload()
    }

    /// The payload of a record.
    pub(in crate::spool) fn read(
        &self,
        place: Place,
    ) -> Result<Vec<u8>, postroom_journal::JournalError> {
        self.journal.read(place).map(|draft| draft.payload)
    }

    /// The payload of a record as it stands there, intact or not.
    pub(in crate::spool) fn salvage(&self, place: Place) -> Option<Vec<u8>> {
        self.journal.salvage(place)
    }

    /// The segments, oldest first, each with its first number.
    pub(in crate::spool) fn segments(&self) -> Vec<(u64, Sequence)> {
        self.journal.segments()
    }

    /// Replays one segment, up to a number.
    pub(in crate::spool) fn replay(
        &self,
        segment: u64,
        to: Sequence,
        replay: impl FnMut(Recovered<'_>),
    ) -> Result<(), SpoolError> {
        let replayed = self.journal.replay(segment, 0..=to, replay);
        replayed.map_err(|error| SpoolError::journal(&error))
    }

    /// Gives up all records before a number, as far as they fill whole segments.
    pub(in crate::spool) fn release(&self, before: Sequence) -> Result<(), SpoolError> {
        self.journal.release(before).map_err(|error| SpoolError::journal(&error))
    }

    /// The octets of a segment.
    pub(in crate::spool) fn segment_octets(&self) -> u64 {
        let Usage { used, free, octets } = self.journal.usage();
        octets / u64::try_from(used + free).unwrap_or(1).max(1)
    }

    /// The space that it takes.
    pub(in crate::spool) fn usage(&self) -> Usage {
        self.journal.usage()
    }
}

impl Progress {
    fn succeeded(&self, number: u64, sequence: Sequence) {
        let mut state = lock(&self.0);
        state.answered = number;
        state.durable = sequence;
        let ready = state.waiting.extract_if(.., |waiting| waiting.until <= number);
        for waiting in ready {
            (waiting.tell)(Ok(()));
        }
    }

    fn failed(&self, number: u64, keys: Vec<Vec<u8>>, error: &SpoolError) {
        let mut state = lock(&self.0);
        state.answered = number;
        state.unlogged.extend(keys);
        state.refusal = Some(error.again());
        // All of them wait for this record, too.
        for waiting in state.waiting.drain(..) {
            (waiting.tell)(Err(error.again()));
        }
    }
}
