//! The thread that keeps house behind everybody's back: brings the store up to date, gives up what
//! the journal no longer needs, deletes the files of settled messages, prunes.
//!
//! The order is what keeps a settled message from being sent again: its removal and a tombstone are
//! durable in the journal before its file is deleted, and the tombstone stays until the deletion is
//! durable, too. A start that finds file and tombstone deletes the file.
//!
//! Nobody waits for this thread. When the store fails, changes wait in memory until it is mended.

use std::{sync::Arc, time::Duration};

use tracing::{error, warn};

use crate::{
    model::{MessageId, Timestamp},
    spool::{
        SpoolError, core::Core, housekeeping::Duty, mend::mend_index, messages::MessageStore,
        reclaim::Reclaim, threads::lock,
    },
};

/// How long changes may wait in memory before they are written to the store. A start after a crash
/// replays them.
const PATIENCE: Duration = Duration::from_secs(5);

/// Charges older than this count against no budget: the longest window is 24 hours.
const CHARGES_KEPT: Duration = Duration::from_secs(48 * 3600);

/// Journal lines kept whatever their age: some 400 MB.
const JOURNAL_LIMIT: u64 = 1_000_000;

/// Pruning reads all charges; it need not be often.
const PRUNED_EVERY: Duration = Duration::from_secs(15 * 60);

/// Serves until the spool is closed.
pub(super) fn run(core: &Arc<Core>) {
    let mut house = House { core, pruned: Timestamp::ZERO, reclaim: Reclaim::default() };
    while core.housekeeping.wait(PATIENCE, PRUNED_EVERY) == Duty::Look {
        house.keep();
    }
    house.keep();
}

struct House<'a> {
    core: &'a Arc<Core>,
    pruned: Timestamp,
    reclaim: Reclaim,
}

impl House<'_> {
    fn keep(&mut self) {
        let core = self.core;
        let duties: [(&str, Result<(), SpoolError>); 4] = [
            ("delete settled files", delete_settled(core)),
            ("forget deleted files", bury(core)),
            ("mend", mend(core)),
            ("update", self.flush()),
        ];
        for (what, outcome) in duties {
            if let Err(problem) = outcome {
                error!(%problem, what, "the spool could not keep house; it tries again");
            }
        }
        if core.clock.steady().since(self.pruned) >= PRUNED_EVERY {
            prune(core);
            self.pruned = core.clock.steady();
        }
    }

    fn flush(&mut self) -> Result<(), SpoolError> {
        let core = self.core;
        core.index.flush()?;
        core.metrics.storage().index_syncs.inc();
        if core.recovered.borrow().is_some()
            && let Err(problem) = self.reclaim.run(core)
        {
            warn!(%problem, "the journal could not give back space; it tries again");
        }
        Ok(())
    }
}

/// Deletes the files of messages that are settled durably.
fn delete_settled(core: &Core) -> Result<(), SpoolError> {
    let doomed = core.index.take_doomed();
    if doomed.is_empty() {
        return Ok(());
    }
    match core.index.make_durable() {
        Ok(()) => delete_files(core, &doomed),
        Err(error) => {
            core.index.give_back_doomed(doomed);
            return Err(error);
        }
    }
    Ok(())
}

/// Deletes files whose removal is durable.
pub(super) fn delete_files(core: &Core, doomed: &[MessageId]) {
    for id in doomed {
        // A file that cannot be deleted keeps its tombstone: the next start tries again.
        if core.messages.remove(*id).is_ok() {
            lock(&core.deleted).entry(id.shard().to_owned()).or_default().insert(*id);
        }
    }
}

/// Opens an index again that has failed, once there is room. Not before the first recovery is done:
/// there is one at a time.
fn mend(core: &Arc<Core>) -> Result<(), SpoolError> {
    let may =
        core.index.has_failed() && core.recovered.borrow().is_some() && core.admits(None).is_ok();
    if may { mend_index(core) } else { Ok(()) }
}

/// Forgets the tombstones of files whose deletion is durable. What fails is tried again.
fn bury(core: &Core) -> Result<(), SpoolError> {
    let deleted = std::mem::take(&mut *lock(&core.deleted));
    let mut outcome = Ok(());
    for (shard, ids) in deleted {
        let some: Vec<MessageId> = ids.iter().copied().collect();
        let buried =
            core.messages.make_removals_durable(&some).and_then(|()| core.index.bury(&some));
        if let Err(error) = buried {
            lock(&core.deleted).entry(shard).or_default().extend(ids);
            outcome = Err(error);
        }
    }
    outcome
}

fn prune(core: &Core) {
    let now = core.clock.now();
    // What is not pruned now is pruned a quarter of an hour later; what hinders it, every change
    // will report.
    drop(core.index.prune_charges(core.clock.steady().minus(CHARGES_KEPT)));
    drop(core.index.prune_journal(now.minus(core.settings.journal_keep), JOURNAL_LIMIT));
}
