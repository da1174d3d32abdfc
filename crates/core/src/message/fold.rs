//! Breaks the lines of a field that are too long (RFC 5322 2.1.1, 2.2.3).

use std::borrow::Cow;

use crate::message::work;

/// RFC 5321 4.5.3.1.6: 1000 octets with CRLF.
pub const LINE_LIMIT: usize = 998;

/// After how many octets a line that is too long is folded. Leaves room for a long word before the
/// limit.
const FOLD_AT: usize = 200;
/// Octets of a folded line at most: one is left for the blank that a break may put in front.
const FOLDED_LIMIT: usize = LINE_LIMIT - 1;
/// Blanks in a row that are kept in a line that is too long.
const GAP_LIMIT: usize = 100;

/// Breaks a field's lines that are too long, so that none is longer than it may be. Each ends in
/// CRLF then.
pub(super) fn fold(raw: &[u8], text: &mut Vec<u8>) {
    work::looks_at(raw);
    let mut lines = raw.split(|octet| *octet == b'\n');
    let first = lines.next().unwrap_or_default();
    // Not right after the name: a first line without a value is taken for an empty field by some.
    let name = first.iter().position(|octet| *octet == b':').map_or(0, |colon| colon + 2);
    fold_line(first, name, text);
    // A folded line of blanks says nothing, and without them it would end the header.
    for line in lines.filter(|line| !line.trim_ascii().is_empty()) {
        fold_line(line, 1, text);
    }
}

/// Breaks before blanks (RFC 5322 2.2.3), not before octet `from`. Where there is no blank in time,
/// a break with a blank is put in, as Postfix does: there is no legal way to send such a word, and
/// a word with a blank in it is better than a message that is refused.
fn fold_line(line: &[u8], mut from: usize, text: &mut Vec<u8>) {
    let shortened = if line.len() > FOLDED_LIMIT {
        Cow::Owned(without_gaps(line.trim_ascii_end()))
    } else {
        Cow::Borrowed(line.trim_ascii_end())
    };
    let mut rest: &[u8] = &shortened;
    // Octets of the blank that was put before the rest.
    let mut put = 0;
    while let Some(place) = place_of_break(rest, from, put) {
        let (piece, after) = rest.split_at(place);
        text.extend_from_slice(piece);
        text.extend_from_slice(b"\r\n");
        put = usize::from(!matches!(after.first(), Some(b' ' | b'\t')));
        text.extend_from_slice(b" ".get(..put).unwrap_or_default());
        rest = after;
        from = 1 - put;
    }
    text.extend_from_slice(rest);
    text.extend_from_slice(b"\r\n");
}

/// Before the last word that begins within [`FOLD_AT`], else before the first one after it, else in
/// the middle of a word. None for a line that is short enough. `put` octets are before it already.
fn place_of_break(line: &[u8], from: usize, put: usize) -> Option<usize> {
    let (fold_at, limit) = (FOLD_AT - put, FOLDED_LIMIT - put);
    if line.len() <= fold_at {
        return None;
    }
    work::looks_at(line.get(..limit.min(line.len())).unwrap_or_default());
    let begins_word = |place: &usize| {
        matches!(line.get(*place), Some(b' ' | b'\t')) && line.get(place + 1).is_some_and(|next| !matches!(next, b' ' | b'\t'))
            // A line of blanks alone ends the header in the eyes of some.
            && line.get(..*place).is_some_and(|before| !before.trim_ascii().is_empty())
    };
    let near = (from..=fold_at).rev().find(begins_word);
    if near.is_some() || line.len() <= limit {
        return near;
    }
    // Never inside a character of UTF-8.
    let begins_character =
        |place: &usize| line.get(*place).is_some_and(|octet| octet & 0xc0 != 0x80);
    let far = (fold_at..limit).find(begins_word);
    far.or_else(|| (limit - 4..limit).rev().find(begins_character)).or(Some(limit - 1))
}

/// With every run of many blanks cut to one, so that no line has to consist of blanks.
fn without_gaps(line: &[u8]) -> Vec<u8> {
    work::looks_at(line);
    let mut kept = Vec::with_capacity(line.len());
    let mut gap = 0;
    for octet in line {
        gap = if matches!(octet, b' ' | b'\t') { gap + 1 } else { 0 };
        if gap <= GAP_LIMIT {
            kept.push(*octet);
        }
    }
    kept
}
