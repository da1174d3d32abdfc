//! Keeps accepted mail: the only owner of the disk.
//!
//! There are two truths. The **messages** are the truth about what was accepted: one file each,
//! envelope first, then the text. The **index** (sled) is the truth about what has become of them.
//! It can be rebuilt from the messages.
//!
//! - [`Incoming`]: a message being received; [`Incoming::commit`] makes it durable and yields
//!   [`Committed`], the only proof that lets a session say `250`
//! - [`Entry`], [`RecipientState`]: what has become of a message
//! - [`Change`]: several facts made durable together
//! - [`History`]: finds lines of the journal
//! - [`Memo`]: a small value kept under a name
//!
//! The way in: `accept`, then `messages` (the file), then `group_commit` (names and entries, for
//! all who came together), then `250`. The way out: `index` (changes), then `index_flush` (syncs,
//! for all who came together), after which the files of settled messages are deleted. A start:
//! `open`, then `recover` in the background; `mend` opens an index again that has failed.
//!
//! # Failure
//! Every method returns [`SpoolError`]; none logs, except recovery, which reports what it repaired.

mod accept;
mod batch_queue;

mod change;
mod committed;
mod core;
mod disk;
mod error;
mod group_commit;
mod history;
mod housekeeping;
mod index;
mod index_flush;
mod journal;
mod memo;
mod mend;
mod messages;
mod migrate;
mod open;
mod open_data;
mod quarantine;
mod rebuild;
mod reclaim;
mod recover;
mod report;
mod requests;
mod room;
mod settings;
#[expect(clippy::module_inception, reason = "the spool is what this module is about")]
mod spool;
#[cfg(test)]
mod tests;
mod texts;
mod threads;
mod verify;

pub use crate::entry::{
    Attempting, Charge, Doubt, Entry, Hold, JournalLine, Phase, Progress, RecipientState, Routes,
    Settled,
};
pub use accept::Incoming;
pub use change::Change;
pub use committed::Committed;
pub use error::SpoolError;
pub use history::{
    Answer, Counted, History,
    question::{Question, Whom},
};
pub use memo::{Memo, MemoKind};
pub use messages::files::reader::MessageReader;
pub use report::RecoveryReport;
pub use room::Room;
pub use settings::{RouteMessage, SpoolSettings};
pub use spool::Spool;
