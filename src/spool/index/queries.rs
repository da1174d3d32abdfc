//! What the rest of the spool asks of the index.

use serde::de::DeserializeOwned;

use crate::{
    model::{AccountName, DeviceName, MessageId, Timestamp},
    spool::{
        Charge, Entry, JournalLine, SpoolError,
        index::{
            index_batch::{read_entry, unrecord},
            keys::{self, all},
            local::Index,
            place::Located,
            sled_store::Pair,
        },
        threads::lock,
    },
};

/// Keys deleted in one batch while pruning: no change has to wait long.
const PRUNED_AT_ONCE: usize = 512;

impl Index {
    pub(in crate::spool) fn entry(&self, id: MessageId) -> Result<Option<Entry>, SpoolError> {
        self.with(|view| read_entry(view, id))
    }

    /// Where the journal keeps a message; none when it has a file.
    pub(in crate::spool) fn located(&self, id: MessageId) -> Result<Option<Located>, SpoolError> {
        let value = self.with(|view| view.read(&keys::place(id)))?;
        Ok(value.and_then(|value| Located::from_value(&value)))
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
        self.with(|view| {
            view.pairs(all(&keys::due_of(account, device))).filter_map(due).take(limit).collect()
        })
    }

    pub(in crate::spool) fn charges(
        &self,
        account: &AccountName,
        since: Timestamp,
    ) -> Result<Vec<Charge>, SpoolError> {
        let range = keys::charges_from(account, since)..keys::end_of(&keys::charges(account));
        self.with(|view| view.pairs(range).map(|pair| unrecord(&pair?.value)).collect())
    }

    /// Entries by id. One that cannot be read is left out: recovery rebuilds it.
    pub(in crate::spool) fn list(
        &self,
        after: Option<MessageId>,
        limit: usize,
    ) -> Result<Vec<Entry>, SpoolError> {
        let start =
            after.map_or_else(|| keys::ENTRIES.to_vec(), |id| keys::end_of(&keys::entry(id)));
        self.with(|view| {
            let readable = |pair: Result<Pair, SpoolError>| {
                pair.map(|pair| unrecord(&pair.value).ok()).transpose()
            };
            view.pairs(start..keys::end_of(keys::ENTRIES))
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
        self.with(|view| {
            for pair in view.pairs_back(keys::JOURNAL.to_vec()..end) {
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
        self.with(|view| {
            view.read(&keys::remembered(kind, name))?.map(|value| unrecord(&value)).transpose()
        })
    }

    /// All values of a kind with their names; none where it cannot be read.
    pub(in crate::spool) fn recall_all<T: DeserializeOwned>(
        &self,
        kind: &str,
    ) -> Result<Vec<(String, Option<T>)>, SpoolError> {
        let prefix = keys::remembered(kind, "");
        self.with(|view| {
            let pairs = view.pairs(all(&prefix));
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
        self.with(|view| view.pairs(all(kind)).filter_map(id).collect())
    }

    /// Deletes charges older than a time.
    pub(in crate::spool) fn prune_charges(&self, before: Timestamp) -> Result<(), SpoolError> {
        let old = self.with(|view| {
            let old = |key: &[u8]| keys::charge_time(key).is_none_or(|at| at < before);
            keys_of(
                view.pairs(all(keys::CHARGES))
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
            let surplus =
                usize::try_from(lock(&self.memory.tally).journal_lines.saturating_sub(limit))
                    .unwrap_or(usize::MAX);
            let (end, most) = match surplus {
                0 => (keys::journal_from(before), PRUNED_AT_ONCE),
                surplus => (keys::end_of(keys::JOURNAL), surplus.min(PRUNED_AT_ONCE)),
            };
            let old = self.with(|view| keys_of(view.pairs(keys::JOURNAL.to_vec()..end), most))?;
            if old.is_empty() {
                return Ok(());
            }
            self.delete(&old)?;
            let mut tally = lock(&self.memory.tally);
            tally.journal_lines =
                tally.journal_lines.saturating_sub(u64::try_from(old.len()).unwrap_or(0));
        }
    }

    /// Counts the lines of the journal, which [`Index::prune_journal`] needs to know.
    pub(in crate::spool) fn count_journal(&self) -> Result<(), SpoolError> {
        let lines = self.with(|view| {
            view.pairs(all(keys::JOURNAL)).try_fold(0_u64, |lines, pair| {
                pair?;
                Ok(lines + 1)
            })
        })?;
        lock(&self.memory.tally).journal_lines = lines;
        Ok(())
    }

    fn delete(&self, old: &[Vec<u8>]) -> Result<(), SpoolError> {
        self.write(|_view, staging| {
            old.iter().for_each(|key| staging.batch.remove(key.clone()));
            Ok(())
        })
    }

    pub(in crate::spool) fn devices_waiting(&self, account: &AccountName) -> Vec<DeviceName> {
        lock(&self.memory.tally)
            .waiting
            .get(account)
            .map(|devices| devices.keys().cloned().collect())
            .unwrap_or_default()
    }

    pub(in crate::spool) fn accounts_waiting(&self) -> Vec<(AccountName, u64)> {
        lock(&self.memory.tally)
            .waiting
            .iter()
            .map(|(account, devices)| (account.clone(), devices.values().sum()))
            .collect()
    }

    pub(in crate::spool) fn count(&self) -> u64 {
        lock(&self.memory.tally).messages
    }
}

fn keys_of(
    pairs: impl Iterator<Item = Result<Pair, SpoolError>>,
    most: usize,
) -> Result<Vec<Vec<u8>>, SpoolError> {
    pairs.take(most).map(|pair| pair.map(|pair| pair.key)).collect()
}
