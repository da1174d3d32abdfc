//! The index of one relay: atomic changes, what they do to the counts, and how they reach journal
//! and store.
//!
//! ```text
//!   change ─▶ journal (durable after a sync)
//!        └──▶ overlay (visible at once) ──▶ store, later and in large batches
//! ```
//!
//! Changes are made one at a time, under a lock that is held until the record has its place in the
//! journal. Readers take no lock of ours for longer than one key. An accepted message becomes
//! visible when its record is durable, in the journal's thread.

use std::{
    mem,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
};

use postroom_journal::{Place, Sequence};

use crate::{
    model::MessageId,
    spool::{
        Change, Entry, SpoolError,
        disk::Disk,
        index::{
            batch::{Batch, Op},
            index_batch::{Effect, IndexBatch},
            keys,
            overlay::Overlay,
            place::Located,
            sled_store::Store,
            tally::Tally,
            view::View,
        },
        journal::{
            log::{Durable, Log},
            record::{CHANGE, MESSAGE, Operation, Record, end_message, write_operation},
        },
        threads::lock,
    },
};

/// Octets of changes that may wait for the store, as when its disk is full: no more is accepted
/// then.
const MOST_WAITING: usize = 64 * 1024 * 1024;

/// The index. After [`Index::close`] every call fails.
pub(in crate::spool) struct Index {
    store: RwLock<Option<Store>>,
    pub(super) log: RwLock<Option<Arc<Log>>>,
    writer: Mutex<()>,
    pub(in crate::spool) memory: Arc<Memory>,
    /// A write or a sync of the store failed. sled then refuses everything, for ever: it has to be
    /// opened again.
    failed: AtomicBool,
    pub(super) flushing: Mutex<Flushing>,
    pub(super) disk: Disk,
}

/// How far the store is.
#[derive(Default, Debug)]
pub(super) struct Flushing {
    /// The number up to which the lower layer, if there is one, and the store know everything.
    pub(super) lower: Sequence,
    /// The number that the store has durably.
    pub(super) durable: Sequence,
}

/// What the journal's thread changes, too.
#[derive(Default)]
pub(in crate::spool) struct Memory {
    pub(in crate::spool) overlay: Overlay,
    pub(in crate::spool) tally: Mutex<Tally>,
    doomed: Mutex<Vec<MessageId>>,
    sooner: AtomicBool,
}

impl Memory {
    /// A message was logged once more, unless it was settled meanwhile.
    pub(in crate::spool) fn move_place(&self, key: Vec<u8>, old: Located, new: Located) {
        let now = self.overlay.get(&key);
        let still = match &now {
            // Only the store knows it, and that has what it had when the message was logged.
            None => true,
            Some(value) => value.as_deref().and_then(Located::from_value) == Some(old),
        };
        if still {
            let mut batch = Batch::default();
            batch.insert(key, new.to_value());
            self.overlay.apply(batch);
        }
    }

    pub(in crate::spool) fn follow(&self, batch: Batch, effect: Effect) {
        self.overlay.apply(batch);
        lock(&self.tally).follow(&effect);
        if !effect.doomed.is_empty() {
            lock(&self.doomed).extend(effect.doomed);
        }
        self.sooner.fetch_or(effect.sooner, Ordering::Relaxed);
    }
}

/// Octets and envelope of a message that goes into the journal, as in a file.
pub(in crate::spool) type MessageOctets = Vec<u8>;

impl Index {
    /// Over a store. Counts nothing yet and has no journal.
    pub(in crate::spool) fn new(store: Store, disk: Disk) -> Self {
        Self {
            store: RwLock::new(Some(store)),
            log: RwLock::default(),
            writer: Mutex::default(),
            memory: Arc::default(),
            failed: AtomicBool::new(false),
            flushing: Mutex::default(),
            disk,
        }
    }

    /// Counts what is there.
    pub(in crate::spool) fn count_all(&self) -> Result<(), SpoolError> {
        let tally = self.with(Tally::count)?;
        let mut counts = lock(&self.memory.tally);
        *counts = Tally { journal_lines: counts.journal_lines, ..tally };
        Ok(())
    }

    /// From now on every change is logged there.
    pub(in crate::spool) fn log_to(&self, log: Arc<Log>) {
        *self.log.write().unwrap_or_else(PoisonError::into_inner) = Some(log);
    }

    /// The journal.
    pub(in crate::spool) fn log(&self) -> Result<Arc<Log>, SpoolError> {
        let log = self.log.read().unwrap_or_else(PoisonError::into_inner);
        log.clone().ok_or_else(SpoolError::closed)
    }

