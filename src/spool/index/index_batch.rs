//! Turns a [`Change`] into one batch of keys, and into what it does to the counts kept in memory.

use std::collections::BTreeMap;

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    model::{AccountName, DeviceName, MessageId, Timestamp},
    spool::{
        Change, Entry, Memo, Progress, SpoolError,
        index::{batch::Batch, keys, place::Located, view::View},
        journal::record::Operation,
    },
};

/// The form of the records. Another form gets another number, and a reader for both.
const VERSION: u8 = 1;

/// Changes gathered for one batch.
#[derive(Default)]
pub(in crate::spool) struct IndexBatch {
    pub(in crate::spool) batch: Batch,
    pub(in crate::spool) effect: Effect,
    /// Entries as they are within this batch; none once removed.
    staged: BTreeMap<MessageId, Option<Entry>>,
    /// The store has certainly none of the keys.
    is_new: bool,
}

/// What a batch does to the counts, once it is written.
#[derive(Default)]
pub(in crate::spool) struct Effect {
    pub(in crate::spool) admitted: u64,
    pub(in crate::spool) removed: u64,
    pub(in crate::spool) waiting_more: Vec<(AccountName, DeviceName)>,
    pub(in crate::spool) waiting_less: Vec<(AccountName, DeviceName)>,
    pub(in crate::spool) journal_lines: u64,
    /// Octets of messages in the journal: those that came, and those that are settled.
    pub(in crate::spool) placed: u64,
    pub(in crate::spool) freed: u64,
    /// Something is due sooner than before: the queue must look.
    pub(in crate::spool) sooner: bool,
    /// Settled messages, whose files go after the next sync.
    pub(in crate::spool) doomed: Vec<MessageId>,
}

impl IndexBatch {
    /// A message that the index does not have.
    pub(in crate::spool) fn admit(&mut self, entry: Entry) -> Result<(), SpoolError> {
        self.effect.admitted += 1;
        self.replace(None, entry)
    }

    /// A message with an id that was never used before.
    pub(in crate::spool) fn admit_new(&mut self, entry: Entry) -> Result<(), SpoolError> {
        self.is_new = true;
        self.admit(entry)
    }

    /// Where the journal keeps a message from now on.
    pub(in crate::spool) fn place(&mut self, id: MessageId, located: Located) {
        self.effect.placed += u64::from(located.octets);
        self.insert(keys::place(id), located.to_value());
    }

    fn insert(&mut self, key: Vec<u8>, value: Vec<u8>) {
        if self.is_new {
            self.batch.insert_new(key, value);
        } else {
            self.batch.insert(key, value);
        }
    }

    /// What a record of the journal says, whether the index has it already or not.
    pub(in crate::spool) fn replay(
        &mut self,
        view: View<'_>,
        operation: Operation<'_>,
    ) -> Result<(), SpoolError> {
        let Operation { key, value } = operation;
        let entry_of = keys::id_of(key).filter(|_id| key.starts_with(keys::ENTRIES));
        match (entry_of, value) {
            (Some(id), Some(value)) => match unrecord(value) {
                Ok(entry) => {
                    let before = self.current(view, id).ok();
                    self.replace(before.as_ref(), entry)
                }
                // Recovery rebuilds it from the message.
                Err(_unreadable) => {
                    self.batch.insert(key.to_vec(), value.to_vec());
                    Ok(())
                }
            },
            (Some(id), None) => match self.remove(view, id) {
                Err(SpoolError::NotFound(_)) => Ok(()),
                removed => removed,
            },
            (None, Some(value)) => {
                self.batch.insert(key.to_vec(), value.to_vec());
                Ok(())
            }
            (None, None) => {
                self.batch.remove(key.to_vec());
                Ok(())
            }
        }
    }

    /// Everything that a change asks for.
    pub(in crate::spool) fn change(
        &mut self,
        view: View<'_>,
        change: Change,
    ) -> Result<(), SpoolError> {
        for entry in change.put {
            let before = self.current(view, entry.id)?;
            self.replace(Some(&before), entry)?;
        }
        for id in change.remove {
            let has_file = !view.has(&keys::place(id))?;
            self.remove(view, id)?;
            if has_file {
                self.batch.insert(keys::tombstone(id), Vec::new());
                self.effect.doomed.push(id);
            }
        }
        for charge in change.charge {
            self.batch.insert(keys::charge(&charge), record(&charge)?);
        }
        for charge in change.refund {
            self.batch.remove(keys::charge(&charge));
        }
        for line in change.journal {
            self.effect.journal_lines += 1;
            self.batch.insert(keys::journal(&line), record(&line)?);
        }
        for Memo { kind, name, value } in change.remember {
            let key = keys::remembered(kind.as_str(), &name);
            match value {
                Some(value) => self.batch.insert(key, record(&value)?),
                None => self.batch.remove(key),
            }
        }
        Ok(())
    }

