//! The keys of the index: one byte of kind, then what the record is found by. Numbers are
//! big-endian, so that the order of keys is the order of time.
//!
//! | kind | rest of the key | value |
//! |---|---|---|
//! | `a` | id | none: recipients of this message are being attempted |
//! | `c` | account, time, sequence | [`crate::spool::Charge`] |
//! | `d` | account, device, due time, id | none |
//! | `e` | id | [`crate::spool::Entry`] |
//! | `j` | time, id, recipient | [`crate::spool::JournalLine`] |
//! | `m` | id | where the journal of segments keeps the message: [`crate::spool::index::place`] |
//! | `p` | | the number of the last record of that journal that is in the index |
//! | `r` | kind, name | any JSON |
//! | `t` | id | none: settled, its file is to go |
//! | `v` | | none: the journal of segments knows everything that the index does |
//!
//! The journal of segments has `c`, `e`, `j`, `r`, `t` and `v`. The others follow from these.
//!
//! Names are preceded by their length, so that no character in a name can lead into another's keys.

use std::ops::Range;

use crate::{
    model::{AccountName, DeviceName, MessageId, Timestamp},
    spool::{Charge, JournalLine},
};

/// Every message under attempt.
pub(in crate::spool) const ATTEMPTS: &[u8] = b"a";
/// Every charge.
pub(in crate::spool) const CHARGES: &[u8] = b"c";
/// Every due time.
pub(in crate::spool) const DUE: &[u8] = b"d";
/// Every entry.
pub(in crate::spool) const ENTRIES: &[u8] = b"e";
/// The whole journal.
pub(in crate::spool) const JOURNAL: &[u8] = b"j";
/// Everything that is remembered by name.
pub(in crate::spool) const MEMOS: &[u8] = b"r";
/// Every message that is settled and whose file may still be there.
pub(in crate::spool) const TOMBSTONES: &[u8] = b"t";

/// Every place of a message in the journal of segments.
pub(in crate::spool) const PLACES: &[u8] = b"m";
/// How far the index has come.
pub(in crate::spool) const POSITION: &[u8] = b"p";
/// The journal of segments knows everything.
pub(in crate::spool) const COMPLETE: &[u8] = b"v";

/// Whether the journal of segments has what this key holds.
pub(in crate::spool) const fn is_logged(key: &[u8]) -> bool {
    matches!(key.first(), Some(b'c' | b'e' | b'j' | b'r' | b't' | b'v'))
}

pub(in crate::spool) fn place(id: MessageId) -> Vec<u8> {
    with_id(PLACES, id)
}

pub(in crate::spool) fn attempt(id: MessageId) -> Vec<u8> {
    with_id(ATTEMPTS, id)
}

pub(in crate::spool) fn entry(id: MessageId) -> Vec<u8> {
    with_id(ENTRIES, id)
}

pub(in crate::spool) fn tombstone(id: MessageId) -> Vec<u8> {
    with_id(TOMBSTONES, id)
}

/// The charges of one account.
pub(in crate::spool) fn charges(account: &AccountName) -> Vec<u8> {
    let mut key = CHARGES.to_vec();
    push_name(&mut key, account.as_str());
    key
}

/// The first charge that an account may have at a time.
pub(in crate::spool) fn charges_from(account: &AccountName, since: Timestamp) -> Vec<u8> {
    let mut key = charges(account);
    push_time(&mut key, since);
    key
}

pub(in crate::spool) fn charge(charge: &Charge) -> Vec<u8> {
    let mut key = charges_from(&charge.account, charge.at);
    key.extend_from_slice(&charge.sequence.to_be_bytes());
    key
}

/// The due times of one device's mail for one account.
pub(in crate::spool) fn due_of(account: &AccountName, device: &DeviceName) -> Vec<u8> {
    let mut key = DUE.to_vec();
    push_name(&mut key, account.as_str());
    push_name(&mut key, device.as_str());
    key
}

pub(in crate::spool) fn due(
    account: &AccountName,
    device: &DeviceName,
    at: Timestamp,
    id: MessageId,
) -> Vec<u8> {
    let mut key = due_of(account, device);
    push_time(&mut key, at);
    key.extend_from_slice(id.as_str().as_bytes());
    key
}

/// The journal from a time on.
pub(in crate::spool) fn journal_from(at: Timestamp) -> Vec<u8> {
    let mut key = JOURNAL.to_vec();
    push_time(&mut key, at);
    key
}

