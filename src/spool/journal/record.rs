//! Records of the journal as octets. Numbers are little-endian.
//!
//! ```text
//! change:   operations
//! message:  the octets of its `.eml` file, operations, length of the octets (4), zeros (4)
//!
//! operation: length of the key (4), length of the value plus one (4), key, value
//!            0 in the place of the value's length: the key is removed
//! ```
//!
//! An operation says what a key of the index holds from now on, whatever it held before. So records
//! may be replayed any number of times over an index that has some of them already, as long as the
//! last ones are among them.

use postroom_journal::Kind;

/// What has become of messages, charges, memos.
pub(in crate::spool) const CHANGE: Kind = Kind(1);
/// An accepted message with its text.
pub(in crate::spool) const MESSAGE: Kind = Kind(2);

const TRAILER: usize = 8;

/// What a key holds from now on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::spool) struct Operation<'a> {
    pub(in crate::spool) key: &'a [u8],
    /// None: the key is removed.
    pub(in crate::spool) value: Option<&'a [u8]>,
}

/// What a record says.
#[derive(PartialEq, Eq, Debug)]
pub(in crate::spool) struct Record<'a> {
    /// A message with its envelope, as in a file; none in a change.
    pub(in crate::spool) message: Option<&'a [u8]>,
    pub(in crate::spool) operations: Vec<Operation<'a>>,
}

/// Appends operations to the octets of a record.
pub(in crate::spool) fn write_operation(operation: Operation<'_>, to: &mut Vec<u8>) {
    let Operation { key, value } = operation;
    to.extend_from_slice(&length(key.len()));
    to.extend_from_slice(&length(value.map_or(0, |value| value.len().saturating_add(1))));
    to.extend_from_slice(key);
    to.extend_from_slice(value.unwrap_or_default());
}

/// Ends the record of a message whose octets and operations have been written.
pub(in crate::spool) fn end_message(message: usize, to: &mut Vec<u8>) {
    to.extend_from_slice(&length(message));
    to.extend_from_slice(&[0; 4]);
}

/// Reads a record. None when it makes no sense, or is of a later version.
pub(in crate::spool) fn read(kind: Kind, payload: &[u8]) -> Option<Record<'_>> {
    match kind {
        CHANGE => Some(Record { message: None, operations: read_operations(payload)? }),
        MESSAGE => {
            let message = read_message(payload)?;
            let end = payload.len().checked_sub(TRAILER)?;
            let operations = read_operations(payload.get(message.len()..end)?)?;
            Some(Record { message: Some(message), operations })
        }
        _later => None,
    }
}

/// The message in the record of one.
pub(in crate::spool) fn read_message(payload: &[u8]) -> Option<&[u8]> {
    let trailer = payload.get(payload.len().checked_sub(TRAILER)?..)?;
    let (message, _rest) = take_length(trailer)?;
    payload.get(..message).filter(|message| message.len() <= payload.len() - TRAILER)
}

fn read_operations(mut rest: &[u8]) -> Option<Vec<Operation<'_>>> {
    let mut operations = Vec::new();
    while !rest.is_empty() {
        let (key, behind) = take_length(rest)?;
        let (value, behind) = take_length(behind)?;
        let (key, behind) = behind.split_at_checked(key)?;
        let (octets, behind) = behind.split_at_checked(value.saturating_sub(1))?;
        operations.push(Operation { key, value: (value > 0).then_some(octets) });
        rest = behind;
    }
    Some(operations)
}

fn length(length: usize) -> [u8; 4] {
    // The journal takes no record of such a length.
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}

fn take_length(octets: &[u8]) -> Option<(usize, &[u8])> {
    let (length, rest) = octets.split_first_chunk::<4>()?;
    Some((usize::try_from(u32::from_le_bytes(*length)).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPERATIONS: [Operation<'_>; 3] = [
        Operation { key: b"e1", value: Some(b"entry") },
        Operation { key: b"t1", value: Some(b"") },
        Operation { key: b"c1", value: None },
    ];

    #[test]
    fn what_was_written_is_read() {
        let mut change = Vec::new();
        OPERATIONS.iter().for_each(|operation| write_operation(*operation, &mut change));
        let read_back = read(CHANGE, &change).unwrap();
        assert_eq!((read_back.message, read_back.operations.as_slice()), (None, &OPERATIONS[..]));

        let mut message = b"Subject: scan\r\n\r\n".to_vec();
        let octets = message.len();
        message.extend_from_slice(&change);
        end_message(octets, &mut message);
        let read_back = read(MESSAGE, &message).unwrap();
        assert_eq!(read_back.message, Some(&b"Subject: scan\r\n\r\n"[..]));
        assert_eq!(read_back.operations, OPERATIONS);
        assert_eq!(read_message(&message), read_back.message);
    }

    #[test]
    fn nonsense_is_not_read_and_breaks_nothing() {
        let mut change = Vec::new();
        OPERATIONS.iter().for_each(|operation| write_operation(*operation, &mut change));
        for end in 1..change.len() {
            let whole = read(CHANGE, &change[..end]).is_some_and(|r| r.operations.len() == 3);
            assert!(!whole, "cut at {end}");
        }
        assert_eq!(read(MESSAGE, b"short"), None);
        assert_eq!(read(MESSAGE, &[0xff; 40]), None);
        assert_eq!(read(Kind(99), b""), None);
    }
}
