//! What happens before the first message: folders, lock, leftovers, index, attempts that were cut
//! off.
//!
//! # Failure
//! Opening fails only where an administrator must act: no right to the folder, a full disk, another
//! process. A broken index is moved aside; recovery then rebuilds it from the files.

use std::{
    fs::{self, File, TryLockError},
    io::ErrorKind,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, JoinHandle},
};

use tracing::{error, warn};

use crate::{
    clock::Clock,
    metrics::Metrics,
    spool::{
        Change, Doubt, Entry, Progress, RecipientState, RecoveryReport, RouteMessage, Spool,
        SpoolError, SpoolSettings,
        core::{Core, Parts},
        disk::{Disk, Folders},
        group_commit,
        index::local::Index,
        index::sled_store::{Store, Trouble},
        index_flush, recover,
    },
};

/// Held by the process that uses the folder; there from the first start on.
const LOCK: &str = "lock";

/// Opens the spool and starts its threads.
pub(super) fn open(
    settings: SpoolSettings,
    route: RouteMessage,
    clock: Clock,
    metrics: Metrics,
    disk: Disk,
) -> Result<(Arc<Core>, Vec<JoinHandle<()>>), SpoolError> {
    let folders = Folders::below(&settings.data_dir);
    for folder in [&folders.incoming, &folders.mail, &folders.quarantine] {
        disk.create_folder(folder)?;
    }
    let known = !is_missing(&folders.data.join(LOCK));
    let lock_file = lock(&folders)?;
    for folder in [folders.mail.parent().unwrap_or(&folders.mail), &folders.data] {
        disk.sync_folder(folder)?;
    }
    let mut report = RecoveryReport {
        unfinished: delete_unfinished(&folders, &disk)?,
        ..RecoveryReport::default()
    };
    let (index, moved_to) = open_index(&folders, &disk, &clock)?;
    if moved_to.is_some() || (known && index.is_new()?) {
        note_loss(&index, &clock)?;
    }
    report.index_moved_to = moved_to;
    report.doubtful = doubt_attempts(&index)?;

    let core = Arc::new(Core::new(Parts {
        settings,
        folders,
        disk,
        index,
        route,
        clock,
        metrics,
        lock_file,
    }));
    core.wake();
    let settled = core.index.tombstones()?;
    let threads = vec![
        start("spool-commit", &core, |core| survive(core, group_commit::run))?,
        start("spool-flush", &core, |core| survive(core, index_flush::run))?,
        start("spool-recovery", &core, move |core| recover::run(core, report, &settled))?,
    ];
    Ok((core, threads))
}

/// An index that is new in a folder that is not: what was in it is lost, budgets and all. Noted
/// until somebody has taken it into account.
fn note_loss(index: &Index, clock: &Clock) -> Result<(), SpoolError> {
    let (kind, name) = Spool::LOST_INDEX;
    let remember = vec![(kind, name.to_owned(), Some(serde_json::json!(clock.now())))];
    index.apply(Change { remember, ..Change::default() })?;
    index.make_durable()
}

fn start(
    name: &str,
    core: &Arc<Core>,
    run: impl FnOnce(&Arc<Core>) + Send + 'static,
) -> Result<JoinHandle<()>, SpoolError> {
    let core = Arc::clone(core);
    let data = core.folders.data.clone();
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || run(&core))
        .map_err(|e| SpoolError::io("start a thread for", &data, e))
}

/// Those who wait for a thread that has panicked would wait for ever.
fn survive(core: &Arc<Core>, run: fn(&Arc<Core>)) {
    while catch_unwind(AssertUnwindSafe(|| run(core))).is_err() {
        error!(thread = thread::current().name(), "a thread of the spool panicked and goes on");
    }
}

fn lock(folders: &Folders) -> Result<File, SpoolError> {
    let path = folders.data.join(LOCK);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|e| SpoolError::io("open", &path, e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(SpoolError::Locked(folders.data.clone())),
        Err(TryLockError::Error(e)) => Err(SpoolError::io("lock", &path, e)),
    }
}

/// Files half received when the last process ended. Nobody was ever told that they were accepted.
fn delete_unfinished(folders: &Folders, disk: &Disk) -> Result<u64, SpoolError> {
    let mut unfinished = 0;
    for file in fs::read_dir(&folders.incoming)
        .map_err(|e| SpoolError::io("read folder", &folders.incoming, e))?
    {
        let file = file.map_err(|e| SpoolError::io("read folder", &folders.incoming, e))?;
        disk.remove(&file.path())?;
        unfinished += 1;
    }
    Ok(unfinished)
}

fn open_index(
    folders: &Folders,
    disk: &Disk,
    clock: &Clock,
) -> Result<(Index, Option<PathBuf>), SpoolError> {
    let reason = match try_index(folders, disk) {
        Ok(index) => return Ok((index, None)),
        Err(Trouble::Refused(error)) => return Err(SpoolError::io("open", &folders.index, error)),
        Err(Trouble::Broken(reason)) => reason,
    };
    let aside = folders.data.join(format!("index.broken-{}", clock.now().as_millis()));
    warn!(%reason, moved_to = %aside.display(), "the index is broken; it is rebuilt from the \
        files");
    disk.rename(&folders.index, &aside)?;
    disk.sync_folder(&folders.data)?;
    match try_index(folders, disk) {
        Ok(index) => Ok((index, Some(aside))),
        Err(Trouble::Refused(error)) => Err(SpoolError::io("create", &folders.index, error)),
        Err(Trouble::Broken(reason)) => Err(SpoolError::Index(reason)),
    }
}

/// Opens the index again after it has failed, as on a full disk, and puts right what was lost with
/// it: as a start would, while mail goes on. What fails is tried again later.
pub(super) fn mend_index(core: &Arc<Core>) -> Result<(), SpoolError> {
    let folder = &core.folders.index;
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

/// An index counts as open when it could be walked through: damage shows itself only where it is
/// read.
fn try_index(folders: &Folders, disk: &Disk) -> Result<Index, Trouble> {
    let store = Store::open(&folders.index)?;
    disk.sync_folder(&folders.data)
        .map_err(|e| Trouble::Refused(std::io::Error::other(e.to_string())))?;
    match Index::new(store, disk.clone()) {
        Err(SpoolError::Io { source, .. }) => Err(Trouble::Refused(source)),
        walked => walked.map_err(|e| Trouble::Broken(e.to_string())),
    }
}

/// Recipients under attempt when the last process ended: whether the server took the message,
/// nobody knows. They wait for the time that was stored before the attempt, with a doubt counted.
/// Yields how many.
fn doubt_attempts(index: &Index) -> Result<u64, SpoolError> {
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

/// True when nothing is there, and nothing else hinders us to look.
pub(super) fn is_missing(path: &Path) -> bool {
    matches!(fs::symlink_metadata(path), Err(e) if e.kind() == ErrorKind::NotFound)
}
