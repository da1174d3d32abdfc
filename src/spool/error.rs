//! Why the disk did not do what it should.

use std::{
    io,
    path::{Path, PathBuf},
};

use postroom_journal::JournalError;
use thiserror::Error;

use crate::model::MessageId;

/// Why the disk did not do what it should.
#[derive(Debug, Error)]
pub enum SpoolError {
    /// Too little space; the device is told to come back (452 4.3.1).
    #[error("the disk is nearly full")]
    Full,
    /// The operating system refused.
    #[error("{what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// One process may use a data folder.
    #[error("{0} is in use by another process")]
    Locked(PathBuf),
    /// The index failed.
    #[error("index: {0}")]
    Index(String),
    /// No message of that id.
    #[error("there is no message {0} in the queue")]
    NotFound(MessageId),
    /// A file that is not a spool file.
    #[error("{path} cannot be read as a message: {reason}")]
    Unreadable {
        /// The path of the file.
        path: PathBuf,
        /// The reason why it cannot be read.
        reason: String,
    },
}

impl SpoolError {
    /// What every method answers after [`crate::spool::Spool::close`].
    pub(super) fn closed() -> Self {
        Self::Index("the spool is closed".to_owned())
    }

    /// Sorts what the operating system said: no space left is its own error, because the device can
    /// come back later.
    pub(super) fn io(what: &'static str, path: &Path, source: io::Error) -> Self {
        if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            Self::Full
        } else {
            Self::Io { what, path: path.to_owned(), source }
        }
    }

    /// What the journal said.
    pub(super) fn journal(error: &JournalError) -> Self {
        match error {
            JournalError::Disk { what, source } => {
                let again = source.raw_os_error().map_or_else(
                    || io::Error::new(source.kind(), source.to_string()),
                    io::Error::from_raw_os_error,
                );
                Self::io(what, Path::new("spool/journal"), again)
            }
            JournalError::Closed => Self::closed(),
            JournalError::TooLong { .. }
            | JournalError::Busy
            | JournalError::Gone
            | JournalError::Damaged => Self::Index(error.to_string()),
        }
    }

    /// The same error once more, for each of those who shared one sync.
    pub(super) fn again(&self) -> Self {
        match self {
            Self::Full => Self::Full,
            Self::Io { what, path, source } => {
                let source = source.raw_os_error().map_or_else(
                    || io::Error::other(source.to_string()),
                    io::Error::from_raw_os_error,
                );
                Self::Io { what, path: path.clone(), source }
            }
            Self::Locked(path) => Self::Locked(path.clone()),
            Self::Index(reason) => Self::Index(reason.clone()),
            Self::NotFound(id) => Self::NotFound(*id),
            Self::Unreadable { path, reason } => {
                Self::Unreadable { path: path.clone(), reason: reason.clone() }
            }
        }
    }
}

impl From<SpoolError> for io::Error {
    /// For the journal, which knows the disk's errors only.
    fn from(error: SpoolError) -> Self {
        match error {
            SpoolError::Full => io::ErrorKind::StorageFull.into(),
            SpoolError::Io { source, .. } => source,
            other @ (SpoolError::Locked(_)
            | SpoolError::Index(_)
            | SpoolError::NotFound(_)
            | SpoolError::Unreadable { .. }) => Self::other(other.to_string()),
        }
    }
}
