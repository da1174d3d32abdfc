//! Every effect on spool files goes through here, one call for each, so that a test can let each of
//! them fail.
//!
//! # Failure
//! Each call returns [`SpoolError`] with what was tried and on which path; nothing is logged.

use std::{
    fs::{self, DirBuilder, File},
    io::{ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    path::Path,
};

use crate::spool::SpoolError;

/// One effect, for the tests that let it fail.
#[derive(Clone, Copy, Debug)]
pub(super) enum Deed<'a> {
    Create(&'a Path),
    Write(&'a Path),
    SyncFile(&'a Path),
    Rename(&'a Path, &'a Path),
    CreateFolder(&'a Path),
    SyncFolder(&'a Path),
    Remove(&'a Path),
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "place and octets are for the tests that tear a write")
    )]
    WriteSegment(&'a Path, u64, &'a [u8]),
    SyncSegment(&'a Path),
    WriteIndex,
    SyncIndex,
}

/// The disk. In tests a witness sees every deed before and after it is done, and may forbid it.
#[derive(Clone, Default)]
pub(super) struct Disk {
    #[cfg(test)]
    witness: Option<std::sync::Arc<dyn Witness>>,
}

/// Sees every deed, and may forbid it.
#[cfg(test)]
pub(super) trait Witness: Send + Sync {
    fn before(&self, deed: Deed<'_>) -> std::io::Result<()>;
    fn after(&self, deed: Deed<'_>);
}

impl Disk {
    #[cfg(test)]
    pub(super) fn watched(witness: std::sync::Arc<dyn Witness>) -> Self {
        Self { witness: Some(witness) }
    }

    /// A new file, open for writing, for us alone; one of that name must not exist.
    pub(super) fn create(&self, path: &Path) -> Result<File, SpoolError> {
        self.perform(Deed::Create(path), || {
            File::options().write(true).create_new(true).mode(0o600).open(path)
        })
    }

    pub(super) fn append(
        &self,
        path: &Path,
        mut file: &File,
        octets: &[u8],
    ) -> Result<(), SpoolError> {
        self.perform(Deed::Write(path), || file.write_all(octets))
    }

    pub(super) fn overwrite(
        &self,
        path: &Path,
        file: &File,
        offset: u64,
        octets: &[u8],
    ) -> Result<(), SpoolError> {
        self.perform(Deed::Write(path), || file.write_all_at(octets, offset))
    }

    /// Returns when content and length of the file are on the disk.
    pub(super) fn sync_file(&self, path: &Path, file: &File) -> Result<(), SpoolError> {
        self.perform(Deed::SyncFile(path), || file.sync_data())
    }

    pub(super) fn rename(&self, from: &Path, to: &Path) -> Result<(), SpoolError> {
        self.perform(Deed::Rename(from, to), || fs::rename(from, to))
    }

    /// Makes a folder for us alone, unless it is there.
    pub(super) fn create_folder(&self, path: &Path) -> Result<(), SpoolError> {
        self.perform(Deed::CreateFolder(path), || {
            DirBuilder::new().recursive(true).mode(0o700).create(path)
        })
    }

    /// Returns when the names in the folder are on the disk.
    pub(super) fn sync_folder(&self, path: &Path) -> Result<(), SpoolError> {
        self.perform(Deed::SyncFolder(path), || File::open(path)?.sync_all())
    }

    /// Deletes a file, unless it is gone already.
    pub(super) fn remove(&self, path: &Path) -> Result<(), SpoolError> {
        self.perform(Deed::Remove(path), || match fs::remove_file(path) {
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
            done => done,
        })
    }

    /// A new segment of the journal, to be read and written.
    pub(super) fn create_segment(&self, path: &Path) -> Result<File, SpoolError> {
        self.perform(Deed::Create(path), || {
            File::options().read(true).write(true).create_new(true).mode(0o600).open(path)
        })
    }

    pub(super) fn write_segment(
        &self,
        path: &Path,
        file: &File,
        at: u64,
        octets: &[u8],
    ) -> Result<(), SpoolError> {
        self.perform(Deed::WriteSegment(path, at, octets), || file.write_all_at(octets, at))
    }

    /// Returns when what was written to the segment is on the disk. Its length does not change.
    pub(super) fn sync_segment(&self, path: &Path, file: &File) -> Result<(), SpoolError> {
        self.perform(Deed::SyncSegment(path), || file.sync_data())
    }

    /// Runs a deed whose doing is elsewhere: writing and syncing the index.
    pub(super) fn attend<T>(
        &self,
        deed: Deed<'_>,
        act: impl FnOnce() -> Result<T, SpoolError>,
    ) -> Result<T, SpoolError> {
        self.before(deed).map_err(|e| deed.failed(e))?;
        let done = act()?;
        self.after(deed);
        Ok(done)
    }

    fn perform<T>(
        &self,
        deed: Deed<'_>,
        act: impl FnOnce() -> std::io::Result<T>,
    ) -> Result<T, SpoolError> {
        let done = self.before(deed).and_then(|()| act()).map_err(|e| deed.failed(e))?;
        self.after(deed);
        Ok(done)
    }

    #[cfg(test)]
    fn before(&self, deed: Deed<'_>) -> std::io::Result<()> {
        self.witness.as_ref().map_or(Ok(()), |witness| witness.before(deed))
    }

    #[cfg(test)]
    fn after(&self, deed: Deed<'_>) {
        if let Some(witness) = &self.witness {
            witness.after(deed);
        }
    }

    #[cfg(not(test))]
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "outside of tests nobody watches"
    )]
    const fn before(&self, _deed: Deed<'_>) -> std::io::Result<()> {
        Ok(())
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "outside of tests nobody watches")]
    const fn after(&self, _deed: Deed<'_>) {}
}

impl Deed<'_> {
    fn failed(self, error: std::io::Error) -> SpoolError {
        let (what, path) = match self {
            Self::Create(path) => ("create", path),
            Self::Write(path) | Self::WriteSegment(path, ..) => ("write", path),
            Self::SyncFile(path) | Self::SyncFolder(path) | Self::SyncSegment(path) => {
                ("sync", path)
            }
            Self::Rename(_from, to) => ("rename to", to),
            Self::CreateFolder(path) => ("create folder", path),
            Self::Remove(path) => ("delete", path),
            Self::WriteIndex => ("write", Path::new("index")),
            Self::SyncIndex => ("sync", Path::new("index")),
        };
        SpoolError::io(what, path, error)
    }
}

/// Octets that an ordinary process may still write to the disk of a folder.
pub(super) fn free_octets(folder: &Path) -> Result<u64, SpoolError> {
    let space = rustix::fs::statvfs(folder)
        .map_err(|e| SpoolError::io("ask for free space", folder, e.into()))?;
    Ok(space.f_bavail.saturating_mul(space.f_frsize))
}
