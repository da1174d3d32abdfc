//! Compares the index with the journal, which knows what it should hold.
//!
//! A store that was damaged may open as if nothing were missing: sled cuts its log where a checksum
//! is wrong and goes on with what came before. What was cut is found by its absence here. Nothing
//! is compared when the journal itself is damaged or does not know everything: the index may then
//! know more than the journal.

use std::{
    collections::{BTreeMap, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
};

use postroom_journal::{Recovered, Sequence};

use crate::{
    model::MessageId,
    spool::{
        SpoolError,
        index::{keys, local::Index},
        journal::{
            log::Log,
            record::{self, Operation},
        },
    },
};

/// What the journal says that the index holds.
#[derive(Default)]
struct Expected {
    /// Digests of small values; none where the key was removed.
    small: BTreeMap<Vec<u8>, Option<u64>>,
    /// Digests of the entries of waiting messages.
    entries: BTreeMap<MessageId, u64>,
    is_damaged: bool,
}

/// Why index and journal do not agree; none when they do, or when it cannot be told.
pub(super) fn disagreement(
    index: &Index,
    log: &Log,
    to: Sequence,
) -> Result<Option<String>, SpoolError> {
    let mut expected = Expected::default();
    for (segment, _first) in log.segments() {
        log.replay(segment, to, |recovered| expected.learn(&recovered))?;
    }
    if expected.is_damaged || !expected.small.contains_key(keys::COMPLETE) {
        return Ok(None);
    }
    index.with(|view| {
        for (key, expected) in &expected.small {
            if view.read(key)?.as_deref().map(digest) != *expected {
                let kind = String::from_utf8_lossy(key.get(..1).unwrap_or_default()).into_owned();
                return Ok(Some(format!(
                    "a value of the kind {kind} is not what the journal says"
                )));
            }
        }
        let mut entries = 0_usize;
        for pair in view.pairs(keys::all(keys::ENTRIES)) {
            let pair = pair?;
            let known = keys::id_of(&pair.key).and_then(|id| expected.entries.get(&id));
            if known != Some(&digest(&pair.value)) {
                return Ok(Some("an entry is not what the journal says".to_owned()));
            }
            entries += 1;
        }
        let missing = expected.entries.len() - entries;
        Ok((missing > 0).then(|| format!("{missing} messages are missing in it")))
    })
}

impl Expected {
    fn learn(&mut self, recovered: &Recovered<'_>) {
        let Recovered::Record { kind, payload, .. } = recovered else {
            self.is_damaged = true;
            return;
        };
        let operations = record::read(*kind, payload).map(|record| record.operations);
        for Operation { key, value } in operations.unwrap_or_default() {
            let value = value.map(digest);
            match keys::id_of(key).filter(|_id| key.starts_with(keys::ENTRIES)) {
                Some(id) => match value {
                    Some(value) => drop(self.entries.insert(id, value)),
                    None => drop(self.entries.remove(&id)),
                },
                // The history is in the index alone once its segment was released.
                None if key.starts_with(keys::JOURNAL) => {}
                None => drop(self.small.insert(key.to_vec(), value)),
            }
        }
    }
}

fn digest(value: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
