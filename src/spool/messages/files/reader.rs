//! The text of a message, read from its file in chunks.

use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    model::Envelope,
    spool::{
        SpoolError,
        messages::files::envelope_format::{self as file, Extent, FormatError},
        threads::blocking,
    },
};

/// One chunk.
const CHUNK_OCTETS: u64 = 64 * 1024;

/// Reads the text of a message in chunks.
pub struct MessageReader {
    source: Source,
    extent: Extent,
    /// The first chunk, read when the file was opened: for most messages that is all, and one
    /// errand to another thread.
    first: Option<Vec<u8>>,
    /// Octets of text already read.
    read: u64,
}

enum Source {
    File(Arc<File>, Arc<PathBuf>),
    /// Envelope and text of a message from the journal.
    Memory(Vec<u8>),
}

impl MessageReader {
    /// Opens a file, where that holds up nobody else.
    pub(super) fn open(path: PathBuf) -> Result<Self, SpoolError> {
        let (file, extent) = open(&path)?;
        let length = extent.size.min(CHUNK_OCTETS);
        let first = read_chunk(&file, &path, Vec::new(), extent.text_at, length)?;
        let source = Source::File(Arc::new(file), Arc::new(path));
        Ok(Self { source, extent, first: Some(first), read: length })
    }

    /// Over the octets that a file of the message would have.
    pub(in crate::spool) fn of_octets(octets: Vec<u8>) -> Result<Self, FormatError> {
        let extent = file::extent(octets.get(..file::FIRST_LINE).unwrap_or_default())?;
        let length = u64::try_from(octets.len()).unwrap_or(u64::MAX);
        if extent.text_at.saturating_add(extent.size) == length {
            Ok(Self { source: Source::Memory(octets), extent, first: None, read: 0 })
        } else {
            Err(FormatError::FirstLine)
        }
    }

    /// Octets of the whole text.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.extent.size
    }

    /// Replaces the content of `buffer` with the next chunk of at most 64 KiB; leaves it empty at
    /// the end.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn read(&mut self, buffer: &mut Vec<u8>) -> Result<(), SpoolError> {
        if let Some(first) = self.first.take() {
            *buffer = first;
            return Ok(());
        }
        let length = self.extent.size.saturating_sub(self.read).min(CHUNK_OCTETS);
        buffer.clear();
        if length == 0 {
            return Ok(());
        }
        let offset = self.extent.text_at.saturating_add(self.read);
        match &self.source {
            Source::File(file, path) => {
                let chunk = std::mem::take(buffer);
                let (file, path) = (Arc::clone(file), Arc::clone(path));
                *buffer = blocking(move || read_chunk(&file, &path, chunk, offset, length)).await?;
            }
            Source::Memory(octets) => {
                let [from, to] = [offset, offset.saturating_add(length)]
                    .map(|at| usize::try_from(at).unwrap_or(usize::MAX));
                buffer.extend_from_slice(octets.get(from..to).unwrap_or_default());
            }
        }
        self.read = self.read.saturating_add(length);
        Ok(())
    }
}

fn read_chunk(
    file: &File,
    path: &Path,
    mut chunk: Vec<u8>,
    offset: u64,
    length: u64,
) -> Result<Vec<u8>, SpoolError> {
    chunk.resize(usize::try_from(length).unwrap_or(0), 0);
    file.read_exact_at(&mut chunk, offset).map_err(|e| SpoolError::io("read", path, e))?;
    Ok(chunk)
}

/// Whether a spool file begins as it should and is as long as it says.
pub(in crate::spool) fn probe(path: &Path) -> Result<(), SpoolError> {
    open(path).map(drop)
}

fn open(path: &Path) -> Result<(File, Extent), SpoolError> {
    let mut file = File::open(path).map_err(|e| SpoolError::io("open", path, e))?;
    let mut first_line = [0; file::FIRST_LINE];
    match file.read_exact(&mut first_line) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
            return Err(unreadable(path, FormatError::FirstLine));
        }
        done => done.map_err(|e| SpoolError::io("read", path, e))?,
    }
    let extent = file::extent(&first_line).map_err(|e| unreadable(path, e))?;
    let length = file.metadata().map_err(|e| SpoolError::io("ask for the size of", path, e))?.len();
    if length == extent.text_at.saturating_add(extent.size) {
        Ok((file, extent))
    } else {
        let reason = format!(
            "it should have {} octets after its envelope and has {}",
            extent.size,
            length.saturating_sub(extent.text_at)
        );
        Err(SpoolError::Unreadable { path: path.to_owned(), reason })
    }
}

/// The envelope of a spool file, and the size of its text.
pub(in crate::spool) fn read_envelope(path: &Path) -> Result<(Envelope, u64), SpoolError> {
    let (file, extent) = open(path)?;
    // No more than ENVELOPE_LIMIT: the first line was checked for it.
    let mut head = vec![0; usize::try_from(extent.text_at).unwrap_or(0)];
    file.read_exact_at(&mut head, 0).map_err(|e| SpoolError::io("read", path, e))?;
    let envelope = file::parse(&head).map_err(|e| unreadable(path, e))?;
    Ok((envelope, extent.size))
}

fn unreadable(path: &Path, error: FormatError) -> SpoolError {
    SpoolError::Unreadable { path: path.to_owned(), reason: error.to_string() }
}
