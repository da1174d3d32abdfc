//! The header block of a message, as fields that can be looked up and replaced without touching their neighbours.
//!
//! Tolerant by design: devices send messages without a header, with lines that are no fields, with 8-bit text.
//! What is not edited goes out octet for octet as it came in.

use std::borrow::Cow;

use crate::message::long_lines::LINE_LIMIT;

/// Octets of a message in which the header must end. A longer one goes out unedited: nothing a device means to send needs more.
pub const HEADER_LIMIT: usize = 256 * 1024;

/// After how many octets a line that is too long is folded. Leaves room for a long word before the limit.
const FOLD_AT: usize = 200;

/// A header block, and where it ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HeaderBlock<'a> {
    fields: Vec<Field<'a>>,
    length: usize,
}

/// One field: its name and its lines, unfolded only when asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field<'a> {
    name: &'a [u8],
    raw: Cow<'a, [u8]>,
}

impl<'a> HeaderBlock<'a> {
    /// Reads the block at the start of `text`, whose lines end in CRLF.
    ///
    /// The block ends at an empty line (which belongs to it), at the first line that can be no field (RFC 5322 2.2:
    /// such a message has lost its empty line, or never had a header), or at the end of `text`.
    #[must_use]
    pub fn read(text: &'a [u8]) -> Self {
        let mut fields: Vec<Field<'a>> = Vec::new();
        let mut length = 0;
        while let Some(line) = line_at(text, length) {
            if line == b"\r\n" {
                length += line.len();
                break;
            }
            let continues = matches!(line.first(), Some(b' ' | b'\t'));
            if continues && let Some(field) = fields.last_mut() {
                let start = length - field.raw.len();
                field.raw = Cow::Borrowed(text.get(start..length + line.len()).unwrap_or_default());
            } else if let Some(name) = field_name(line) {
                fields.push(Field { name, raw: Cow::Borrowed(line) });
            } else {
                break;
            }
            length += line.len();
        }
        Self { fields, length }
    }

    /// Octets of `text` that the block takes up, its empty line included.
    #[must_use]
    pub const fn length(&self) -> usize {
        self.length
    }

    /// True when `text` shows where the block ends: an empty line, or a whole line that is no field. Else more of it is needed.
    #[must_use]
    pub fn is_whole(&self, text: &[u8]) -> bool {
        let (block, rest) = text.split_at_checked(self.length).unwrap_or((text, &[]));
        block.ends_with(b"\r\n\r\n") || block == b"\r\n" || rest.contains(&b'\n')
    }

    /// The first field of that name, in any letter case.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Field<'a>> {
        self.fields.iter().find(|field| field.is(name))
    }

    /// Puts `line` (with its CRLF) in the place of the first field of that name, drops the others, or adds it as the last.
    pub fn replace(&mut self, name: &'static str, line: String) {
        let field = Field { name: name.as_bytes(), raw: Cow::Owned(line.into_bytes()) };
        let Some(place) = self.fields.iter().position(|field| field.is(name)) else {
            self.fields.push(field);
            return;
        };
        let mut index = 0;
        self.fields.retain(|field| {
            index += 1;
            index <= place + 1 || !field.is(name)
        });
        if let Some(old) = self.fields.get_mut(place) {
            *old = field;
        }
    }

    /// The fields that say nothing about the content, and those that do (RFC 2045 3: `Content-…`). Neither with an empty line.
    #[must_use]
    pub fn without_content(&self) -> (Vec<u8>, Vec<u8>) {
        let (mut outer, mut inner) = (Vec::new(), Vec::new());
        for field in &self.fields {
            let about_content = field.name.get(..8).is_some_and(|start| start.eq_ignore_ascii_case(b"content-"));
            let text = if about_content { &mut inner } else { &mut outer };
            text.extend_from_slice(&field.raw);
            if !field.raw.ends_with(b"\r\n") {
                text.extend_from_slice(b"\r\n");
            }
        }
        (outer, inner)
    }

    /// The fields, then the empty line. Lines over 998 octets are folded where they have blanks (RFC 5322 2.2.3).
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        let mut text: Vec<u8> = Vec::with_capacity(self.length + 256);
        for field in &self.fields {
            if field.raw.split(|octet| *octet == b'\n').all(|line| line.len() <= LINE_LIMIT + 1) {
                text.extend_from_slice(&field.raw);
            } else {
                fold(&field.raw, &mut text);
            }
            if !field.raw.ends_with(b"\r\n") {
                text.extend_from_slice(b"\r\n");
            }
        }
        text.extend_from_slice(b"\r\n");
        text
    }
}

impl Field<'_> {
    /// True when the field has this name.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// What stands after the colon, unfolded (RFC 5322 2.2.3), without blanks at its ends. 8-bit text that is no UTF-8
    /// is taken as Latin-1, which is what devices mean by it.
    #[must_use]
    pub fn value(&self) -> String {
        let colon = self.raw.iter().position(|octet| *octet == b':').map_or(0, |place| place + 1);
        let after = self.raw.get(colon..).unwrap_or_default();
        let text = match std::str::from_utf8(after) {
            Ok(text) => text.to_owned(),
            Err(_latin) => after.iter().copied().map(char::from).collect(),
        };
        text.replace("\r\n", "").trim().to_owned()
    }
}

