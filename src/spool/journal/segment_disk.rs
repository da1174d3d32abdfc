//! The segments of the journal, on the spool's disk, so that tests see every effect.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use postroom_journal::SegmentFile;

use crate::spool::disk::Disk;

/// Zeros are written in pieces of this many octets.
const ZEROS: usize = 1024 * 1024;
/// A segment that is still being made.
const UNFINISHED: &str = "new";

/// A folder of segments.
pub(in crate::spool) struct SegmentDisk {
    disk: Disk,
    folder: PathBuf,
}

/// A segment.
pub(in crate::spool) struct Segment {
    disk: Disk,
    path: PathBuf,
    file: File,
}

impl SegmentDisk {
    /// The folder must be there.
    pub(in crate::spool) fn new(disk: Disk, folder: &Path) -> Self {
        Self { disk, folder: folder.to_owned() }
    }

    fn make(&self, unfinished: &Path, path: PathBuf, size: usize) -> io::Result<Segment> {
        let file = self.disk.create_segment(unfinished)?;
        // Zeros and not a hole, nor blocks that are only reserved: the first write to either
        // changes metadata, and every sync would wait for the file system's own journal.
        let zeros = vec![0; ZEROS.min(size)];
        let mut at = 0;
        while at < size {
            let piece = zeros.get(..zeros.len().min(size - at)).unwrap_or(&zeros);
            let offset = u64::try_from(at).unwrap_or(u64::MAX);
            self.disk.write_segment(unfinished, &file, offset, piece)?;
            at += piece.len();
        }
        self.disk.sync_file(unfinished, &file)?;
        self.disk.rename(unfinished, &path)?;
        self.disk.sync_folder(&self.folder)?;
        Ok(Segment { disk: self.disk.clone(), path, file })
    }
}

impl postroom_journal::Disk for SegmentDisk {
    type File = Segment;

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            if let Some(name) = entry?.file_name().to_str()
                && name != UNFINISHED
            {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    fn create(&self, name: &str, size: usize) -> io::Result<Segment> {
        let unfinished = self.folder.join(UNFINISHED);
        self.disk.remove(&unfinished)?;
        let made = self.make(&unfinished, self.folder.join(name), size);
        if made.is_err() {
            // Room for mail is worth more than half a segment. The next one tries again.
            drop(self.disk.remove(&unfinished));
        }
        made
    }

    fn open(&self, name: &str) -> io::Result<Segment> {
        let path = self.folder.join(name);
        let file = File::options().read(true).write(true).open(&path)?;
        Ok(Segment { disk: self.disk.clone(), path, file })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(&self.folder.join(name))?;
        Ok(self.disk.sync_folder(&self.folder)?)
    }
}

impl SegmentFile for Segment {
    fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(into, at)
    }

    fn write(&self, at: u64, octets: &[u8]) -> io::Result<()> {
        Ok(self.disk.write_segment(&self.path, &self.file, at, octets)?)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(self.disk.sync_segment(&self.path, &self.file)?)
    }
}
