//! The thread that makes the index durable for all who wait, and afterwards deletes the files of
//! settled messages.
//!
//! The order is what keeps a settled message from being sent again: its removal and a tombstone are
//! durable before its file is deleted, and the tombstone stays until the deletion is durable, too.
//! A start that finds file and tombstone deletes the file.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use tracing::error;

use crate::{
    model::{MessageId, Timestamp},
    spool::{SpoolError, batch_queue::Taken, core::Core, mend::mend_index, messages::MessageStore},
};

/// How long a tombstone may wait in an idle spool for its folder to be synced.
const PATIENCE: Duration = Duration::from_secs(10);

/// Tombstones that may wait before their folders are synced.
const TOMBSTONES_WAITING: usize = 256;

/// Charges older than this count against no budget: the longest window is 24 hours.
const CHARGES_KEPT: Duration = Duration::from_secs(48 * 3600);

/// Journal lines kept whatever their age: some 400 MB.
const JOURNAL_LIMIT: u64 = 1_000_000;

/// Pruning reads all charges; it need not be often.
const PRUNED_EVERY: Duration = Duration::from_secs(15 * 60);

/// Serves until the syncs are closed; what is applied by then is durable afterwards, if the disk
/// allows.
pub(super) fn run(core: &Arc<Core>) {
    let mut deleted = BTreeMap::new();
    let mut pruned = Timestamp::ZERO;
    loop {
        match core.syncs.take(PATIENCE) {
            Taken::Some(requests) => {
                let outcome = sync(core, &mut deleted);
                for request in requests {
                    let outcome =
                        outcome.as_ref().map_or_else(|error| Err(error.again()), |()| Ok(()));
                    // Whoever asked may have stopped waiting.
                    drop(request.send(outcome));
                }
                if deleted.values().map(BTreeSet::len).sum::<usize>() >= TOMBSTONES_WAITING {
                    bury(core, &mut deleted);
                }
            }
            Taken::Nobody => bury(core, &mut deleted),
            Taken::Closed => break,
        }
        mend(core);
        if core.clock.steady().since(pruned) >= PRUNED_EVERY {
            prune(core);
            pruned = core.clock.steady();
        }
    }
    // Whoever closes the spool syncs once more, and learns of a failure.
    drop(sync(core, &mut deleted));
    bury(core, &mut deleted);
}

/// Deleted files of settled messages, by folder.
type Deleted = BTreeMap<String, BTreeSet<MessageId>>;

fn sync(core: &Core, deleted: &mut Deleted) -> Result<(), SpoolError> {
    let doomed = core.index.sync()?;
    core.metrics.storage().index_syncs.inc();
    for id in doomed {
        // A file that cannot be deleted keeps its tombstone: the next start tries again.
        if core.messages.remove(id).is_ok() {
            deleted.entry(id.shard().to_owned()).or_default().insert(id);
        }
    }
    Ok(())
}

/// Once there is room again, opens an index that has failed. Not before the first recovery is done:
/// there is one at a time.
fn mend(core: &Arc<Core>) {
    let may =
        core.index.has_failed() && core.recovered.borrow().is_some() && core.admits(None).is_ok();
    if may && let Err(problem) = mend_index(core) {
        error!(%problem, "the index has failed and cannot be opened again yet");
    }
}

/// Forgets the tombstones of files whose deletion is durable. What fails is tried again.
fn bury(core: &Core, deleted: &mut Deleted) {
    deleted.retain(|_shard, ids| {
        let ids: Vec<MessageId> = ids.iter().copied().collect();
        core.messages.make_removals_durable(&ids).and_then(|()| core.index.bury(&ids)).is_err()
    });
}

fn prune(core: &Core) {
    let now = core.clock.now();
    // What is not pruned now is pruned a quarter of an hour later; what hinders it, every change
    // will report.
    drop(core.index.prune_charges(core.clock.steady().minus(CHARGES_KEPT)));
    drop(core.index.prune_journal(now.minus(core.settings.journal_keep), JOURNAL_LIMIT));
}
