//! Opens index and journal together, and brings the index to where the journal is.
//!
//! | index | journal | what follows |
//! |---|---|---|
//! | has a position | goes back to it | what comes behind it is replayed |
//! | has a position | begins later | the index is too old: rebuilt |
//! | broken, missing or unfinished | has records | rebuilt |
//! | older than the journal, or new | is empty, or incomplete | what the index holds is logged |
//!
//! # Failure
//! Opening fails only where an administrator must act: no right to the folder, a full disk. A
//! broken index is moved aside.

use std::{io, path::PathBuf, sync::Arc};

use postroom_journal::{Acknowledged, Recovered, Sequence};
use tracing::{error, info, warn};

use crate::{
    clock::Clock,
    spool::{
        Change, Memo, RecoveryReport, SpoolError,
        disk::Disk,
        index::{
            keys,
            local::Index,
            sled_store::{Store, Trouble},
        },
        journal::{log::Log, record},
        messages::files::{Files, folders::Folders},
        migrate::log_everything,
        rebuild::rebuild,
        verify::disagreement,
    },
};

/// The data folder while it is being opened.
pub(super) struct Data<'a> {
    pub(super) folders: &'a Folders,
    pub(super) disk: &'a Disk,
    pub(super) clock: &'a Clock,
    pub(super) messages: &'a Files,
}

/// What the journal showed when it was opened.
#[derive(Default)]
struct Shown {
    /// It knows everything that the index does.
    complete: bool,
    /// Records were lost that had been acknowledged.
    lost: bool,
    /// Octets that could not be read: where they are now.
    set_aside: Vec<PathBuf>,
    problem: Option<SpoolError>,
}

