//! What the journal asks of a disk, and a folder that is one.
//!
//! # Failure
//! Every call returns the disk's own error.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, ErrorKind},
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Where segments are kept.
pub trait Disk: Send + Sync + 'static {
    /// One of them.
    type File: SegmentFile;

    /// The names of all segments, in any order.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
    fn list(&self) -> io::Result<Vec<String>>;

    /// A new segment of `size` zeros. Its name and its blocks are durable when this returns.
    ///
    /// # Errors
    /// When the disk is full or fails; then there is no segment of that name.
    fn create(&self, name: &str, size: usize) -> io::Result<Self::File>;

    /// A segment that exists.
    ///
    /// # Errors
    /// When it cannot be opened.
    fn open(&self, name: &str) -> io::Result<Self::File>;

    /// Deletes a segment, durably.
    ///
    /// # Errors
    /// When that fails; the segment may then be there at the next start.
    fn remove(&self, name: &str) -> io::Result<()>;
}

/// A segment's file.
pub trait SegmentFile: Send + Sync + 'static {
    /// The length of the file, in octets.
    ///
    /// # Errors
    /// When the disk fails.
    fn length(&self) -> io::Result<u64>;

    /// Reads exactly as many octets as `into` holds.
    ///
    /// # Errors
    /// When there are fewer, or the disk fails.
    fn read(&self, at: u64, into: &mut [u8]) -> io::Result<()>;

    /// Writes octets over others. Durable after [`SegmentFile::sync`].
    ///
    /// # Errors
    /// When the disk fails.
    fn write(&self, at: u64, octets: &[u8]) -> io::Result<()>;

    /// Returns when everything written is durable.
    ///
    /// # Errors
    /// When it is not. The file must not be trusted with anything new then.
    fn sync(&self) -> io::Result<()>;
}

/// A folder of a file system.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

/// Zeros are written in pieces of this many octets.
const ZEROS: usize = 1024 * 1024;
/// A segment that is still being made.
const UNFINISHED: &str = "new";

impl Folder {
    /// The folder of this path. It is made when it is missing.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(path: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            File::open(parent)?.sync_all()?;
        }
        Ok(Self(path.to_owned()))
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()
    }

    fn write_zeros(path: &Path, size: usize) -> io::Result<File> {
        let file =
            File::options().read(true).write(true).create_new(true).mode(0o600).open(path)?;
        // Zeros and not a hole, nor blocks that fallocate only reserves: the first write to either
        // changes metadata, and every sync would wait for the file system's own journal.
        let zeros = vec![0; ZEROS.min(size)];
        let mut at = 0;
        while at < size {
            let piece = zeros.get(..zeros.len().min(size - at)).unwrap_or(&zeros);
            file.write_all_at(piece, u64::try_from(at).unwrap_or(u64::MAX))?;
            at += piece.len();
        }
        file.sync_all()?;
        Ok(file)
    }
}

impl Disk for Folder {
    type File = File;

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            if let Some(name) = entry?.file_name().to_str()
                && name != UNFINISHED
            {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    fn create(&self, name: &str, size: usize) -> io::Result<File> {
        let unfinished = self.0.join(UNFINISHED);
        remove_if_there(&unfinished)?;
        let made = Self::write_zeros(&unfinished, size).and_then(|file| {
            fs::rename(&unfinished, self.0.join(name))?;
            self.sync()?;
            Ok(file)
        });
        if made.is_err() {
            // Room for mail is worth more than half a segment. The next one tries again.
            let _may_stay = remove_if_there(&unfinished);
        }
        made
    }

    fn open(&self, name: &str) -> io::Result<File> {
        File::options().read(true).write(true).open(self.0.join(name))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        remove_if_there(&self.0.join(name))?;
        self.sync()
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(problem) if problem.kind() == ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

impl SegmentFile for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        self.read_exact_at(into, at)
    }

    fn write(&self, at: u64, octets: &[u8]) -> io::Result<()> {
        self.write_all_at(octets, at)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_made_of_zeros_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Folder::new(&folder.path().join("journal")).unwrap();
        let size = ZEROS + 4096;
        let made = disk.create("one", size).unwrap();
        made.write(4096, b"text").unwrap();
        made.sync().unwrap();
        assert_eq!(disk.list().unwrap(), ["one"]);
        let again = disk.open("one").unwrap();
        assert_eq!(again.length().unwrap(), u64::try_from(size).unwrap());
        let mut read = [1; 8];
        again.read(4096, &mut read).unwrap();
        assert_eq!(&read, b"text\0\0\0\0");
        disk.remove("one").unwrap();
        disk.remove("one").unwrap();
        assert_eq!(disk.list().unwrap(), [""; 0]);
    }

    #[test]
    fn a_segment_that_was_being_made_when_the_power_went_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Folder::new(folder.path()).unwrap();
        fs::write(folder.path().join(UNFINISHED), b"half").unwrap();
        assert_eq!(disk.list().unwrap(), [""; 0]);
        disk.create("one", 4096).unwrap();
        assert_eq!(disk.list().unwrap(), ["one"]);
    }
}