    /// Whether the store has failed, and takes nothing any more.
    pub(in crate::spool) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    pub(super) fn note_failure(&self) {
        self.failed.store(true, Ordering::Relaxed);
    }

    /// Puts another store in the place of one that has failed, which is closed first. While none
    /// can be opened there is none.
    pub(in crate::spool) fn reopen(
        &self,
        open: impl FnOnce() -> Result<Store, SpoolError>,
    ) -> Result<(), SpoolError> {
        let mut place = self.store.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = place.take() {
            old.abandon();
        }
        *place = Some(open()?);
        self.failed.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Runs `act` on the store alone, which nobody closes meanwhile.
    pub(in crate::spool) fn with_store<T>(
        &self,
        act: impl FnOnce(&Store) -> Result<T, SpoolError>,
    ) -> Result<T, SpoolError> {
        let store = self.store.read().unwrap_or_else(PoisonError::into_inner);
        act(store.as_ref().ok_or_else(SpoolError::closed)?)
    }

    /// Runs `read` on what the index holds.
    pub(in crate::spool) fn with<T>(
        &self,
        read: impl FnOnce(View<'_>) -> Result<T, SpoolError>,
    ) -> Result<T, SpoolError> {
        self.with_store(|store| read(View::new(&self.memory.overlay, store)))
    }

    /// Makes an accepted message durable, then visible, then calls `done`, from the journal's
    /// thread. `octets` are none when it has a file, which must be durable already.
    pub(in crate::spool) fn admit(
        &self,
        octets: Option<MessageOctets>,
        entry: Entry,
        done: impl FnOnce(Result<Durable, SpoolError>) + Send + 'static,
    ) -> Result<(), SpoolError> {
        self.must_have_room()?;
        let id = entry.id;
        let mut staging = IndexBatch::default();
        staging.admit_new(entry)?;
        let (kind, in_journal) = if octets.is_some() { (MESSAGE, true) } else { (CHANGE, false) };
        let mut payload = octets.unwrap_or_default();
        let message = payload.len();
        let keys = log_batch(&staging.batch, &mut payload);
        if in_journal {
            end_message(message, &mut payload);
        }
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let memory = Arc::clone(&self.memory);
        self.log()?.append(kind, payload, keys, move |answer| {
            let durable = answer.map(|(durable, appended)| {
                if in_journal {
                    staging.place(id, Located { place: appended.place, octets: length });
                }
                memory.follow(staging.batch, staging.effect);
                durable
            });
            done(durable);
        })
    }

    /// All of the change or nothing of it.
    pub(in crate::spool) fn apply(&self, change: Change) -> Result<(), SpoolError> {
        self.write(|view, staging| staging.change(view, change))
    }

    /// Runs `stage` and makes visible what it staged, while nobody else changes anything. Durable
    /// after [`Index::wait`].
    pub(in crate::spool) fn write(
        &self,
        stage: impl FnOnce(View<'_>, &mut IndexBatch) -> Result<(), SpoolError>,
    ) -> Result<(), SpoolError> {
        self.must_have_room()?;
        let _alone = lock(&self.writer);
        let mut staging = IndexBatch::default();
        self.with(|view| stage(view, &mut staging))?;
        self.log_change(&staging.batch)?;
        self.memory.follow(staging.batch, staging.effect);
        Ok(())
    }

    /// Logs a change: as one record, unless it is too long for one, as when a clock was set and all
    /// charges get other times. Then a crash may keep the first records only. New charges stand
    /// before those that they replace, so that the budget is never larger than it should be.
    fn log_change(&self, batch: &Batch) -> Result<(), SpoolError> {
        let log = self.log()?;
        let most = log.most_payload();
        let mut payload = Vec::new();
        let keys = log_batch(batch, &mut payload);
        if keys.is_empty() {
            return Ok(());
        }
        if payload.len() <= most {
            return log.append(CHANGE, payload, keys, |_answer| {});
        }
        let (mut part, mut of_part) = (Vec::new(), Vec::new());
        for op in batch.ops() {
            let mut octets = Vec::new();
            let one = log_ops(std::slice::from_ref(op), &mut octets);
            if part.len() + octets.len() > most && !of_part.is_empty() {
                let record = (mem::take(&mut part), mem::take(&mut of_part));
                log.append(CHANGE, record.0, record.1, |_answer| {})?;
            }
            part.extend_from_slice(&octets);
            of_part.extend(one);
        }
        log.append(CHANGE, part, of_part, |_answer| {})
    }

    /// Makes visible what a record of the journal says.
    pub(in crate::spool) fn replay(
        &self,
        place: Place,
        octets: u32,
        record: &Record<'_>,
    ) -> Result<(), SpoolError> {
        let mut staging = IndexBatch::default();
        self.with(|view| {
            for operation in &record.operations {
                staging.replay(view, *operation)?;
                let id = keys::id_of(operation.key).filter(|_| record.message.is_some());
                if let Some(id) = id {
                    staging.place(id, Located { place, octets });
                }
            }
            Ok(())
        })?;
        self.memory.overlay.apply(staging.batch);
        Ok(())
    }

    fn must_have_room(&self) -> Result<(), SpoolError> {
        if self.memory.overlay.octets() > MOST_WAITING {
            return Err(SpoolError::Index(
                "too many changes wait for it; see whether its disk is full".to_owned(),
            ));
        }
        Ok(())
    }

    /// Tells when everything changed before the call is durable.
    pub(in crate::spool) fn wait(
        &self,
        tell: impl FnOnce(Result<(), SpoolError>) + Send + 'static,
    ) -> Result<(), SpoolError> {
        let log = self.log()?;
        let _alone = lock(&self.writer);
        let unlogged = log.take_unlogged();
        if !unlogged.is_empty()
            && let Err(error) = self.log_again(&log, unlogged.iter().cloned().collect())
        {
            log.give_back_unlogged(unlogged);
            return Err(error);
        }
        log.wait(tell);
        Ok(())
    }

    /// Logs what keys hold now. Called under the writers' lock.
    fn log_again(&self, log: &Log, keys: Vec<Vec<u8>>) -> Result<(), SpoolError> {
        let mut rest = keys.into_iter().peekable();
        while rest.peek().is_some() {
            let (mut payload, mut logged) = (Vec::new(), Vec::new());
            while payload.len() < log.most_payload() / 4
                && let Some(key) = rest.next()
            {
                let value = self.with(|view| view.read(&key))?;
                write_operation(Operation { key: &key, value: value.as_deref() }, &mut payload);
                logged.push(key);
            }
            log.append(CHANGE, payload, logged, |_answer| {})?;
        }
        Ok(())
    }

    /// Runs `act` while nobody changes anything. It is to log what it finds with
    /// [`Log::append`].
    pub(in crate::spool) fn alone<T>(
        &self,
        act: impl FnOnce(View<'_>, &Log) -> Result<T, SpoolError>,
    ) -> Result<T, SpoolError> {
        let log = self.log()?;
        let _alone = lock(&self.writer);
        self.with(|view| act(view, &log))
    }

    /// Waits until everything changed before the call is durable. Not on a thread that serves
    /// others.
    pub(in crate::spool) fn make_durable(&self) -> Result<(), SpoolError> {
        let (tell, told) = mpsc::channel();
        self.wait(move |durable| drop(tell.send(durable)))?;
        told.recv().map_err(|_ended| SpoolError::closed())?
    }

    /// Whether anything has become due sooner than before, since this was last asked.
    pub(in crate::spool) fn has_become_due_sooner(&self) -> bool {
        self.memory.sooner.swap(false, Ordering::Relaxed)
    }

    /// Settled messages with files, whose removal has been applied.
    pub(in crate::spool) fn take_doomed(&self) -> Vec<MessageId> {
        mem::take(&mut *lock(&self.memory.doomed))
    }

    /// Their removal is not durable yet.
    pub(in crate::spool) fn give_back_doomed(&self, doomed: Vec<MessageId>) {
        lock(&self.memory.doomed).extend(doomed);
    }

    /// Forgets tombstones: the files are gone for good.
    pub(in crate::spool) fn bury(&self, ids: &[MessageId]) -> Result<(), SpoolError> {
        self.write(|_view, staging| {
            ids.iter().for_each(|id| staging.batch.remove(keys::tombstone(*id)));
            Ok(())
        })
    }

    /// Closes the journal, which commits what waits, and the store; every later call fails.
    pub(in crate::spool) fn close(&self) {
        let log = self.log.write().unwrap_or_else(PoisonError::into_inner).take();
        drop(log);
        self.store.write().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// Appends to a record what the journal has of a batch, and yields its keys.
fn log_batch(batch: &Batch, payload: &mut Vec<u8>) -> Vec<Vec<u8>> {
    log_ops(batch.ops(), payload)
}

fn log_ops(ops: &[Op], payload: &mut Vec<u8>) -> Vec<Vec<u8>> {
    // Old lines of the history are forgotten everywhere by their age.
    let is_pruned = |op: &&Op| op.value.is_none() && op.key.starts_with(keys::JOURNAL);
    let logged = ops.iter().filter(|op| keys::is_logged(&op.key) && !is_pruned(op));
    logged
        .map(|Op { key, value, .. }| {
            write_operation(Operation { key, value: value.as_deref() }, payload);
            key.clone()
        })
        .collect()
}
