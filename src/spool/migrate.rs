//! Logs everything that the index holds, once, when the journal does not know it: in a data folder
//! of the time before the journal, and in a new one.
//!
//! The files of that time stay valid: they are messages with files. A crash in between leaves the
//! index without a position, and the next start logs everything again.

use crate::spool::{
    SpoolError,
    index::{
        keys::{self, all},
        local::Index,
        sled_store::Pair,
    },
    journal::record::{CHANGE, Operation, write_operation},
};

/// What is needed to send mail within the limits; lines of the history stay in the store alone.
const KINDS: [&[u8]; 4] = [keys::CHARGES, keys::ENTRIES, keys::MEMOS, keys::TOMBSTONES];

/// Logs everything, and then that the journal knows everything.
pub(super) fn log_everything(index: &Index) -> Result<(), SpoolError> {
    for kind in KINDS {
        index.alone(|view, log| {
            let (mut payload, mut logged) = (Vec::new(), Vec::new());
            for pair in view.pairs(all(kind)) {
                let Pair { key, value } = pair?;
                write_operation(Operation { key: &key, value: Some(&value) }, &mut payload);
                logged.push(key);
                if payload.len() > log.most_payload() / 4 {
                    let record = (std::mem::take(&mut payload), std::mem::take(&mut logged));
                    log.append_patiently(CHANGE, record.0, record.1)?;
                }
            }
            log.append_patiently(CHANGE, payload, logged)
        })?;
    }
    index.write(|_view, staging| {
        staging.batch.insert(keys::COMPLETE.to_vec(), Vec::new());
        Ok(())
    })?;
    index.flush()
}
