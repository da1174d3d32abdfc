//! What happens before the first message: folders, lock, leftovers, attempts that were cut off.
//! `open_data` opens journal and index.
//!
//! # Failure
//! Opening fails only where an administrator must act: no right to the folder, a full disk, another
//! process. A broken index is moved aside; recovery then rebuilds it from the files.

use std::{
    fs::{File, TryLockError},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::{self, JoinHandle},
};

use tracing::error;

use crate::{
    clock::Clock,
    metrics::Metrics,
    spool::{
        Change, Memo, MemoKind, RouteMessage, SpoolError, SpoolSettings,
        core::{Core, Parts},
        disk::Disk,
        group_commit,
        index::local::Index,
        index_flush,
        memo::STEADY,
        mend::doubt_attempts,
        messages::files::{
            Files,
            folders::{Folders, is_missing},
        },
        open_data::Data,
        recover,
    },
};

/// Held by the process that uses the folder; there from the first start on.
const LOCK: &str = "lock";

/// How the spool is kept; tests make it small.
#[derive(Clone, Default)]
pub(super) struct Tuning {
    pub(super) disk: Disk,
    pub(super) segment: Option<usize>,
}

/// Octets of a segment of the journal. In tests it is small, so that segments are reused.
const SEGMENT: usize = if cfg!(test) { 512 * 1024 } else { 16 * 1024 * 1024 };

/// Opens the spool and starts its threads.
pub(super) fn open(
    settings: SpoolSettings,
    route: RouteMessage,
    clock: Clock,
    metrics: Metrics,
    tuning: &Tuning,
) -> Result<(Arc<Core>, Vec<JoinHandle<()>>), SpoolError> {
    let disk = &tuning.disk;
    let folders = Folders::below(&settings.data_dir);
    for folder in [&folders.incoming, &folders.mail, &folders.quarantine, &folders.journal] {
        disk.create_folder(folder)?;
    }
    let is_known = !is_missing(&folders.data.join(LOCK));
    let lock_file = lock(&folders)?;
    for folder in [folders.mail.parent().unwrap_or(&folders.mail), &folders.data] {
        disk.sync_folder(folder)?;
    }
    let messages = Files::new(folders.clone(), disk.clone(), clock.clone(), metrics.clone());
    let unfinished = messages.discard_drafts()?;
    let data = Data { folders: &folders, disk, clock: &clock, messages: &messages };
    let (index, mut report) = data.open(tuning.segment.unwrap_or(SEGMENT), is_known)?;
    report.unfinished = unfinished;
    continue_time(&index, &clock)?;
    report.doubtful = doubt_attempts(&index)?;

    let core =
        Arc::new(Core::new(Parts { settings, messages, index, route, clock, metrics, lock_file }));
    core.wake();
    core.housekeeping.changed();
    let settled = core.index.tombstones()?;
    let threads = vec![
        start("spool-commit", &core, |core| survive(core, group_commit::run))?,
        start("spool-index", &core, |core| survive(core, index_flush::run))?,
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
