//! Puts an index right that has failed or was left in the middle of attempts.

use std::sync::Arc;

use tracing::warn;

use crate::spool::{
    Change, Doubt, Entry, Progress, RecipientState, RecoveryReport, SpoolError,
    core::Core,
    index::{
        local::Index,
        sled_store::{Store, Trouble},
    },
    recover,
};

/// Opens the index again after it has failed, as on a full disk, and puts right what was lost with
/// it: as a start would, while mail goes on. What fails is tried again later.
pub(super) fn mend_index(core: &Arc<Core>) -> Result<(), SpoolError> {
    let folder = &core.messages.folders.index;
    core.index.reopen(|| {
        Store::open(folder).map_err(|trouble| match trouble {
            Trouble::Refused(error) => SpoolError::io("open", folder, error),
            Trouble::Broken(reason) => SpoolError::Index(reason),
        })
    })?;
    let report =
        RecoveryReport { doubtful: doubt_attempts(&core.index)?, ..RecoveryReport::default() };
    warn!("the index had failed and is open again");
    let settled = core.index.tombstones()?;
    recover::run(core, report, &settled);
    core.wake();
    Ok(())
}

/// Recipients under attempt when the last process ended: whether the server took the message,
/// nobody knows. They wait for the time that was stored before the attempt, with a doubt counted.
/// Yields how many.
pub(super) fn doubt_attempts(index: &Index) -> Result<u64, SpoolError> {
    let mut doubtful = 0;
    for id in index.attempts()? {
        match index.entry(id) {
            Ok(Some(mut entry)) => {
                doubtful += doubt_each(&mut entry);
                index.apply(Change { put: vec![entry], ..Change::default() })?;
            }
            // No entry, or one that recovery is going to rebuild.
            Ok(None) | Err(SpoolError::Index(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(doubtful)
}

fn doubt_each(entry: &mut Entry) -> u64 {
    entry.recipients.iter_mut().map(doubt).sum()
}

fn doubt(recipient: &mut RecipientState) -> u64 {
    let (since, due) = match &recipient.progress {
        Progress::Attempting(attempting) => (attempting.since, attempting.due),
        Progress::Waiting { .. } | Progress::Delivered(_) | Progress::Failed(_) => return 0,
    };
    recipient.doubts.push(Doubt {
        attempt: since,
        reason: "Postroom was stopped during the attempt".to_owned(),
    });
    recipient.progress = Progress::Waiting { due };
    1
}
