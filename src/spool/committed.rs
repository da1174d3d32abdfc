//! The proof that a message is accepted.

use crate::{
    model::{ByteSize, MessageId},
    spool::{Entry, journal::log::Durable},
};

/// Proof that a message is durable: the journal has synced its text, or for a large one, the file
/// was synced and in place before the journal synced the record that names it.
#[derive(Debug)]
pub struct Committed {
    id: MessageId,
    size: ByteSize,
    /// It can be had from the journal only, once for each record.
    _durable: Durable,
}

impl Committed {
    /// Of which message.
    #[must_use]
    pub const fn id(&self) -> MessageId {
        self.id
    }

    /// Octets of the message.
    #[must_use]
    pub const fn size(&self) -> ByteSize {
        self.size
    }
}

impl AsRef<MessageId> for Committed {
    fn as_ref(&self) -> &MessageId {
        &self.id
    }
}

/// What is being committed: becomes the proof when the journal has its record.
#[derive(Clone, Copy)]
pub(super) struct Pending {
    id: MessageId,
    size: ByteSize,
}

impl Pending {
    pub(super) const fn of(entry: &Entry) -> Self {
        Self { id: entry.id, size: entry.size }
    }

    /// The only place that makes a proof.
    pub(super) fn committed(self, durable: Durable) -> Committed {
        Committed { id: self.id, size: self.size, _durable: durable }
    }
}
