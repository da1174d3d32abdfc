//! Stores accepted messages as files: `<n>-<id>.eml` has the text as received, `<n>.json`
//! everything else.
//!
//! A reader sees only complete files: both are written under a name that begins with a dot and
//! renamed. The `.json` is renamed last, so that its `.eml` exists. Nothing is synced, because a
//! rehearsal need not survive a power cut. Writes go to the page cache in pieces of at most 64 KB
//! and block the caller.
//!
//! # Failure
//! Every method returns the [`io::Error`]. The client then gets 451, and the text is discarded.

use std::{
    collections::VecDeque,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::{Keep, dialect::Accepted};
use postroom_core::model::Timestamp;

/// The maximum number of messages remembered for the control API when no files are kept.
const REMEMBERED_LIMIT: usize = 10_000;

/// A stored message, as the control API represents it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct KeptMessage {
    /// The number of the message, from 1.
    pub number: u64,
    /// The file of the text; none when the text was discarded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    #[serde(flatten)]
    pub(crate) accepted: Accepted,
}

impl KeptMessage {
    /// The `Message-ID`, or the one that the sandbox assigned.
    #[must_use]
    pub fn message_id(&self) -> &str {
        &self.accepted.message_id
    }

    /// The sender of `MAIL FROM`; empty for the null path.
    #[must_use]
    pub fn sender(&self) -> &str {
        &self.accepted.sender
    }

    /// The time at which `MAIL FROM` arrived.
    #[must_use]
    pub const fn begun(&self) -> Timestamp {
        self.accepted.begun
    }

    /// The accepted recipients of `RCPT TO`.
    pub fn recipients(&self) -> impl Iterator<Item = &str> {
        self.accepted.recipients.iter().map(|recipient| recipient.address.as_str())
    }

    /// The user who was logged in.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.accepted.user.as_ref().map(postroom_core::model::Address::as_str)
    }

    /// The size of the text in octets.
    #[must_use]
    pub const fn octets(&self) -> u64 {
        self.accepted.octets
    }
}

/// A text that is being written to a file.
pub(crate) struct Incoming(Option<(File, PathBuf)>);

impl Incoming {
    pub(crate) fn write(&mut self, text: &[u8]) -> io::Result<()> {
        match &mut self.0 {
            Some((file, _)) => file.write_all(text),
            None => Ok(()),
        }
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if let Some((_, path)) = self.0.take() {
            // Nothing more can be done about a file that cannot be removed.
            let _left_over = fs::remove_file(path);
        }
    }
}

/// The folder of messages.
pub(crate) struct Keeper {
    folder: PathBuf,
    keep: Keep,
    begun: u64,
    last: u64,
    kept: VecDeque<KeptMessage>,
}

impl Keeper {
    /// Creates the folder. Numbering continues after that of an earlier run.
    pub(crate) fn open(dir: &Path, keep: Keep) -> io::Result<Self> {
        let folder = dir.join("messages");
        fs::create_dir_all(&folder)?;
        let mut last = 0;
        for entry in fs::read_dir(&folder)? {
            let name = entry?.file_name();
            let digits = name.to_str().and_then(|name| name.split(['-', '.']).next());
            last = last.max(digits.and_then(|digits| digits.parse().ok()).unwrap_or(0));
        }
        Ok(Self { folder, keep, begun: 0, last, kept: VecDeque::new() })
    }

    pub(crate) fn begin(&mut self) -> io::Result<Incoming> {
        match self.keep {
            Keep::Discard => Ok(Incoming(None)),
            Keep::Newest(_) => {
                self.begun += 1;
                let path = self.folder.join(format!(".incoming-{}", self.begun));
                Ok(Incoming(Some((File::create(&path)?, path))))
            }
        }
    }

    pub(crate) fn keep(&mut self, mut incoming: Incoming, accepted: Accepted) -> io::Result<()> {
        let number = self.last + 1;
        let file = match incoming.0.take() {
            None => None,
            Some((_, from)) => {
                let path = self.folder.join(format!("{number}-{}.eml", accepted.session));
                fs::rename(from, &path)?;
                Some(path)
            }
        };
        let message = KeptMessage { number, file, accepted };
        if message.file.is_some() {
            let passing = self.folder.join(format!(".envelope-{number}"));
            fs::write(&passing, serde_json::to_vec_pretty(&message)?)?;
            fs::rename(&passing, self.envelope(number))?;
        }
        self.last = number;
        self.kept.push_back(message);
        let limit = match self.keep {
            Keep::Newest(limit) => limit,
            Keep::Discard => REMEMBERED_LIMIT,
        };
        while self.kept.len() > limit {
            self.forget_oldest()?;
        }
        Ok(())
    }

    fn envelope(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number}.json"))
    }

    fn forget_oldest(&mut self) -> io::Result<()> {
        let Some(KeptMessage { number, file: Some(file), .. }) = self.kept.pop_front() else {
            return Ok(());
        };
        fs::remove_file(self.envelope(number))?;
        fs::remove_file(file)
    }

    /// The newest messages of this run, oldest first.
    pub(crate) fn messages(&self) -> Vec<KeptMessage> {
        self.kept.iter().cloned().collect()
    }

    /// Deletes the messages of this run.
    pub(crate) fn clear(&mut self) -> io::Result<()> {
        while !self.kept.is_empty() {
            self.forget_oldest()?;
        }
        Ok(())
    }
}
