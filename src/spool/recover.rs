//! Compares files and index after a start, while mail is already flowing, and puts right what a
//! crash, a disk or a person has left.
//!
//! | file | entry | tombstone | what follows |
//! |---|---|---|---|
//! | yes | yes | | nothing |
//! | yes | cannot be read | | the entry is rebuilt from the file |
//! | yes | no | no | admitted again: the crash came between file and entry, or the index was lost |
//! | yes | no | yes | deleted: the message is settled |
//! | unreadable | any | | to `quarantine/`, with the reason beside it |
//! | no | yes | | journaled as lost and removed |
//! | in `quarantine/` | yes | | removed: the crash came between the two steps of a quarantine |
//!
//! Live mail is not disturbed: whatever is changed is looked at again under the lock that every
//! change takes, and a message between file and entry is known to be arriving.
//!
//! # Failure
//! What cannot be put right is logged and left as it is.

use std::{io, ops::ControlFlow, path::Path, sync::Arc};

use tracing::{error, info, warn};

use crate::{
    model::{Envelope, MessageId, RecipientOutcome},
    spool::{
        Entry, RecoveryReport, SpoolError,
        core::Core,
        index::index_batch::{IndexBatch, read_entry, unrecord},
        index::keys::{self, all},
        index::sled_store::Pair,
        index::view::View,
        messages::{Kept, MessageStore},
        quarantine::farewell,
        texts,
        threads::lock,
    },
};

/// Entries looked at in one go, and files admitted in one batch.
const PORTION: usize = 64;

/// Looks at every tombstone, every entry and every file, then tells those who wait for it.
/// `settled` are the tombstones that the last process left.
pub(super) fn run(core: &Arc<Core>, report: RecoveryReport, settled: &[MessageId]) {
    let mut recovery = Recovery { core, report };
    let passes = [
        ("tombstones", recovery.bury_settled(settled)),
        ("entries", recovery.check_entries()),
        ("files", recovery.check_files()),
        ("journal", core.index.count_journal()),
    ];
    for (what, outcome) in passes {
        if let Err(error) = outcome {
            error!(%error, what, "recovery could not look at everything");
        }
    }
    let report = recovery.report;
    if report == RecoveryReport::default() {
        info!(messages = core.index.count(), "spool and index agree");
    } else {
        log(&report, core.index.count());
    }
    core.recovered.send_replace(Some(report));
}

/// Logs what was put right, for the administrator.
fn log(report: &RecoveryReport, messages: u64) {
    warn!(
        messages,
        readmitted = report.readmitted,
        without_file = report.without_file.len(),
        quarantined = report.quarantined.len(),
        rebuilt = report.rebuilt,
        unfinished = report.unfinished,
        doubtful = report.doubtful,
        index_moved_to = report.index_moved_to.as_ref().map(|path| path.display().to_string()),
        "spool and index were put right"
    );
}

struct Recovery<'a> {
    core: &'a Core,
    report: RecoveryReport,
}

