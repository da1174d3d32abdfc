//! Where things are, below the data folder.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use crate::model::MessageId;

/// The folders of a spool.
#[derive(Clone, Debug)]
pub(in crate::spool) struct Folders {
    pub(in crate::spool) data: PathBuf,
    pub(in crate::spool) incoming: PathBuf,
    pub(in crate::spool) mail: PathBuf,
    pub(in crate::spool) quarantine: PathBuf,
    pub(in crate::spool) journal: PathBuf,
    pub(in crate::spool) index: PathBuf,
}

impl Folders {
    pub(in crate::spool) fn below(data: &Path) -> Self {
        let spool = data.join("spool");
        Self {
            data: data.to_owned(),
            incoming: spool.join("incoming"),
            mail: spool.join("mail"),
            quarantine: spool.join("quarantine"),
            journal: spool.join("journal"),
            index: data.join("index"),
        }
    }

    pub(in crate::spool) fn incoming_file(&self, id: MessageId) -> PathBuf {
        self.incoming.join(id.as_str())
    }

    pub(in crate::spool) fn shard(&self, id: MessageId) -> PathBuf {
        self.mail.join(id.shard())
    }

    pub(in crate::spool) fn mail_file(&self, id: MessageId) -> PathBuf {
        self.shard(id).join(format!("{id}.eml"))
    }

    pub(in crate::spool) fn quarantine_file(&self, id: MessageId) -> PathBuf {
        self.quarantine.join(format!("{id}.eml"))
    }
}

/// True when nothing is there, and nothing else keeps us from looking.
pub(in crate::spool) fn is_missing(path: &Path) -> bool {
    matches!(fs::symlink_metadata(path), Err(e) if e.kind() == ErrorKind::NotFound)
}
