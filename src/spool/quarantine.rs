//! Takes a message out of the queue before it is settled, and keeps a line about it in the journal.

use std::sync::Arc;

use crate::{
    model::{MessageId, RecipientOutcome, Timestamp},
    spool::{Change, Entry, JournalLine, SpoolError, core::Core, messages::MessageStore},
};

/// The journal's lines about the recipients that nobody will serve any more.
pub(super) fn farewell(
    entry: &Entry,
    at: Timestamp,
    outcome: RecipientOutcome,
) -> Vec<JournalLine> {
    let unsettled = entry.recipients.iter().filter(|recipient| recipient.due().is_some());
    unsettled
        .map(|recipient| JournalLine {
            at,
            id: entry.id,
            device: entry.device.clone(),
            account: entry.account.clone(),
            sender: entry.sender.clone(),
            recipient: recipient.recipient.clone(),
            outcome,
            attempts: recipient.attempts,
            doubts: u32::try_from(recipient.doubts.len()).unwrap_or(u32::MAX),
            reply: recipient.last_reply.clone(),
            received: entry.received,
            size: entry.size,
            subject: None,
        })
        .collect()
}

/// Moves the file first: a crash in between leaves an entry without a file, which recovery
/// understands. The other way round it would leave a file without an entry, which recovery would
/// admit again.
pub(super) fn quarantine(core: &Arc<Core>, id: MessageId, reason: &str) -> Result<(), SpoolError> {
    let entry = core.index.entry(id)?.ok_or(SpoolError::NotFound(id))?;
    core.messages.set_aside(id, reason)?;
    let journal = farewell(&entry, core.clock.now(), RecipientOutcome::Quarantined);
    core.index.write(|store, staging| match staging.remove(store, id) {
        // Recovery found the entry without its file, and was quicker.
        Err(SpoolError::NotFound(_)) => Ok(()),
        removed => {
            removed.and_then(|()| staging.change(store, Change { journal, ..Change::default() }))
        }
    })?;
    core.wake();
    Ok(())
}
