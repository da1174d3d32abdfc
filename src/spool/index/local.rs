//! What has become of each message: reads, atomic changes, and the counts kept in memory.
//!
//! Changes are made one at a time, under a lock that is held for one batch. Readers take no lock of
//! ours.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{
        Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use serde::de::DeserializeOwned;

use crate::{
    model::{AccountName, DeviceName, MessageId, Timestamp},
    spool::{
        Change, Charge, Entry, JournalLine, SpoolError,
        disk::{Deed, Disk},
        index::index_batch::{Effect, IndexBatch, read_entry, unrecord},
        index::keys,
        index::sled_store::{Pair, Store},
        threads::lock,
    },
};

/// Keys deleted in one batch while pruning: no change has to wait long.
const PRUNED_AT_ONCE: usize = 512;

/// The index. After [`Index::close`] every call fails.
pub(in crate::spool) struct Index {
    store: RwLock<Option<Store>>,
    writer: Mutex<()>,
    tally: Mutex<Tally>,
    doomed: Mutex<Vec<MessageId>>,
    sooner: AtomicBool,
    /// A write or a sync failed. sled then refuses everything, for ever: it has to be opened again.
    failed: AtomicBool,
    disk: Disk,
}

/// Counts that would be too slow to ask the disk for.
#[derive(Default)]
struct Tally {
    messages: u64,
    /// Messages in the due index, by account and device. Bounded by the names in the config and in
    /// the queue.
    waiting: BTreeMap<AccountName, BTreeMap<DeviceName, u64>>,
    journal_lines: u64,
}

impl Index {
    /// Counts what is there.
    pub(in crate::spool) fn new(store: Store, disk: Disk) -> Result<Self, SpoolError> {
        let (tally, writer, doomed) =
            (Mutex::new(Tally::count(&store)?), Mutex::default(), Mutex::default());
        let (sooner, failed) = (AtomicBool::new(false), AtomicBool::new(false));
        Ok(Self { store: RwLock::new(Some(store)), writer, tally, doomed, sooner, failed, disk })
    }

