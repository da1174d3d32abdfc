//! The texts of messages, wherever they are kept: in the journal or in files.

use postroom_journal::JournalError;

use crate::{
    model::{Envelope, MessageId},
    spool::{
        MessageReader, SpoolError,
        core::Core,
        index::place::Located,
        journal::record,
        messages::{
            MessageStore,
            files::envelope_format::{self as format, FIRST_LINE},
        },
    },
};

/// Opens the text of a message. May wait for the disk.
pub(super) fn read(core: &Core, id: MessageId) -> Result<MessageReader, SpoolError> {
    match read_record(core, id)? {
        Some(octets) => MessageReader::of_octets(octets)
            .map_err(|error| unreadable(core, id, &error.to_string())),
        None => core.messages.read(id),
    }
}

/// The envelope of a message, and the octets of its text.
pub(super) fn read_envelope(core: &Core, id: MessageId) -> Result<(Envelope, u64), SpoolError> {
    let Some(octets) = read_record(core, id)? else { return core.messages.read_envelope(id) };
    let read = || {
        let extent = format::extent(octets.get(..FIRST_LINE).unwrap_or_default())?;
        let end = usize::try_from(extent.text_at).unwrap_or(usize::MAX);
        Ok((format::parse(octets.get(..end).unwrap_or_default())?, extent.size))
    };
    read().map_err(|error: format::FormatError| unreadable(core, id, &error.to_string()))
}

/// Whether the segment that a message should be in is there. Its record is checked when it is read.
pub(super) fn is_there(core: &Core, located: Located) -> Result<bool, SpoolError> {
    let segments = core.index.log()?.segments();
    Ok(segments.iter().any(|(segment, _first)| *segment == located.place.segment))
}

/// Puts a message out of the way into `quarantine/`, with the reason beside it.
pub(super) fn set_aside(core: &Core, id: MessageId, reason: &str) -> Result<(), SpoolError> {
    let Some(located) = core.index.located(id)? else {
        return core.messages.set_aside(id, reason);
    };
    // Damaged or not: somebody is going to look at it.
    let octets = match read_record(core, id) {
        Ok(octets) => octets,
        Err(SpoolError::Unreadable { .. }) => core.index.log()?.salvage(located.place),
        Err(error) => return Err(error),
    };
    core.messages.set_octets_aside(id, &octets.unwrap_or_default(), reason)
}

/// The octets of a message that is in the journal; none when it has a file.
fn read_record(core: &Core, id: MessageId) -> Result<Option<Vec<u8>>, SpoolError> {
    let mut tried = None;
    while let Some(located) = core.index.located(id)? {
        let payload = match core.index.log()?.read(located.place) {
            Ok(payload) => payload,
            // It was moved between the two looks.
            Err(JournalError::Gone) if tried != Some(located) => {
                tried = Some(located);
                continue;
            }
            Err(error @ (JournalError::Gone | JournalError::Damaged)) => {
                return Err(unreadable(core, id, &error.to_string()));
            }
            Err(error) => return Err(SpoolError::journal(&error)),
        };
        let length =
            record::read_message(&payload).filter(|octets| is_of(octets, id)).map(<[u8]>::len);
        let Some(length) = length else {
            return Err(unreadable(core, id, "its record in the journal is another message's"));
        };
        let mut octets = payload;
        octets.truncate(length);
        return Ok(Some(octets));
    }
    Ok(None)
}

/// Whether octets are those of this message: after a journal was deleted, a place may hold another.
fn is_of(octets: &[u8], id: MessageId) -> bool {
    let fields = octets.get(FIRST_LINE..).unwrap_or_default();
    let rest = fields.strip_prefix(b"Postroom-Id: ").unwrap_or_default();
    rest.starts_with(id.as_str().as_bytes())
}

fn unreadable(core: &Core, id: MessageId, reason: &str) -> SpoolError {
    SpoolError::Unreadable { path: core.messages.path(id), reason: reason.to_owned() }
}
