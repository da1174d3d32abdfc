//! What the edits of delivery need to know: of the message, and of the route that it takes.

use crate::model::{Address, MessageId, Timestamp};

/// What an edit needs to know of the message and of the way it takes.
#[derive(Clone, Debug)]
pub struct Edits {
    /// For a `Message-ID:` that stays the same over all attempts.
    pub id: MessageId,
    /// For `Date:`.
    pub received: Timestamp,
    /// For `Message-ID:`.
    pub hostname: String,
    /// Whom the message is from when its header does not tell.
    pub fallback: Option<Address>,
    /// Whom it must be from, whatever the header tells.
    pub identity: Option<Identity>,
    /// For `Sender:`, when the account may not use the address there. An identity has it, too.
    pub sender: Option<Address>,
}

/// Whom a message must be from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// For `From:`.
    pub address: Address,
    /// The display name; none keeps the old one, or shows the old address.
    pub name: Option<String>,
    /// For `Reply-To:`, where the message has none; none keeps the old `From:` there.
    pub reply_to: Option<Address>,
}