impl Recovery<'_> {
    /// Files of settled messages that the last process had no time to delete.
    fn bury_settled(&self, settled: &[MessageId]) -> Result<(), SpoolError> {
        let core = self.core;
        if settled.is_empty() {
            return Ok(());
        }
        // What was read from the index must not be less durable than the deletion.
        core.index.make_durable()?;
        for some in settled.chunks(PORTION) {
            some.iter().try_for_each(|id| core.messages.remove(*id))?;
            core.messages.make_removals_durable(some)?;
            core.index.bury(some)?;
        }
        Ok(())
    }

    fn check_entries(&mut self) -> Result<(), SpoolError> {
        let mut start = keys::ENTRIES.to_vec();
        while !self.core.is_stopping() {
            let range = start.clone()..all(keys::ENTRIES).end;
            let portion: Vec<Pair> = self
                .core
                .index
                .with(|view| view.pairs(range).take(PORTION).collect::<Result<_, _>>())?;
            let Some(last) = portion.last() else { break };
            start = keys::end_of(&last.key);
            for Pair { key, value } in &portion {
                if let Some(id) = keys::id_of(key) {
                    let checked = self.check_entry(id, value);
                    go_on(checked, &self.core.messages.path(id))?;
                }
            }
        }
        Ok(())
    }

    fn check_entry(&mut self, id: MessageId, value: &[u8]) -> Result<(), SpoolError> {
        let core = self.core;
        let located = core.index.located(id)?;
        let is_whole = match located {
            Some(located) => texts::is_there(core, located)? && !core.messages.is_set_aside(id),
            None => core.messages.is_whole(id),
        };
        if is_whole && unrecord::<Entry>(value).is_ok() {
            return Ok(());
        }
        let envelope = match texts::read_envelope(core, id) {
            _any if located.is_some() && core.messages.is_set_aside(id) => None,
            Ok(envelope) => Some(envelope),
            Err(SpoolError::Unreadable { .. }) if located.is_some() => None,
            Err(SpoolError::Unreadable { reason, .. }) => {
                self.quarantine(&core.messages.path(id), &reason)?;
                None
            }
            Err(SpoolError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let report = &mut self.report;
        core.index.write(|view, staging| match envelope {
            Some(found) if read_entry(view, id).is_err() => {
                report.rebuilt += 1;
                forget_keys(view, staging, id)?;
                staging.admit(entry_of(core, found))
            }
            Some(_found) => Ok(()),
            None if core.messages.is_missing(id) => drop_entry(core, view, staging, id, report),
            None => Ok(()),
        })
    }

    fn check_files(&mut self) -> Result<(), SpoolError> {
        let core = self.core;
        let mut found = Vec::new();
        core.messages.walk(&mut |kept| {
            if core.is_stopping() {
                return Ok(ControlFlow::Break(()));
            }
            match kept {
                Kept::Message(id) => {
                    let checked = self.check_message(id);
                    found.extend(go_on(checked, &core.messages.path(id))?.flatten());
                }
                Kept::Foreign(path, reason) => {
                    go_on(self.quarantine(path, reason), path)?;
                }
            }
            if found.len() >= PORTION {
                self.readmit(std::mem::take(&mut found))?;
            }
            Ok(ControlFlow::Continue(()))
        })?;
        self.readmit(found)
    }

    /// The envelope of a message that has no entry.
    fn check_message(&mut self, id: MessageId) -> Result<Option<(Envelope, u64)>, SpoolError> {
        let core = self.core;
        if core.index.with(|view| view.has(&keys::entry(id)))? || lock(&core.arriving).contains(&id)
        {
            return Ok(None);
        }
        let path = core.messages.path(id);
        match core.messages.read_envelope(id) {
            Ok(found) if found.0.id == id => Ok(Some(found)),
            Ok(_other) => {
                self.quarantine(&path, "its envelope names another message").map(|()| None)
            }
            Err(SpoolError::Unreadable { reason, .. }) => {
                self.quarantine(&path, &reason).map(|()| None)
            }
            // It was settled meanwhile.
            Err(SpoolError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn readmit(&mut self, found: Vec<(Envelope, u64)>) -> Result<(), SpoolError> {
        if found.is_empty() {
            return Ok(());
        }
        let core = self.core;
        let report = &mut self.report;
        core.index.write(|view, staging| {
            for found in found {
                let id = found.0.id;
                let known = view.has(&keys::entry(id))? || view.has(&keys::tombstone(id))?;
                // Settled, deleted and forgotten since we looked: the file went before the
                // tombstone.
                if !known && !core.messages.is_missing(id) {
                    report.readmitted += 1;
                    staging.admit(entry_of(core, found))?;
                }
            }
            Ok(())
        })?;
        core.wake();
        Ok(())
    }

    fn quarantine(&mut self, path: &Path, reason: &str) -> Result<(), SpoolError> {
        let moved_to = self.core.messages.set_file_aside(path, reason)?;
        warn!(file = %path.display(), %reason, "a file that is no message was moved to quarantine");
        self.report.quarantined.push(moved_to);
        Ok(())
    }
}

/// One file that the disk does not give must not keep us from looking at the others.
fn go_on<T>(checked: Result<T, SpoolError>, path: &Path) -> Result<Option<T>, SpoolError> {
    match checked {
        Err(SpoolError::Io { what, source, .. }) => {
            error!(file = %path.display(), what, error = %source, "recovery could not look at a \
                file");
            Ok(None)
        }
        checked => checked.map(Some),
    }
}

fn entry_of(core: &Core, (envelope, size): (Envelope, u64)) -> Entry {
    let routes = (core.route)(&envelope);
    Entry::new(&envelope, routes, crate::model::ByteSize::from_octets(size))
        .queued_at(core.clock.steady())
}

/// An entry whose file is gone: the journal keeps a line, unless the message lies in quarantine and
/// has one.
fn drop_entry(
    core: &Core,
    view: View<'_>,
    staging: &mut IndexBatch,
    id: MessageId,
    report: &mut RecoveryReport,
) -> Result<(), SpoolError> {
    let in_quarantine = core.messages.is_set_aside(id);
    match read_entry(view, id) {
        Ok(Some(entry)) => {
            let outcome =
                if in_quarantine { RecipientOutcome::Quarantined } else { RecipientOutcome::Lost };
            let journal = farewell(&entry, core.clock.now(), outcome);
            staging.remove(view, id)?;
            staging.change(view, crate::spool::Change { journal, ..Default::default() })?;
        }
        Ok(None) => return Ok(()),
        Err(_unreadable) => {
            forget_keys(view, staging, id)?;
            staging.batch.remove(keys::entry(id));
        }
    }
    if !in_quarantine {
        error!(%id, "the file of a message is gone; the message is lost");
        report.without_file.push(id);
    }
    Ok(())
}

/// Removes what leads to an entry that can no longer say where it stands.
fn forget_keys(view: View<'_>, staging: &mut IndexBatch, id: MessageId) -> Result<(), SpoolError> {
    for pair in view.pairs(all(keys::DUE)) {
        let key = pair?.key;
        if let Some((account, device, _due, _id)) = keys::read_due(&key).filter(|due| due.3 == id) {
            staging.batch.remove(key);
            staging.effect.waiting_less.push((account, device));
        }
    }
    staging.batch.remove(keys::attempt(id));
    staging.effect.removed += 1;
    Ok(())
}
