//! The octets of messages: envelope and text. One folder for each way to keep them.
//!
//! - [`MessageStore`]: what the spool asks of each
//! - `files`: one file for each message

pub(super) mod files;

use std::ops::ControlFlow;

use crate::{
    model::{Envelope, MessageId},
    spool::SpoolError,
};

/// Keeps the octets of accepted messages. Its calls may wait for a disk or a network: they are made
/// where that holds up nobody else.
///
/// # Failure
/// Every call returns its [`SpoolError`]; none logs.
pub(super) trait MessageStore: Send + Sync + 'static {
    /// A message that is being received. Dropped before it is put in place, it leaves nothing.
    type Draft: Draft;
    /// The text of a message, to be read in chunks.
    type Text;

    /// Begins a message.
    fn receive(&self, id: MessageId) -> Result<Self::Draft, SpoolError>;

    /// Opens the text of a message.
    fn read(&self, id: MessageId) -> Result<Self::Text, SpoolError>;

    /// The envelope of a message, and the octets of its text.
    fn read_envelope(&self, id: MessageId) -> Result<(Envelope, u64), SpoolError>;

    /// Deletes a message, unless it is gone already. Durable after
    /// [`MessageStore::make_removals_durable`].
    fn remove(&self, id: MessageId) -> Result<(), SpoolError>;

    /// Returns when these removals are durable.
    fn make_removals_durable(&self, ids: &[MessageId]) -> Result<(), SpoolError>;

    /// Puts a message out of the way, with the reason beside it.
    fn set_aside(&self, id: MessageId, reason: &str) -> Result<(), SpoolError>;

    /// Visits everything that is kept, in no order, until told to stop.
    fn walk(
        &self,
        visit: &mut dyn FnMut(Kept<'_>) -> Result<ControlFlow<()>, SpoolError>,
    ) -> Result<(), SpoolError>;
}

/// A message that is being received.
pub(super) trait Draft {
    /// Appends octets.
    fn append(&self, octets: &[u8]) -> Result<(), SpoolError>;

    /// Replaces octets.
    fn overwrite(&self, at: u64, octets: &[u8]) -> Result<(), SpoolError>;

    /// Returns when the octets are durable.
    fn sync(&self) -> Result<(), SpoolError>;

    /// Puts the message where accepted mail is. Its name is durable after the next
    /// [`files::Files::make_names_durable`].
    fn put_in_place(&self) -> Result<(), SpoolError>;
}

/// Something that a store has found while walking.
pub(super) enum Kept<'a> {
    /// A message, by its name.
    Message(MessageId),
    /// Something that is not a message, and why.
    Foreign(&'a std::path::Path, &'static str),
}