    /// Takes a message out of the queue, without a tombstone: its file is no longer our concern.
    pub(in crate::spool) fn remove(
        &mut self,
        view: View<'_>,
        id: MessageId,
    ) -> Result<(), SpoolError> {
        let before = self.current(view, id)?;
        for (account, due) in before.due_by_account() {
            self.forget_due(account, &before, due);
        }
        if is_attempting(&before) {
            self.batch.remove(keys::attempt(id));
        }
        if let Some(value) = view.read(&keys::place(id))? {
            let located = Located::from_value(&value);
            self.effect.freed += located.map_or(0, |located| u64::from(located.octets));
            self.batch.remove(keys::place(id));
        }
        self.batch.remove(keys::entry(id));
        self.effect.removed += 1;
        self.staged.insert(id, None);
        Ok(())
    }

    fn current(&self, view: View<'_>, id: MessageId) -> Result<Entry, SpoolError> {
        match self.staged.get(&id) {
            Some(staged) => staged.clone().ok_or(SpoolError::NotFound(id)),
            None => read_entry(view, id)?.ok_or(SpoolError::NotFound(id)),
        }
    }

    /// The old due time is taken from the entry as it was, so that none is left over.
    fn replace(&mut self, before: Option<&Entry>, entry: Entry) -> Result<(), SpoolError> {
        let same_device = before.is_none_or(|before| before.device == entry.device);
        let (old, new) =
            (before.map(Entry::due_by_account).unwrap_or_default(), entry.due_by_account());
        for (account, due) in &old {
            if let Some(before) = before.filter(|_| !same_device || new.get(account) != Some(due)) {
                self.forget_due(account, before, *due);
            }
        }
        for (account, due) in &new {
            let was_due = old.get(account);
            self.effect.sooner |= was_due.is_none_or(|was_due| due < was_due);
            if !same_device || was_due != Some(due) {
                self.insert(keys::due(account, &entry.device, *due, entry.id), Vec::new());
                self.effect.waiting_more.push(((*account).clone(), entry.device.clone()));
            }
        }
        match (before.is_some_and(is_attempting), is_attempting(&entry)) {
            (false, true) => self.batch.insert(keys::attempt(entry.id), Vec::new()),
            (true, false) => self.batch.remove(keys::attempt(entry.id)),
            (false, false) | (true, true) => {}
        }
        self.insert(keys::entry(entry.id), record(&entry)?);
        self.staged.insert(entry.id, Some(entry));
        Ok(())
    }

    fn forget_due(&mut self, account: &AccountName, entry: &Entry, due: Timestamp) {
        self.batch.remove(keys::due(account, &entry.device, due, entry.id));
        self.effect.waiting_less.push((account.clone(), entry.device.clone()));
    }
}

fn is_attempting(entry: &Entry) -> bool {
    entry.recipients.iter().any(|recipient| match recipient.progress {
        Progress::Attempting(_) => true,
        Progress::Waiting { .. } | Progress::Delivered(_) | Progress::Failed(_) => false,
    })
}

/// The entry of a message.
pub(in crate::spool) fn read_entry(
    view: View<'_>,
    id: MessageId,
) -> Result<Option<Entry>, SpoolError> {
    view.read(&keys::entry(id))?.map(|value| unrecord(&value)).transpose()
}

/// A record as it is stored.
pub(in crate::spool) fn record(value: &impl Serialize) -> Result<Vec<u8>, SpoolError> {
    let mut record = vec![VERSION];
    serde_json::to_writer(&mut record, value).map_err(|e| SpoolError::Index(e.to_string()))?;
    Ok(record)
}

/// What a stored record says.
pub(in crate::spool) fn unrecord<T: DeserializeOwned>(record: &[u8]) -> Result<T, SpoolError> {
    match record.split_first() {
        Some((&VERSION, json)) => serde_json::from_slice(json)
            .map_err(|e| SpoolError::Index(format!("a record cannot be read: {e}"))),
        Some((version, _json)) => {
            Err(SpoolError::Index(format!("a record has the unknown version {version}")))
        }
        None => Err(SpoolError::Index("a record is empty".to_owned())),
    }
}
