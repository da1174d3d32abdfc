//! Where a header goes on and where it ends, line by line.
//!
//! Everything that reads a header asks here, so that all agree on where the body begins.

use crate::message::work;

/// Octets of a field's name. Longer ones are text with a colon in it; no line could hold name and
/// value anyway.
pub(super) const NAME_LIMIT: usize = 100;
/// Lines in a header that are not fields, and that are put aside. A header with more is text.
const STRAY_LIMIT: u8 = 4;

/// Octets of such a line. A longer one is text.
const STRAY_LENGTH: usize = 200;

/// Fields that mail programs know. A line that is not a field is put aside only when one of these
/// follows directly; text that happens to have a colon does not begin so.
const KNOWN: [&[u8]; 17] = [
    b"Received",
    b"From",
    b"To",
    b"Cc",
    b"Subject",
    b"Date",
    b"Message-ID",
    b"Reply-To",
    b"Sender",
    b"MIME-Version",
    b"Content-Type",
    b"Content-Transfer-Encoding",
    b"Content-Disposition",
    b"Return-Path",
    b"X-Mailer",
    b"X-Priority",
    b"Importance",
];

/// Reads a header, one whole line after the other.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct HeaderLines {
    /// A field was seen, so that a line that begins with a blank has something to belong to.
    begun: bool,
    /// Which of [`KNOWN`] were seen, bit by bit.
    seen: u32,
    strays: u8,
    /// The last line was no field, and the next one decides what it is.
    doubtful: bool,
}

/// What a line of a header is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NextLine {
    /// It begins a field. A doubtful line before it is to be put aside.
    Field,
    /// It belongs to the field before it.
    Folded,
    /// The empty line that ends the header.
    End,
    /// No field; the next line tells whether the header goes on.
    Doubtful,
    /// The header has ended before it, and before a doubtful line that precedes it.
    Body,
}

impl HeaderLines {
    /// Before the first line.
    pub(super) const fn new() -> Self {
        Self { begun: false, seen: 0, strays: 0, doubtful: false }
    }

    /// Judges the next line, which has its line end.
    pub(super) fn next(&mut self, line: &[u8]) -> NextLine {
        let name = field_name(line);
        let known = name.and_then(place_among_known);
        if self.doubtful {
            // A field that was there already is more likely text that looks like one.
            let goes_on = known.is_some_and(|place| place == 0 || self.seen & (1 << place) == 0);
            if !goes_on {
                return NextLine::Body;
            }
            self.doubtful = false;
            self.strays += 1;
        }
        if line == b"\r\n" || line == b"\n" {
            return NextLine::End;
        }
        if is_folded(line) && self.begun {
            return NextLine::Folded;
        }
        if name.is_some() {
            self.begun = true;
            self.seen |= known.map_or(0, |place| 1 << place);
            return NextLine::Field;
        }
        if self.strays < STRAY_LIMIT && line.len() <= STRAY_LENGTH && line.ends_with(b"\n") {
            self.doubtful = true;
            return NextLine::Doubtful;
        }
        NextLine::Body
    }

    /// True when the last line is doubtful: unless another one follows, it is body.
    pub(super) const fn is_in_doubt(&self) -> bool {
        self.doubtful
    }
}

fn place_among_known(name: &[u8]) -> Option<usize> {
    KNOWN.iter().position(|known| name.eq_ignore_ascii_case(known))
}

fn is_folded(line: &[u8]) -> bool {
    matches!(line.first(), Some(b' ' | b'\t'))
}

/// RFC 5322 3.6.8: printable ASCII but the colon; blanks before the colon are obsolete and taken
/// (4.5).
pub(super) fn field_name(line: &[u8]) -> Option<&[u8]> {
    work::looks_at(line);
    let colon = line.iter().position(|octet| *octet == b':')?;
    let name = line.get(..colon)?.trim_ascii_end();
    let legal = (1..=NAME_LIMIT).contains(&name.len())
        && name.iter().all(|octet| (33..=126).contains(octet));
    legal.then_some(name)
}
