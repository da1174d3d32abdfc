//! Makes a new index from the journal.
//!
//! The journal is read twice. The first time, what counts is learnt: for each message that is not
//! settled, which record said last how it stands, and where its text is. The second time, exactly
//! these are entered. So nobody ever sees a message that is settled, and the memory is that of the
//! waiting messages' names.

use std::collections::BTreeMap;

use postroom_journal::{Recovered, Sequence};
use tracing::warn;

use crate::{
    model::MessageId,
    spool::{
        Entry, SpoolError,
        index::{
            index_batch::{IndexBatch, unrecord},
            keys,
            place::Located,
            sled_store::Store,
        },
        journal::{
            log::Log,
            record::{self, Operation},
        },
    },
};

/// Octets of small values that are gathered before they are written.
const GATHERED: usize = 4 * 1024 * 1024;
/// Messages entered in one batch.
const PORTION: usize = 256;

/// What a rebuilt index holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Rebuilt {
    /// Waiting messages.
    pub(super) messages: u64,
    /// Whether the journal knew everything that the index did.
    pub(super) complete: bool,
}

/// Enters into a store that is empty what the journal knows, up to a number, and syncs it.
pub(super) fn rebuild(log: &Log, to: Sequence, store: &Store) -> Result<Rebuilt, SpoolError> {
    let mut first = FirstPass { store, last: BTreeMap::new(), small: BTreeMap::new(), octets: 0 };
    each_record(log, to, |sequence, located, record| first.learn(sequence, located, &record))?;
    first.write_small()?;
    let complete = store.has(keys::COMPLETE)?;
    let messages = u64::try_from(first.last.len()).unwrap_or(u64::MAX);
    let mut second = SecondPass { store, last: &first.last, staging: IndexBatch::default() };
    each_record(log, to, |sequence, _located, record| second.enter(sequence, &record))?;
    second.write()?;
    let position = to.to_be_bytes();
    store.write([(keys::POSITION, Some(&position[..]))].into_iter())?;
    store.sync()?;
    Ok(Rebuilt { messages, complete })
}

/// Visits every record that can be read, in order.
pub(super) fn each_record(
    log: &Log,
    to: Sequence,
    mut visit: impl FnMut(Sequence, Located, record::Record<'_>) -> Result<(), SpoolError>,
) -> Result<(), SpoolError> {
    let mut segments = log.segments().into_iter();
    segments.try_for_each(|(segment, _first)| segment_records(log, segment, to, &mut visit))
}

/// Visits every record of a segment that can be read, in order.
pub(super) fn segment_records(
    log: &Log,
    segment: u64,
    to: Sequence,
    visit: &mut impl FnMut(Sequence, Located, record::Record<'_>) -> Result<(), SpoolError>,
) -> Result<(), SpoolError> {
    let mut outcome = Ok(());
    log.replay(segment, to, |recovered| {
        if let Recovered::Record { sequence, place, kind, payload } = recovered
            && outcome.is_ok()
        {
            let octets = u32::try_from(payload.len()).unwrap_or(u32::MAX);
            match record::read(kind, payload) {
                Some(record) => outcome = visit(sequence, Located { place, octets }, record),
                None => warn!(sequence, "a record of the journal is of an unknown kind"),
            }
        }
    })?;
    outcome
}

/// Which record said last how a message stands, and where its text is.
struct Last {
    sequence: Sequence,
    located: Option<Located>,
}

struct FirstPass<'a> {
    store: &'a Store,
    last: BTreeMap<MessageId, Last>,
    small: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    octets: usize,
}

impl FirstPass<'_> {
    fn learn(
        &mut self,
        sequence: Sequence,
        located: Located,
        record: &record::Record<'_>,
    ) -> Result<(), SpoolError> {
        let mut located = record.message.map(|_octets| located);
        for Operation { key, value } in &record.operations {
            let id = keys::id_of(key).filter(|_id| key.starts_with(keys::ENTRIES));
            match (id, value) {
                (Some(id), Some(_entry)) => {
                    let before = self.last.get(&id).and_then(|last| last.located);
                    let located = located.take().or(before);
                    self.last.insert(id, Last { sequence, located });
                }
                (Some(id), None) => drop(self.last.remove(&id)),
                (None, value) => {
                    self.octets += key.len() + value.map_or(0, <[u8]>::len);
                    self.small.insert(key.to_vec(), value.map(<[u8]>::to_vec));
                }
            }
        }
        if self.octets > GATHERED { self.write_small() } else { Ok(()) }
    }

    fn write_small(&mut self) -> Result<(), SpoolError> {
        self.octets = 0;
        let small = std::mem::take(&mut self.small);
        self.store.write(small.iter().map(|(key, value)| (key.as_slice(), value.as_deref())))
    }
}

struct SecondPass<'a> {
    store: &'a Store,
    last: &'a BTreeMap<MessageId, Last>,
    staging: IndexBatch,
}

impl SecondPass<'_> {
    fn enter(&mut self, sequence: Sequence, record: &record::Record<'_>) -> Result<(), SpoolError> {
        for Operation { key, value } in &record.operations {
            if let (Some(id), Some(value)) = (keys::id_of(key), value)
                && key.starts_with(keys::ENTRIES)
                && let Some(last) = self.last.get(&id).filter(|last| last.sequence == sequence)
            {
                self.enter_message(id, value, last.located)?;
            }
        }
        if self.staging.batch.ops().len() > PORTION * 4 { self.write() } else { Ok(()) }
    }

    fn enter_message(
        &mut self,
        id: MessageId,
        value: &[u8],
        located: Option<Located>,
    ) -> Result<(), SpoolError> {
        match unrecord::<Entry>(value) {
            Ok(entry) => self.staging.admit(entry)?,
            // Recovery rebuilds it from the message.
            Err(_unreadable) => self.staging.batch.insert(keys::entry(id), value.to_vec()),
        }
        if let Some(located) = located {
            self.staging.place(id, located);
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), SpoolError> {
        let staging = std::mem::take(&mut self.staging);
        let ops = staging.batch.ops().iter();
        self.store.write(ops.map(|op| (op.key.as_slice(), op.value.as_deref())))
    }
}
