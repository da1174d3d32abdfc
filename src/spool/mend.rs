//! Puts an index right that has failed or was left in the middle of attempts.

use std::sync::Arc;

use tracing::warn;

use crate::spool::{
    Change, Doubt, Entry, Progress, RecipientState, SpoolError,
    core::Core,
    index::{
        local::Index,
        sled_store::{Store, Trouble},
    },
    journal::log::Log,
    rebuild::rebuild,
};

/// Opens the store again after it has failed, as on a full disk. Memory or journal have what it
/// lost. A failure is tried again later.
pub(super) fn mend_index(core: &Arc<Core>) -> Result<(), SpoolError> {
    let folder = &core.messages.folders.index;
    let index = &core.index;
    let log = index.log()?;
    index.reopen(|| {
        let opened = Store::open(folder).and_then(|store| match store.position() {
            // It may be ahead: what it was being told when it failed is told again.
            Ok(Some(position)) if position >= index.position() => Ok(store),
            Ok(_other) => {
                store.abandon();
                Err(Trouble::Broken("it is older than it should be".to_owned()))
            }
            Err(error) => Err(Trouble::Broken(error.to_string())),
        });
        match opened {
            Ok(store) => Ok(store),
            Err(Trouble::Refused(error)) => Err(SpoolError::io("open", folder, error)),
            Err(Trouble::Broken(reason)) => rebuild_store(core, &log, &reason),
        }
    })?;
    index.count_all()?;
    warn!("the index had failed and is open again");
    core.wake();
    Ok(())
}

fn rebuild_store(core: &Core, log: &Log, reason: &str) -> Result<Store, SpoolError> {
    let folders = &core.messages.folders;
    let aside = folders.data.join(format!("index.broken-{}", core.clock.now().as_millis()));
    warn!(%reason, moved_to = %aside.display(), "the index is broken; it is rebuilt");
    match std::fs::rename(&folders.index, &aside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(SpoolError::io("rename to", &aside, error));
        }
        _moved_or_gone => {}
    }
    let store = Store::open(&folders.index).map_err(|trouble| match trouble {
        Trouble::Refused(error) => SpoolError::io("create", &folders.index, error),
        Trouble::Broken(reason) => SpoolError::Index(reason),
    })?;
    let last = log.durable();
    rebuild(log, last, &store)?;
    core.index.set_position(last);
    Ok(store)
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