pub(in crate::spool) fn journal(line: &JournalLine) -> Vec<u8> {
    let mut key = journal_from(line.at);
    key.extend_from_slice(line.id.as_str().as_bytes());
    key.extend_from_slice(line.recipient.address.as_str().as_bytes());
    key
}

pub(in crate::spool) fn remembered(kind: &str, name: &str) -> Vec<u8> {
    let mut key = MEMOS.to_vec();
    push_name(&mut key, kind);
    key.extend_from_slice(name.as_bytes());
    key
}

/// The id that a key of an attempt, an entry or a tombstone ends in, or that a due time ends in.
pub(in crate::spool) fn id_of(key: &[u8]) -> Option<MessageId> {
    let start = key.len().checked_sub(MessageId::LENGTH)?;
    std::str::from_utf8(key.get(start..)?).ok()?.parse().ok()
}

/// Account, device, due time and id of a key of the due index.
pub(in crate::spool) fn read_due(
    key: &[u8],
) -> Option<(AccountName, DeviceName, Timestamp, MessageId)> {
    let rest = key.strip_prefix(DUE)?;
    let (account, rest) = take_name(rest)?;
    let (device, rest) = take_name(rest)?;
    let (at, _id) = rest.split_first_chunk::<8>()?;
    Some((
        account.into(),
        device.into(),
        Timestamp::from_millis(u64::from_be_bytes(*at)),
        id_of(key)?,
    ))
}

/// The time in a key of the journal.
pub(in crate::spool) fn journal_time(key: &[u8]) -> Option<Timestamp> {
    let (at, _rest) = key.strip_prefix(JOURNAL)?.split_first_chunk::<8>()?;
    Some(Timestamp::from_millis(u64::from_be_bytes(*at)))
}

/// The time in a key of a charge.
pub(in crate::spool) fn charge_time(key: &[u8]) -> Option<Timestamp> {
    let (_account, rest) = take_name(key.strip_prefix(CHARGES)?)?;
    let (at, _sequence) = rest.split_first_chunk::<8>()?;
    Some(Timestamp::from_millis(u64::from_be_bytes(*at)))
}

/// All keys that begin with a prefix.
pub(in crate::spool) fn all(prefix: &[u8]) -> Range<Vec<u8>> {
    prefix.to_vec()..end_of(prefix)
}

/// The first key after all those that begin with `prefix`.
pub(in crate::spool) fn end_of(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    // A prefix begins with a letter, so some octet can always be counted up.
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            break;
        }
    }
    end
}

fn with_id(kind: &[u8], id: MessageId) -> Vec<u8> {
    let mut key = kind.to_vec();
    key.extend_from_slice(id.as_str().as_bytes());
    key
}

fn push_name(key: &mut Vec<u8>, name: &str) {
    // No name is that long: the config is read into memory.
    let length = u32::try_from(name.len()).unwrap_or(u32::MAX);
    key.extend_from_slice(&length.to_be_bytes());
    key.extend_from_slice(name.as_bytes());
}

fn take_name(rest: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (name, rest) = rest.split_at_checked(length)?;
    Some((std::str::from_utf8(name).ok()?, rest))
}

fn push_time(key: &mut Vec<u8>, at: Timestamp) {
    key.extend_from_slice(&at.as_millis().to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_due_key_gives_back_what_it_was_made_of() {
        let id = MessageId::new(Timestamp::from_millis(77), 5);
        for (account, device) in
            [("scanner", "printers"), ("", ""), ("a\0b", "c\u{1}"), ("a", "a\0b")]
        {
            let key = due(&account.into(), &device.into(), Timestamp::MAX, id);
            assert_eq!(read_due(&key), Some((account.into(), device.into(), Timestamp::MAX, id)));
        }
        assert_eq!(read_due(b"d\0\0\0\x09short"), None);
    }

    #[test]
    fn no_name_leads_into_the_keys_of_another() {
        let at = Timestamp::ZERO;
        let id = MessageId::new(at, 0);
        let longer = due(&"scanner".into(), &"printers2".into(), at, id);
        assert!(!longer.starts_with(&due_of(&"scanner".into(), &"printers".into())));
        assert!(
            !due(&"a\0b".into(), &"c".into(), at, id)
                .starts_with(&due_of(&"a".into(), &"b".into()))
        );
    }

    #[test]
    fn keys_sort_by_time_and_end_after_their_prefix() {
        let account = AccountName::from("scanner");
        let early = charges_from(&account, Timestamp::from_millis(255));
        let late = charges_from(&account, Timestamp::from_millis(256));
        assert!(early < late && late < end_of(&charges(&account)));
        assert_eq!(end_of(b"a\xff\xff"), b"b");
    }
}
