//! What happens before the first message: folders, lock, leftovers, index, attempts that were cut
//! off.
//!
//! # Failure
//! Opening fails only where an administrator must act: no right to the folder, a full disk, another
//! process. A broken index is moved aside; recovery then rebuilds it from the files.

use std::{
    fs::{File, TryLockError},
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::Arc,
    thread::{self, JoinHandle},
};

use tracing::{error, warn};

use crate::{
    clock::Clock,
    metrics::Metrics,
    spool::{
        Change, Memo, MemoKind, RecoveryReport, RouteMessage, SpoolError, SpoolSettings,
        core::{Core, Parts},
        disk::Disk,
        group_commit,
        index::{
            local::Index,
            sled_store::{Store, Trouble},
        },
        index_flush,
        memo::STEADY,
        mend::doubt_attempts,
        messages::files::{
            Files,
            folders::{Folders, is_missing},
        },
        recover,
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
    disk: &Disk,
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
    let messages = Files::new(folders.clone(), disk.clone(), clock.clone(), metrics.clone());
    let mut report =
        RecoveryReport { unfinished: messages.discard_drafts()?, ..RecoveryReport::default() };
    let (index, moved_to) = open_index(&folders, disk, &clock)?;
    if moved_to.is_some() || (known && index.is_new()?) {
        note_loss(&index, &clock)?;
    }
    continue_time(&index, &clock)?;
    report.index_moved_to = moved_to;
    report.doubtful = doubt_attempts(&index)?;

    let core =
        Arc::new(Core::new(Parts { settings, messages, index, route, clock, metrics, lock_file }));
    core.wake();
    let settled = core.index.tombstones()?;
    let threads = vec![
        start("spool-commit", &core, |core| survive(core, group_commit::run))?,
        start("spool-flush", &core, |core| survive(core, index_flush::run))?,
        start("spool-recovery", &core, move |core| recover::run(core, report, &settled))?,
    ];
    Ok((core, threads))
}

/// Continues the steady time from where the last process left it. Every stored due time and charge
/// is by that time.
fn continue_time(index: &Index, clock: &Clock) -> Result<(), SpoolError> {
    // A moment that cannot be read is of an unknown form, which does not prevent the start.
    if let Some(anchor) = index.recall(MemoKind::SteadyTime.as_str(), STEADY).ok().flatten() {
        clock.resume(&anchor);
    }
    index.apply(Change { remember: vec![Memo::steady_time(clock)?], ..Change::default() })
}

/// An index that is new in a folder that is not: what was in it is lost, budgets and all. Noted
/// until somebody has taken it into account.
fn note_loss(index: &Index, clock: &Clock) -> Result<(), SpoolError> {
    let remember = vec![Memo::index_lost(clock.now())?];
    index.apply(Change { remember, ..Change::default() })?;
    index.make_durable()
}

fn start(
    name: &str,
    core: &Arc<Core>,
    run: impl FnOnce(&Arc<Core>) + Send + 'static,
) -> Result<JoinHandle<()>, SpoolError> {
    let core = Arc::clone(core);
    let data = core.messages.folders.data.clone();
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
