//! Keeps accepted mail: the only owner of the disk.
//!
//! Two truths. The **files** are the truth about what was accepted: one each, envelope first, then
//! the message. The **index** (sled) is the truth about what has become of it, and can be rebuilt
//! from the files.
//!
//! - [`Incoming`]: a message being received; [`Incoming::commit`] makes it durable and yields
//!   [`Committed`], the only proof that lets a session say `250`
//! - [`Entry`], [`RecipientState`]: what has become of a message
//! - [`Change`]: several facts made durable together
//!
//! The way in: `incoming` → `disk` → `keeper` (folder syncs and entries, for all who came together)
//! → `250`. The way out: `index` (changes, by `staging` and `keys`, in `store`, the only file that
//! names sled) → `syncer` (index syncs, for all who came together; then the files of settled
//! messages go). A start: `opening`, then `recovery` in the background. `file` is the format of a
//! spool file.
//!
//! # Failure
//! Every method returns [`SpoolError`]; none logs, save recovery, which reports what it put right.

mod accept;
mod batch_queue;
mod change;
mod core;
mod disk;
mod error;
mod group_commit;
mod index;
mod index_flush;
mod messages;
mod open;
mod quarantine;
mod recover;
#[expect(clippy::module_inception, reason = "the spool is what this module is about")]
mod spool;
#[cfg(test)]
mod tests;

pub use crate::entry::{
    Attempting, Charge, Doubt, Entry, Hold, JournalLine, Phase, Progress, RecipientState, Routes,
    Settled,
};
pub use accept::{Committed, Incoming};
pub use change::Change;
pub use error::SpoolError;
pub use messages::files::reader::MessageReader;
pub use recover::RecoveryReport;
pub use spool::{RouteMessage, Spool, SpoolSettings};
