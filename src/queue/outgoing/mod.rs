//! The envelope and text that an account sends of a message, with the edits of delivery. The spool
//! file stays as it was accepted.
//!
//! - `footer`: the account's footer for one message
//! - `text`: the text with its edits, read in chunks
//! - `workshop`: the threads on which edits are computed

mod footer;
mod text;
mod workshop;

pub(in crate::queue) use footer::footer;
pub(in crate::queue) use text::{Changes, Outgoing};
pub(in crate::queue) use workshop::Workshop;

use std::{future::Future, io};

use crate::{
    message::{Edits, Text},
    model::MessageId,
    queue::{AccountSettings, engine::sender},
    spool::{Entry, MessageReader, Spool},
    upstream::Handover,
};

/// A text that can be read from its start any number of times. An edit may have to see the end
/// before it changes the beginning.
pub(in crate::queue) trait Source: Sync {
    /// The text that is read.
    type Text: Text;

    /// Opens the text at its start.
    fn open(&self) -> impl Future<Output = io::Result<Self::Text>> + Send;
}

/// A message in the spool.
pub(in crate::queue) struct Stored<'a> {
    pub(in crate::queue) spool: &'a Spool,
    pub(in crate::queue) id: MessageId,
}

impl Source for Stored<'_> {
    type Text = MessageReader;

    async fn open(&self) -> io::Result<MessageReader> {
        self.spool.body(self.id).await.map_err(io::Error::other)
    }
}

/// The edits that turn the text of a message into one that an account may send.
pub(in crate::queue) fn edits(entry: &Entry, account: &AccountSettings) -> Edits {
    Edits {
        id: entry.id,
        received: entry.received,
        hostname: account.route.hostname().to_owned(),
        fallback: sender::envelope(entry, account)
            .mailbox()
            .cloned()
            .or_else(|| account.address.clone()),
        identity: None,
    }
}

/// Builds the handover for some recipients of a message.
pub(in crate::queue) fn handover<T: Text>(
    entry: &Entry,
    indexes: &[usize],
    account: &AccountSettings,
    text: T,
) -> Handover<T> {
    let recipients = indexes
        .iter()
        .filter_map(|index| entry.recipients.get(*index))
        .map(|state| &state.recipient)
        .collect::<Vec<_>>();
    let addresses = recipients.iter().map(|recipient| &recipient.address).collect::<Vec<_>>();
    Handover {
        sender: sender::spoken(entry, &addresses, account),
        recipients: recipients.into_iter().cloned().collect(),
        size: text.size(),
        parameters: entry.parameters.clone(),
        text,
    }
}
