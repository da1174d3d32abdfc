//! A message that is being received: a file in `incoming/`.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use crate::{
    model::MessageId,
    spool::{
        SpoolError,
        disk::Disk,
        messages::{Draft, files::folders::Folders},
    },
};

/// A file in `incoming/`. Dropped before it is put in place, it is deleted.
pub(in crate::spool) struct DraftFile {
    disk: Disk,
    folders: Folders,
    id: MessageId,
    path: PathBuf,
    file: File,
    placed: AtomicBool,
}

impl DraftFile {
    pub(super) fn create(disk: Disk, folders: Folders, id: MessageId) -> Result<Self, SpoolError> {
        let path = folders.incoming_file(id);
        let file = disk.create(&path)?;
        Ok(Self { disk, folders, id, path, file, placed: AtomicBool::new(false) })
    }

    fn rename_to(&self, place: &Path) -> Result<(), SpoolError> {
        match self.disk.rename(&self.path, place) {
            Err(SpoolError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                // The first message of its half minute. The group commit makes the new folder's
                // own name durable.
                self.disk.create_folder(&self.folders.shard(self.id))?;
                self.disk.rename(&self.path, place)
            }
            done => done,
        }
    }
}

impl Draft for DraftFile {
    fn append(&self, octets: &[u8]) -> Result<(), SpoolError> {
        self.disk.append(&self.path, &self.file, octets)
    }

    fn overwrite(&self, at: u64, octets: &[u8]) -> Result<(), SpoolError> {
        self.disk.overwrite(&self.path, &self.file, at, octets)
    }

    fn sync(&self) -> Result<(), SpoolError> {
        self.disk.sync_file(&self.path, &self.file)
    }

    fn put_in_place(&self) -> Result<(), SpoolError> {
        self.rename_to(&self.folders.mail_file(self.id))?;
        self.placed.store(true, Ordering::Relaxed);
        Ok(())
    }
}

impl Drop for DraftFile {
    fn drop(&mut self) {
        if !self.placed.load(Ordering::Relaxed) {
            // Should the deletion fail, the next start deletes what is left in incoming/.
            drop(self.disk.remove(&self.path));
        }
    }
}