/// Breaks lines before blanks so that none is longer than it may be. A line without blanks stays: there is no legal way.
fn fold(raw: &[u8], text: &mut Vec<u8>) {
    let mut column = 0;
    for word in raw.split_inclusive(|octet| matches!(octet, b' ' | b'\t' | b'\n')) {
        // A word ends with its blank: the break goes before that blank, which then begins the next line.
        let (blank, word) = match word {
            [start @ .., last @ (b' ' | b'\t')] => (Some(*last), start),
            _ => (None, word),
        };
        text.extend_from_slice(word);
        column = if word.ends_with(b"\n") { 0 } else { column + word.len() };
        if let Some(blank) = blank {
            if column > FOLD_AT {
                text.extend_from_slice(b"\r\n");
                column = 0;
            }
            text.push(blank);
            column += 1;
        }
    }
}

fn line_at(text: &[u8], start: usize) -> Option<&[u8]> {
    let rest = text.get(start..)?;
    let end = rest.windows(2).position(|pair| pair == b"\r\n").map_or(rest.len(), |place| place + 2);
    rest.get(..end).filter(|line| !line.is_empty())
}

/// RFC 5322 3.6.8: printable ASCII but the colon; blanks before the colon are obsolete and taken (4.5).
fn field_name(line: &[u8]) -> Option<&[u8]> {
    let colon = line.iter().position(|octet| *octet == b':')?;
    let name = line.get(..colon)?.trim_ascii_end();
    let legal = !name.is_empty() && name.iter().all(|octet| (33..=126).contains(octet));
    legal.then_some(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_block_ends_after_its_empty_line() {
        let text = b"Subject: a\r\n b\r\nFROM : x@y\r\n\r\nbody: no field\r\n";
        let block = HeaderBlock::read(text);
        assert_eq!(&text[block.length()..], b"body: no field\r\n");
        assert_eq!(block.find("subject").unwrap().value(), "a b");
        assert_eq!(block.find("From").unwrap().value(), "x@y");
        assert_eq!(block.render(), &text[..block.length()]);
    }

    #[test]
    fn a_message_without_header_has_an_empty_block() {
        assert_eq!(HeaderBlock::read(b"Just a line of text.\r\n").length(), 0);
        assert_eq!(HeaderBlock::read(b"").length(), 0);
        assert_eq!(HeaderBlock::read(b"\r\nbody\r\n").length(), 2);
    }

    #[test]
    fn half_a_header_is_known_to_be_half() {
        let text = b"From: a@b\r\nSubject: s\r\n\r\nbody\r\n";
        for length in 0..text.len() {
            let seen = &text[..length];
            assert_eq!(HeaderBlock::read(seen).is_whole(seen), length >= 25, "{length}");
        }
    }

    #[test]
    fn a_line_that_is_no_field_ends_the_block_and_belongs_to_the_body() {
        let text = b"Subject: a\r\nHello there\r\n";
        let block = HeaderBlock::read(text);
        assert_eq!(&text[block.length()..], b"Hello there\r\n");
        assert_eq!(block.render(), b"Subject: a\r\n\r\n");
    }

    #[test]
    fn replacing_keeps_the_place_and_drops_doubles() {
        let mut block = HeaderBlock::read(b"From: a@b\r\nSubject: s\r\nfrom: c@d\r\n\r\n");
        block.replace("From", "From: e@f\r\n".into());
        block.replace("Date", "Date: today\r\n".into());
        assert_eq!(block.render(), b"From: e@f\r\nSubject: s\r\nDate: today\r\n\r\n");
    }

    #[test]
    fn a_line_that_is_too_long_is_folded_at_its_blanks() {
        let text = format!("To: {}\r\n\r\n", "someone@contoso.com, ".repeat(100));
        let rendered = HeaderBlock::read(text.as_bytes()).render();
        assert!(rendered.split(|octet| *octet == b'\n').all(|line| line.len() <= 300));
        let value = |text: &[u8]| HeaderBlock::read(text).find("To").unwrap().value();
        assert_eq!(value(&rendered), value(text.as_bytes()));
    }

    #[test]
    fn eight_bit_text_is_read_as_latin_1_when_it_is_no_utf8() {
        assert_eq!(HeaderBlock::read(b"Subject: B\xfcro\r\n\r\n").find("Subject").unwrap().value(), "Büro");
        assert_eq!(HeaderBlock::read("Subject: Büro\r\n\r\n".as_bytes()).find("Subject").unwrap().value(), "Büro");
    }

    proptest! {
        #[test]
        fn what_is_not_edited_goes_out_as_it_came(text in "([A-Za-z-]{1,9}: [ -~]{0,40}\r\n( [ -~]{0,9}\r\n)?){0,6}\r\n[ -~\r\n]{0,40}") {
            let block = HeaderBlock::read(text.as_bytes());
            prop_assert_eq!(block.render(), &text.as_bytes()[..block.length()]);
        }

        #[test]
        fn no_octets_panic(text in proptest::collection::vec(any::<u8>(), 0..400)) {
            let block = HeaderBlock::read(&text);
            prop_assert!(block.length() <= text.len());
            let _rendered = block.render();
        }
    }
}