impl Data<'_> {
    /// Opens both. `is_known`: the folder was in use before.
    pub(super) fn open(
        &self,
        segment: usize,
        is_known: bool,
    ) -> Result<(Index, RecoveryReport), SpoolError> {
        let (store, mut moved_to) = self.open_store()?;
        let mut is_lost = moved_to.is_some() || (is_known && store.is_new());
        let position = store.position()?;
        let index = Index::new(store, self.disk.clone());
        let from = position.map_or(0, |position| position.saturating_add(1));
        let mut shown = Shown::default();
        let opened = Log::open(self.disk.clone(), &self.folders.journal, segment, from, |found| {
            self.look(&index, position, &found, &mut shown);
        });
        let (log, recovery) = opened?;
        if let Some(problem) = shown.problem {
            return Err(problem);
        }
        let (log, last) = (Arc::new(log), recovery.next.saturating_sub(1));
        index.log_to(Arc::clone(&log));
        let is_too_old = recovery.oldest.is_some_and(|oldest| oldest > from.max(1));
        let has_records = recovery.oldest.is_some();
        match position {
            Some(position) if !is_too_old => {
                index.set_position(position);
                if let Some(reason) = disagreement(&index, &log, last)? {
                    warn!(%reason, "the index has lost something");
                    moved_to = self.rebuild(&index, &log, last)?;
                }
            }
            None if !has_records || !(shown.complete || is_lost) => log_everything(&index)?,
            _behind => {
                moved_to = moved_to.or(self.rebuild(&index, &log, last)?);
                is_lost = is_lost && !shown.complete;
            }
        }
        index.count_all()?;
        if shown.lost || (is_lost && !shown.complete) {
            note_loss(&index, self.clock)?;
        }
        let quarantined = shown.set_aside;
        Ok((index, RecoveryReport { index_moved_to: moved_to, quarantined, ..Default::default() }))
    }

    /// Makes the index anew from the journal. Yields where the old one is, if it was worth keeping.
    fn rebuild(
        &self,
        index: &Index,
        log: &Log,
        last: Sequence,
    ) -> Result<Option<PathBuf>, SpoolError> {
        index.memory.overlay.clear();
        let mut moved_to = None;
        if !index.with_store(|store| Ok(store.is_new()))? {
            index.reopen(|| {
                moved_to = Some(self.move_aside("it is older than the journal")?);
                self.new_store()
            })?;
        }
        let rebuilt = index.with_store(|store| rebuild(log, last, store))?;
        index.set_position(last);
        info!(messages = rebuilt.messages, "the index was rebuilt from the journal");
        Ok(moved_to)
    }

    /// One thing that the journal shows while it is opened.
    fn look(
        &self,
        index: &Index,
        position: Option<Sequence>,
        found: &Recovered<'_>,
        shown: &mut Shown,
    ) {
        match found {
            Recovered::Record { sequence, place, kind, payload } => {
                let Some(record) = record::read(*kind, payload) else {
                    warn!(sequence, "a record of the journal is of an unknown kind");
                    return;
                };
                shown.complete |= record.operations.iter().any(|op| op.key == keys::COMPLETE);
                if position.is_some() && shown.problem.is_none() {
                    let octets = u32::try_from(payload.len()).unwrap_or(u32::MAX);
                    shown.problem = index.replay(*place, octets, &record).err();
                }
            }
            Recovered::Damage { segment, damage, octets } => {
                let acknowledged = damage.acknowledged == Acknowledged::Yes;
                shown.lost |= acknowledged;
                let name = format!("journal-{segment}-{}.damaged", damage.lost.start);
                if acknowledged {
                    self.keep(
                        &name,
                        octets,
                        "the journal has records here that cannot be read",
                        shown,
                    );
                } else {
                    warn!(
                        records = ?damage.lost,
                        "the end of the journal cannot be read, as after a power cut; nobody was \
                        told that it was durable"
                    );
                }
            }
            Recovered::Unknown { name, octets } => {
                shown.lost = true;
                let name = format!("journal-{name}.damaged");
                self.keep(
                    &name,
                    octets,
                    "a segment of the journal whose header cannot be read",
                    shown,
                );
            }
        }
    }

    /// Puts octets aside that cannot be read, for an administrator.
    fn keep(&self, name: &str, octets: &[u8], reason: &str, shown: &mut Shown) {
        let to = self.folders.quarantine.join(name);
        error!(file = %to.display(), %reason, "the journal is damaged; check the disk");
        match self.messages.keep_octets(&to, octets, reason) {
            Ok(()) => shown.set_aside.push(to),
            Err(problem) => error!(%problem, "damaged octets could not be put aside"),
        }
    }

    fn open_store(&self) -> Result<(Store, Option<PathBuf>), SpoolError> {
        match self.try_store() {
            Ok(store) => Ok((store, None)),
            Err(Trouble::Refused(error)) => Err(SpoolError::io("open", &self.folders.index, error)),
            Err(Trouble::Broken(reason)) => {
                let aside = self.move_aside(&reason)?;
                Ok((self.new_store()?, Some(aside)))
            }
        }
    }

    fn new_store(&self) -> Result<Store, SpoolError> {
        self.try_store().map_err(|trouble| match trouble {
            Trouble::Refused(error) => SpoolError::io("create", &self.folders.index, error),
            Trouble::Broken(reason) => SpoolError::Index(reason),
        })
    }

    fn move_aside(&self, reason: &str) -> Result<PathBuf, SpoolError> {
        let folders = self.folders;
        let aside = folders.data.join(format!("index.broken-{}", self.clock.now().as_millis()));
        warn!(%reason, moved_to = %aside.display(), "the index is broken; it is rebuilt");
        self.disk.rename(&folders.index, &aside)?;
        self.disk.sync_folder(&folders.data)?;
        Ok(aside)
    }

    /// A store counts as open when it could be walked through: damage shows itself only where it
    /// is read.
    fn try_store(&self) -> Result<Store, Trouble> {
        let store = Store::open(&self.folders.index)?;
        self.disk
            .sync_folder(&self.folders.data)
            .map_err(|e| Trouble::Refused(io::Error::other(e.to_string())))?;
        match store.walk() {
            Err(SpoolError::Io { source, .. }) => Err(Trouble::Refused(source)),
            Err(error) => Err(Trouble::Broken(error.to_string())),
            Ok(()) => Ok(store),
        }
    }
}

/// What was in the index is lost, budgets and all. Noted until somebody has taken it into account.
fn note_loss(index: &Index, clock: &Clock) -> Result<(), SpoolError> {
    let remember = vec![Memo::index_lost(clock.now())?];
    index.apply(Change { remember, ..Change::default() })?;
    index.make_durable()
}
