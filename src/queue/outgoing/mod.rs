//! What an account sends of a message: envelope and text, with the edits of delivery. The spool file stays as it was accepted.
//!
//! - `sender`: whom the account lets a message be from, in envelope and header
//! - `text`: the text with its edits, read in chunks

mod sender;
mod text;

pub(super) use sender::{header as author, may_carry, spoken as sender};
pub(super) use text::Outgoing;

use crate::{
    message::{Edits, Text},
    queue::AccountSettings,
    spool::Entry,
    upstream::Handover,
};

/// What the text of a message needs to become what an account may send.
pub(super) fn edits(entry: &Entry, account: &AccountSettings) -> Edits {
    Edits {
        id: entry.id,
        received: entry.received,
        hostname: account.destination.helo.clone(),
        fallback: sender::envelope(entry, account).mailbox().cloned().or_else(|| account.address.clone()),
        identity: None,
        transfer_encoding: None,
    }
}

/// Puts together what is handed over for some recipients of a message.
pub(super) fn handover<T: Text>(entry: &Entry, indexes: &[usize], account: &AccountSettings, text: T) -> Handover<T> {
    let recipients = indexes.iter().filter_map(|index| entry.recipients.get(*index)).map(|state| &state.recipient).collect::<Vec<_>>();
    let addresses = recipients.iter().map(|recipient| &recipient.address).collect::<Vec<_>>();
    Handover {
        sender: sender::spoken(entry, &addresses, account),
        recipients: recipients.into_iter().cloned().collect(),
        size: text.size(),
        body: entry.body,
        smtputf8: entry.smtputf8,
        ret: entry.ret,
        envid: entry.envid.clone(),
        text,
    }
}
