//! Messages as files: `mail/<2 characters>/<id>.eml`, `incoming/<id>` while they are received,
//! `quarantine/<id>.eml` when they are set aside.

use std::{
    collections::{BTreeSet, HashSet},
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use crate::{
    clock::Clock,
    metrics::Metrics,
    model::{Envelope, MessageId},
    spool::{
        MessageReader, SpoolError,
        disk::{self, Disk},
        messages::{
            Kept, MessageStore,
            files::{
                draft_file::DraftFile,
                folders::{Folders, is_missing},
                reader,
            },
        },
    },
};

/// The files of a spool.
pub(in crate::spool) struct Files {
    pub(in crate::spool) folders: Folders,
    disk: Disk,
    clock: Clock,
    metrics: Metrics,
}

/// Folders whose own names are known to be durable: at most 1,024.
#[derive(Default)]
pub(in crate::spool) struct DurableFolders(HashSet<String>);

impl Files {
    pub(in crate::spool) const fn new(
        folders: Folders,
        disk: Disk,
        clock: Clock,
        metrics: Metrics,
    ) -> Self {
        Self { folders, disk, clock, metrics }
    }

    /// Deletes the files that were half received when the last process ended. Nobody was told that
    /// they were accepted. Yields how many.
    pub(in crate::spool) fn discard_drafts(&self) -> Result<u64, SpoolError> {
        let mut discarded = 0;
        for path in entries(&self.folders.incoming)? {
            self.disk.remove(&path)?;
            discarded += 1;
        }
        Ok(discarded)
    }

    /// Returns when the names of all messages put in place in this folder are durable.
    pub(in crate::spool) fn make_names_durable(
        &self,
        shard: &str,
        durable: &mut DurableFolders,
    ) -> Result<(), SpoolError> {
        self.disk.sync_folder(&self.folders.mail.join(shard))?;
        if !durable.0.contains(shard) {
            self.disk.sync_folder(&self.folders.mail)?;
            durable.0.insert(shard.to_owned());
        }
        Ok(())
    }

    /// The path of a message, for people.
    pub(in crate::spool) fn path(&self, id: MessageId) -> PathBuf {
        self.folders.mail_file(id)
    }

    /// Whether a message is there and as long as it says.
    pub(in crate::spool) fn is_whole(&self, id: MessageId) -> bool {
        reader::probe(&self.folders.mail_file(id)).is_ok()
    }

    /// True when there is no message of this id, and nothing keeps us from looking.
    pub(in crate::spool) fn is_missing(&self, id: MessageId) -> bool {
        is_missing(&self.folders.mail_file(id))
    }

    /// Whether a message was set aside.
    pub(in crate::spool) fn is_set_aside(&self, id: MessageId) -> bool {
        !is_missing(&self.folders.quarantine_file(id))
    }

    /// Moves a file into quarantine, and writes the reason beside it. Yields where it is now.
    pub(in crate::spool) fn set_file_aside(
        &self,
        from: &Path,
        reason: &str,
    ) -> Result<PathBuf, SpoolError> {
        let name = from.file_name().unwrap_or(from.as_os_str());
        let to = self.folders.quarantine.join(name);
        self.write_reason(&to, reason)?;
        self.disk.rename(from, &to)?;
        self.disk.sync_folder(&self.folders.quarantine)?;
        if let Some(folder) = from.parent() {
            self.disk.sync_folder(folder)?;
        }
        self.metrics.storage().quarantined.inc();
        Ok(to)
    }

    /// Writes a message that has no file into quarantine, and the reason beside it.
    pub(in crate::spool) fn set_octets_aside(
        &self,
        id: MessageId,
        octets: &[u8],
        reason: &str,
    ) -> Result<(), SpoolError> {
        self.keep_octets(&self.folders.quarantine_file(id), octets, reason)
    }

    /// Writes octets into a file in quarantine, and the reason beside it.
    pub(in crate::spool) fn keep_octets(
        &self,
        to: &Path,
        octets: &[u8],
        reason: &str,
    ) -> Result<(), SpoolError> {
        self.write_reason(to, reason)?;
        let from = self.folders.incoming.join(to.file_name().unwrap_or(to.as_os_str()));
        self.disk.remove(&from)?;
        let file = self.disk.create(&from)?;
        self.disk.append(&from, &file, octets)?;
        self.disk.sync_file(&from, &file)?;
        self.disk.rename(&from, to)?;
        self.disk.sync_folder(&self.folders.quarantine)?;
        self.metrics.storage().quarantined.inc();
        Ok(())
    }

    fn write_reason(&self, of: &Path, reason: &str) -> Result<(), SpoolError> {
        let mut note = of.as_os_str().to_owned();
        note.push(".reason");
        let note = PathBuf::from(note);
        self.disk.remove(&note)?;
        let file = self.disk.create(&note)?;
        self.disk.append(&note, &file, format!("{}\n{reason}\n", self.clock.now()).as_bytes())
    }

    /// Octets that may still be written.
    pub(in crate::spool) fn free_octets(&self) -> Result<u64, SpoolError> {
        disk::free_octets(&self.folders.mail)
    }

    /// The id that a path stands for, if it is where a message of that id belongs.
    fn id_of(&self, path: &Path) -> Option<MessageId> {
        let name = path.file_name()?.to_str()?.strip_suffix(".eml")?;
        name.parse().ok().filter(|id| self.folders.mail_file(*id) == *path)
    }
}

impl MessageStore for Files {
    type Draft = DraftFile;
    type Text = MessageReader;

    fn receive(&self, id: MessageId) -> Result<DraftFile, SpoolError> {
        DraftFile::create(self.disk.clone(), self.folders.clone(), id)
    }

    fn read(&self, id: MessageId) -> Result<MessageReader, SpoolError> {
        MessageReader::open(self.folders.mail_file(id))
    }

    fn read_envelope(&self, id: MessageId) -> Result<(Envelope, u64), SpoolError> {
        reader::read_envelope(&self.folders.mail_file(id))
    }

    fn remove(&self, id: MessageId) -> Result<(), SpoolError> {
        self.disk.remove(&self.folders.mail_file(id))
    }

    fn make_removals_durable(&self, ids: &[MessageId]) -> Result<(), SpoolError> {
        let shards: BTreeSet<PathBuf> = ids.iter().map(|id| self.folders.shard(*id)).collect();
        let mut there = shards.iter().filter(|shard| shard.exists());
        there.try_for_each(|shard| self.disk.sync_folder(shard))
    }

    fn set_aside(&self, id: MessageId, reason: &str) -> Result<(), SpoolError> {
        self.set_file_aside(&self.folders.mail_file(id), reason).map(drop)
    }

    fn walk(
        &self,
        visit: &mut dyn FnMut(Kept<'_>) -> Result<ControlFlow<()>, SpoolError>,
    ) -> Result<(), SpoolError> {
        for shard in entries(&self.folders.mail)? {
            if !shard.is_dir() {
                let foreign = Kept::Foreign(&shard, "this is not a place for files");
                if visit(foreign)?.is_break() {
                    return Ok(());
                }
                continue;
            }
            for path in entries(&shard)? {
                let reason = "its name is not that of a message in this folder";
                let kept = self.id_of(&path).map_or(Kept::Foreign(&path, reason), Kept::Message);
                if visit(kept)?.is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, SpoolError> {
    let names = fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect());
    names.map_err(|e| SpoolError::io("read folder", folder, e))
}