    /// Whether the store has failed, and takes nothing any more.
    pub(in crate::spool) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Opens the store again after it has failed, as a start would: what was not durable is
    /// forgotten, for recovery to find. While it cannot be opened it stays closed.
    pub(in crate::spool) fn reopen(
        &self,
        open: impl FnOnce() -> Result<Store, SpoolError>,
    ) -> Result<(), SpoolError> {
        let _alone = lock(&self.writer);
        let mut place = self.store.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = place.take() {
            old.abandon();
        }
        let store = open()?;
        let journal_lines = lock(&self.tally).journal_lines;
        *lock(&self.tally) = Tally { journal_lines, ..Tally::count(&store)? };
        // Files of messages whose removal was durable have tombstones.
        lock(&self.doomed).clear();
        *place = Some(store);
        self.failed.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Runs what changes the store, and remembers that it failed.
    fn attend<T>(
        &self,
        deed: Deed<'_>,
        act: impl FnOnce() -> Result<T, SpoolError>,
    ) -> Result<T, SpoolError> {
        let done = self.disk.attend(deed, act);
        if done.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        done
    }

    /// True when nothing was there before.
    pub(in crate::spool) fn is_new(&self) -> Result<bool, SpoolError> {
        self.with(|store| Ok(store.is_new()))
    }

    /// Adds messages that are new, all in one batch.
    pub(in crate::spool) fn admit(&self, entries: Vec<Entry>) -> Result<(), SpoolError> {
        self.write(|_store, staging| entries.into_iter().try_for_each(|entry| staging.admit(entry)))
    }

    /// All of the change or nothing of it.
    pub(in crate::spool) fn apply(&self, change: Change) -> Result<(), SpoolError> {
        self.write(|store, staging| staging.change(store, change))
    }

    /// Runs `stage` and writes what it staged, while nobody else changes anything.
    pub(in crate::spool) fn write(
        &self,
        stage: impl FnOnce(&Store, &mut IndexBatch) -> Result<(), SpoolError>,
    ) -> Result<(), SpoolError> {
        let _alone = lock(&self.writer);
        let effect = self.with(|store| {
            let mut staging = IndexBatch::default();
            stage(store, &mut staging)?;
            let IndexBatch { batch, effect, .. } = staging;
            self.attend(Deed::WriteIndex, || store.write(batch)).map(|()| effect)
        })?;
        lock(&self.tally).follow(&effect);
        lock(&self.doomed).extend(effect.doomed);
        self.sooner.fetch_or(effect.sooner, Ordering::Relaxed);
        Ok(())
    }

    /// Whether anything has become due sooner than before, since this was last asked.
    pub(in crate::spool) fn has_become_due_sooner(&self) -> bool {
        self.sooner.swap(false, Ordering::Relaxed)
    }

    /// Makes durable what was written before the call; yields the messages whose removal is durable
    /// with it.
    pub(in crate::spool) fn sync(&self) -> Result<Vec<MessageId>, SpoolError> {
        let doomed = std::mem::take(&mut *lock(&self.doomed));
        match self.make_durable() {
            Ok(()) => Ok(doomed),
            Err(error) => {
                lock(&self.doomed).extend(doomed);
                Err(error)
            }
        }
    }

    /// Makes durable what was written before the call.
    pub(in crate::spool) fn make_durable(&self) -> Result<(), SpoolError> {
        self.with(|store| self.attend(Deed::SyncIndex, || store.sync()))
    }

    /// Forgets tombstones: the files are gone for good.
    pub(in crate::spool) fn bury(&self, ids: &[MessageId]) -> Result<(), SpoolError> {
        self.write(|_store, staging| {
            ids.iter().for_each(|id| staging.batch.remove(keys::tombstone(*id)));
            Ok(())
        })
    }

    pub(in crate::spool) fn entry(&self, id: MessageId) -> Result<Option<Entry>, SpoolError> {
        self.with(|store| read_entry(store, id))
    }

    /// Runs `read` on the store, which nobody closes meanwhile.
    pub(in crate::spool) fn with<T>(
        &self,
        read: impl FnOnce(&Store) -> Result<T, SpoolError>,
    ) -> Result<T, SpoolError> {
        let store = self.store.read().unwrap_or_else(PoisonError::into_inner);
        read(store.as_ref().ok_or_else(SpoolError::closed)?)
    }

    pub(in crate::spool) fn first_due(
        &self,
        account: &AccountName,
        device: &DeviceName,
        limit: usize,
    ) -> Result<Vec<(Timestamp, MessageId)>, SpoolError> {
        let due = |pair: Result<Pair, SpoolError>| {
            pair.map(|pair| keys::read_due(&pair.key).map(|(_account, _device, due, id)| (due, id)))
                .transpose()
        };
        self.with(|store| {
            store.pairs(all(&keys::due_of(account, device))).filter_map(due).take(limit).collect()
        })
    }

    pub(in crate::spool) fn charges(
        &self,
        account: &AccountName,
        since: Timestamp,
    ) -> Result<Vec<Charge>, SpoolError> {
        let range = keys::charges_from(account, since)..keys::end_of(&keys::charges(account));
        self.with(|store| store.pairs(range).map(|pair| unrecord(&pair?.value)).collect())
    }

    /// Entries by id. One that cannot be read is left out: recovery rebuilds it.
    pub(in crate::spool) fn list(
        &self,
        after: Option<MessageId>,
        limit: usize,
    ) -> Result<Vec<Entry>, SpoolError> {
        let start =
            after.map_or_else(|| keys::ENTRIES.to_vec(), |id| keys::end_of(&keys::entry(id)));
        self.with(|store| {
            let readable = |pair: Result<Pair, SpoolError>| {
                pair.map(|pair| unrecord(&pair.value).ok()).transpose()
            };
            store
                .pairs(start..keys::end_of(keys::ENTRIES))
                .filter_map(readable)
                .take(limit)
                .collect()
        })
    }

    /// Journal lines before a time, newest first. Lines of one millisecond are never parted, so the
    /// last line's time leads to the next page; there may be some more of them than `limit`.
    pub(in crate::spool) fn journal(
        &self,
        before: Option<Timestamp>,
        limit: usize,
    ) -> Result<Vec<JournalLine>, SpoolError> {
        let end = before.map_or_else(|| keys::end_of(keys::JOURNAL), keys::journal_from);
        let mut lines: Vec<JournalLine> = Vec::new();
        self.with(|store| {
            for pair in store.pairs(keys::JOURNAL.to_vec()..end).rev() {
                let Pair { key, value } = pair?;
                if lines.len() >= limit
                    && lines.last().map(|line| line.at) != keys::journal_time(&key)
                {
                    break;
                }
                // A line that cannot be read says nothing to anybody, and must not hide the others.
                lines.extend(unrecord::<JournalLine>(&value).ok());
            }
            Ok(lines)
        })
    }

    pub(in crate::spool) fn recall<T: DeserializeOwned>(
        &self,
        kind: &str,
        name: &str,
    ) -> Result<Option<T>, SpoolError> {
        self.with(|store| {
            store.read(&keys::remembered(kind, name))?.map(|value| unrecord(&value)).transpose()
        })
    }

    /// All values of a kind with their names; none where it cannot be read.
    pub(in crate::spool) fn recall_all<T: DeserializeOwned>(
        &self,
        kind: &str,
    ) -> Result<Vec<(String, Option<T>)>, SpoolError> {
        let prefix = keys::remembered(kind, "");
        self.with(|store| {
            let pairs = store.pairs(all(&prefix));
            let named = |pair: Result<Pair, SpoolError>| {
                let Pair { key, value } = pair?;
                let name = key.strip_prefix(prefix.as_slice()).unwrap_or_default();
                Ok((String::from_utf8_lossy(name).into_owned(), unrecord(&value).ok()))
            };
            pairs.map(named).collect()
        })
    }

    /// Messages that are settled and whose files may still be there.
    pub(in crate::spool) fn tombstones(&self) -> Result<Vec<MessageId>, SpoolError> {
        self.ids(keys::TOMBSTONES)
    }

    /// Messages of which some recipients are being attempted, or were when the last process ended.
    pub(in crate::spool) fn attempts(&self) -> Result<Vec<MessageId>, SpoolError> {
        self.ids(keys::ATTEMPTS)
    }

    fn ids(&self, kind: &[u8]) -> Result<Vec<MessageId>, SpoolError> {
        let id =
            |pair: Result<Pair, SpoolError>| pair.map(|pair| keys::id_of(&pair.key)).transpose();
        self.with(|store| store.pairs(all(kind)).filter_map(id).collect())
    }

    /// Deletes charges older than a time.
    pub(in crate::spool) fn prune_charges(&self, before: Timestamp) -> Result<(), SpoolError> {
        let old = self.with(|store| {
            let old = |key: &[u8]| keys::charge_time(key).is_none_or(|at| at < before);
            keys_of(
                store
                    .pairs(all(keys::CHARGES))
                    .filter(|pair| pair.as_ref().map_or(true, |pair| old(&pair.key))),
                usize::MAX,
            )
        })?;
        for some in old.chunks(PRUNED_AT_ONCE) {
            self.delete(some)?;
        }
        Ok(())
    }

    /// Deletes journal lines older than a time, and the oldest beyond `limit` lines.
    pub(in crate::spool) fn prune_journal(
        &self,
        before: Timestamp,
        limit: u64,
    ) -> Result<(), SpoolError> {
        loop {
            let surplus = usize::try_from(lock(&self.tally).journal_lines.saturating_sub(limit))
                .unwrap_or(usize::MAX);
            let (end, most) = match surplus {
                0 => (keys::journal_from(before), PRUNED_AT_ONCE),
                surplus => (keys::end_of(keys::JOURNAL), surplus.min(PRUNED_AT_ONCE)),
            };
            let old = self.with(|store| keys_of(store.pairs(keys::JOURNAL.to_vec()..end), most))?;
            if old.is_empty() {
                return Ok(());
            }
            self.delete(&old)?;
            let mut tally = lock(&self.tally);
            tally.journal_lines =
                tally.journal_lines.saturating_sub(u64::try_from(old.len()).unwrap_or(0));
        }
    }

    /// Counts the lines of the journal, which [`Index::prune_journal`] needs to know.
    pub(in crate::spool) fn count_journal(&self) -> Result<(), SpoolError> {
        let lines = self.with(|store| {
            store.pairs(all(keys::JOURNAL)).try_fold(0_u64, |lines, pair| {
                pair?;
                Ok(lines + 1)
            })
        })?;
        lock(&self.tally).journal_lines = lines;
        Ok(())
    }

    fn delete(&self, old: &[Vec<u8>]) -> Result<(), SpoolError> {
        self.write(|_store, staging| {
            old.iter().for_each(|key| staging.batch.remove(key.clone()));
            Ok(())
        })
    }

    pub(in crate::spool) fn devices_waiting(&self, account: &AccountName) -> Vec<DeviceName> {
        lock(&self.tally)
            .waiting
            .get(account)
            .map(|devices| devices.keys().cloned().collect())
            .unwrap_or_default()
    }

    pub(in crate::spool) fn accounts_waiting(&self) -> Vec<(AccountName, u64)> {
        lock(&self.tally)
            .waiting
            .iter()
            .map(|(account, devices)| (account.clone(), devices.values().sum()))
            .collect()
    }

    pub(in crate::spool) fn count(&self) -> u64 {
        lock(&self.tally).messages
    }

    /// Closes the store; every later call fails.
    pub(in crate::spool) fn close(&self) {
        self.store.write().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl Tally {
    /// One walk over the due index and one over the keys of the entries.
    fn count(store: &Store) -> Result<Self, SpoolError> {
        let mut tally = Self::default();
        for pair in store.pairs(all(keys::DUE)) {
            if let Some((account, device, _due, _id)) = keys::read_due(&pair?.key) {
                tally.more(account, device);
            }
        }
        for pair in store.pairs(all(keys::ENTRIES)) {
            pair?;
            tally.messages += 1;
        }
        Ok(tally)
    }

    fn more(&mut self, account: AccountName, device: DeviceName) {
        *self.waiting.entry(account).or_default().entry(device).or_default() += 1;
    }

    fn less(&mut self, account: &AccountName, device: &DeviceName) {
        let Some(devices) = self.waiting.get_mut(account) else { return };
        if let Some(messages) = devices.get_mut(device) {
            *messages = messages.saturating_sub(1);
        }
        devices.retain(|_device, messages| *messages > 0);
        if devices.is_empty() {
            self.waiting.remove(account);
        }
    }

    fn follow(&mut self, effect: &Effect) {
        self.messages = (self.messages + effect.admitted).saturating_sub(effect.removed);
        self.journal_lines += effect.journal_lines;
        for (account, device) in &effect.waiting_more {
            self.more(account.clone(), device.clone());
        }
        for (account, device) in &effect.waiting_less {
            self.less(account, device);
        }
    }
}

/// All keys that begin with a prefix.
pub(in crate::spool) fn all(prefix: &[u8]) -> Range<Vec<u8>> {
    prefix.to_vec()..keys::end_of(prefix)
}

fn keys_of(
    pairs: impl Iterator<Item = Result<Pair, SpoolError>>,
    most: usize,
) -> Result<Vec<Vec<u8>>, SpoolError> {
    pairs.take(most).map(|pair| pair.map(|pair| pair.key)).collect()
}
