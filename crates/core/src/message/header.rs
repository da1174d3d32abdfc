//! The header block of a message, as fields that can be looked up and replaced without touching
//! their neighbours.
//!
//! Tolerant by design: devices send messages without a header, with lines that are no fields, with
//! 8-bit text. What is not edited goes out octet for octet as it came in.

use std::borrow::Cow;

use encoding_rs::Encoding as Charset;

pub use crate::message::fold::LINE_LIMIT;
use crate::message::{
    charset,
    fold::fold,
    header_lines::{HeaderLines, NextLine, field_name},
    work,
};

/// Octets of a message in which the header must end. A longer one goes out unedited: nothing a
/// device means to send needs more.
pub const HEADER_LIMIT: usize = 256 * 1024;

/// The field for a line of the header that is not a field.
pub(super) const STRAY: &str = "X-Postroom-Malformed";

/// A header block, and where it ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HeaderBlock<'a> {
    fields: Vec<Field<'a>>,
    length: usize,
    ended: bool,
    strays: usize,
}

/// One field: its name and its lines, unfolded only when asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field<'a> {
    name: &'a [u8],
    raw: Cow<'a, [u8]>,
    charset: Option<&'static Charset>,
}

impl<'a> HeaderBlock<'a> {
    /// Reads the block at the start of `text`, whose lines end in CRLF.
    ///
    /// The block ends at an empty line (which belongs to it), at the first line that can be no
    /// field (RFC 5322 2.2: such a message has lost its empty line, or never had a header), or at
    /// the end of `text`.
    #[must_use]
    pub fn read(text: &'a [u8]) -> Self {
        Self::read_in(text, None)
    }

    /// The same for a header whose octets above 127 are in this charset, unless it names another.
    pub(super) fn read_in(text: &'a [u8], charset: Option<&'static Charset>) -> Self {
        let mut header = Self::parse(text);
        if header.fields.iter().all(|field| charset::is_plain(&field.raw)) {
            return header;
        }
        let own = header.find("Content-Type").and_then(|field| charset::named_in(&field.raw));
        for field in &mut header.fields {
            field.charset = own.or(charset);
        }
        header
    }

    fn parse(text: &'a [u8]) -> Self {
        let (mut fields, mut lines): (Vec<Field<'a>>, _) = (Vec::new(), HeaderLines::default());
        let (mut length, mut field_start, mut ended) = (0, 0, false);
        let (mut doubtful, mut strays) = (None, 0);
        while let Some(line) = line_at(text, length) {
            let next = lines.next(line);
            ended = matches!(next, NextLine::End | NextLine::Body) && line.ends_with(b"\n");
            match next {
                NextLine::Doubtful => {
                    doubtful = Some(length);
                }
                NextLine::End | NextLine::Body => {
                    length += if next == NextLine::End { line.len() } else { 0 };
                    break;
                }
                NextLine::Folded => {
                    if let Some(field) = fields.last_mut() {
                        let whole = text.get(field_start..length + line.len());
                        field.raw = Cow::Borrowed(whole.unwrap_or_default());
                    }
                }
                NextLine::Field => {
                    let stray = doubtful.take().and_then(|from| text.get(from..length));
                    strays += usize::from(stray.is_some());
                    fields.extend(stray.map(Field::put_aside));
                    let name = field_name(line).unwrap_or_default();
                    fields.push(Field { name, raw: Cow::Borrowed(line), charset: None });
                    field_start = length;
                }
            }
            length += line.len();
        }
        let length = doubtful.filter(|_| lines.is_in_doubt()).unwrap_or(length);
        Self { fields, length, ended, strays }
    }

    /// Octets of `text` that the block takes up, its empty line included.
    #[must_use]
    pub const fn length(&self) -> usize {
        self.length
    }

    /// True when the text that was read shows where the block ends. Else more of it is needed.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.ended
    }

    /// True when an empty line ends it; false when `text` goes on at once, or has ended.
    #[must_use]
    pub fn is_ended(&self, text: &[u8]) -> bool {
        text.get(..self.length)
            .is_some_and(|block| block.ends_with(b"\r\n\r\n") || block == b"\r\n")
    }

    /// True when lines among the fields were none, and stand in fields of their own now.
    #[must_use]
    pub const fn has_stray_lines(&self) -> bool {
        self.strays > 0
    }

    /// The fields, in their order.
    pub fn fields(&self) -> impl Iterator<Item = &Field<'a>> {
        self.fields.iter()
    }

    /// How many fields have that name.
    #[must_use]
    pub fn count(&self, name: &str) -> usize {
        self.fields.iter().filter(|field| field.is(name)).count()
    }

    /// Drops all fields of that name but the first.
    pub fn keep_first(&mut self, name: &str) {
        let mut seen = 0;
        self.fields.retain(|field| {
            seen += usize::from(field.is(name));
            !field.is(name) || seen == 1
        });
    }

    /// Drops all fields of that name but the first that is `usable`, or the first of all.
    pub(super) fn keep_one(&mut self, name: &str, usable: impl Fn(&Field<'_>) -> bool) {
        if self.count(name) < 2 {
            return;
        }
        let kept = self
            .fields
            .iter()
            .position(|field| field.is(name) && usable(field))
            .or_else(|| self.fields.iter().position(|field| field.is(name)));
        let mut place = 0;
        self.fields.retain(|field| {
            place += 1;
            !field.is(name) || Some(place - 1) == kept
        });
    }

    /// Keeps the fields that are `wanted`.
    pub(super) fn retain(&mut self, wanted: impl Fn(&Field<'_>) -> bool) {
        self.fields.retain(wanted);
    }

    /// Drops all fields of that name.
    pub fn remove(&mut self, name: &str) {
        self.fields.retain(|field| !field.is(name));
    }

    /// Puts what `line` makes of each field in its place.
    pub fn rewrite(&mut self, line: impl Fn(&Field<'_>) -> Option<String>) {
        for field in &mut self.fields {
            if let Some(line) = line(field) {
                field.raw = Cow::Owned(line.into_bytes());
            }
        }
    }

    /// Takes away the blanks before colons.
    pub(super) fn close_names(&mut self) {
        for field in &mut self.fields {
            if let Some(line) = field.with_closed_name() {
                field.raw = Cow::Owned(line);
            }
        }
    }

    /// True when a signature covers the message as it is: DKIM (RFC 6376) or ARC (RFC 8617). A
    /// changed octet would break it.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        ["DKIM-Signature", "ARC-Message-Signature"].iter().any(|name| self.find(name).is_some())
    }

    /// The first field of that name, in any letter case.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Field<'a>> {
        self.fields.iter().find(|field| field.is(name))
    }

    /// Puts `line` (with its CRLF) in the place of the first field of that name, drops the others,
    /// or adds it as the last.
    pub fn replace(&mut self, name: &'static str, line: String) {
        let raw = Cow::Owned(line.into_bytes());
        let field = Field { name: name.as_bytes(), raw, charset: None };
        self.keep_first(name);
        match self.fields.iter_mut().find(|field| field.is(name)) {
            Some(old) => *old = field,
            None => self.fields.push(field),
        }
    }

    /// The fields that say nothing about the content, and those that do (RFC 2045 3: `Content-…`).
    /// Neither with an empty line.
    #[must_use]
    pub fn without_content(&self) -> (Vec<u8>, Vec<u8>) {
        let (mut outer, mut inner) = (Vec::new(), Vec::new());
        for field in &self.fields {
            let about_content =
                field.name.get(..8).is_some_and(|start| start.eq_ignore_ascii_case(b"content-"));
            let text = if about_content { &mut inner } else { &mut outer };
            text.extend_from_slice(&field.raw);
            if !field.raw.ends_with(b"\r\n") {
                text.extend_from_slice(b"\r\n");
            }
        }
        (outer, inner)
    }

    /// The first field of each name that says something, as a block of its own.
    pub(super) fn only(&self, names: &[&str]) -> Vec<u8> {
        let mut block = Vec::new();
        for name in names {
            let says_something = |field: &&Field<'_>| field.is(name) && !field.value().is_empty();
            if let Some(field) = self.fields.iter().find(says_something) {
                block.extend_from_slice(field.raw.trim_ascii_end());
                block.extend_from_slice(b"\r\n");
            }
        }
        block.extend_from_slice(b"\r\n");
        block
    }

    /// The fields, then the empty line. Lines over 998 octets are folded (RFC 5322 2.1.1).
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        let mut text: Vec<u8> = Vec::with_capacity(self.length + 256);
        for field in &self.fields {
            if !field.has_long_line() {
                text.extend_from_slice(&field.raw);
                if !field.raw.ends_with(b"\r\n") {
                    text.extend_from_slice(b"\r\n");
                }
            } else {
                fold(&field.raw, &mut text);
            }
        }
        text.extend_from_slice(b"\r\n");
        text
    }
}

impl Field<'_> {
    /// A line that is not a field, kept in a field of its own.
    fn put_aside(line: &[u8]) -> Self {
        let raw = [STRAY.as_bytes(), b": ", line.trim_ascii(), b"\r\n"].concat();
        Self { name: STRAY.as_bytes(), raw: Cow::Owned(raw), charset: None }
    }

    /// Without the blanks before its colon; none when it has none.
    pub(super) fn with_closed_name(&self) -> Option<Vec<u8>> {
        let rest = self.raw.get(self.name.len()..)?;
        let blanks = rest.iter().take_while(|octet| matches!(octet, b' ' | b'\t')).count();
        let colon = rest.get(blanks..).filter(|colon| blanks > 0 && colon.starts_with(b":"))?;
        Some([self.name, colon].concat())
    }

    /// Its name, as it was written.
    #[must_use]
    pub fn name(&self) -> &str {
        std::str::from_utf8(self.name).unwrap_or_default()
    }

    /// True when one of its lines has more than 998 octets (RFC 5322 2.1.1).
    #[must_use]
    pub fn has_long_line(&self) -> bool {
        work::looks_at(&self.raw);
        self.raw
            .split(|octet| *octet == b'\n')
            .any(|line| line.strip_suffix(b"\r").unwrap_or(line).len() > LINE_LIMIT)
    }

    /// True when it has no 8-bit text, nor escape sequences that mean some.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        work::looks_at(&self.raw);
        charset::is_plain(&self.raw)
    }

    /// True when the field has this name.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// What stands after the colon, unfolded (RFC 5322 2.2.3), without blanks at its ends. 8-bit
    /// text is read in the charset that the message names.
    #[must_use]
    pub fn value(&self) -> String {
        work::looks_at(&self.raw);
        let colon = self.raw.iter().position(|octet| *octet == b':').map_or(0, |place| place + 1);
        let after = self.raw.get(colon..).unwrap_or_default();
        charset::decoded(after, self.charset).replace("\r\n", "").trim().to_owned()
    }
}

fn line_at(text: &[u8], start: usize) -> Option<&[u8]> {
    let rest = text.get(start..)?;
    let end =
        rest.windows(2).position(|pair| pair == b"\r\n").map_or(rest.len(), |place| place + 2);
    work::looks_at(rest.get(..end).unwrap_or_default());
    rest.get(..end).filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::message::header_lines::NAME_LIMIT;

    #[test]
    fn a_word_that_was_broken_is_not_broken_again() {
        for length in
            (900..3100).step_by(7).chain([995, 996, 997, 998, 999, 1990, 1992, 1993, 1994])
        {
            let once = HeaderBlock::read(
                format!("To: a@b.c, {}\r\n\r\n", "\u{90}".repeat(length)).as_bytes(),
            )
            .render();
            assert_eq!(HeaderBlock::read(&once).render(), once, "a word of {length} characters");
        }
    }

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
            assert_eq!(HeaderBlock::read(seen).is_whole(), length >= 25, "{length}");
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
    fn a_line_without_blanks_is_broken_all_the_same() {
        for word in [
            "x".repeat(5000),
            "ü".repeat(3000),
            format!("{}y", " ".repeat(4000)),
            " \t".repeat(2000),
            "a ".repeat(3000),
        ] {
            let text = format!("Subject: {word}\r\nTo: x@y\r\n\r\n");
            let rendered = HeaderBlock::read(text.as_bytes()).render();
            assert!(
                rendered.split(|octet| *octet == b'\n').all(|line| line.len() <= LINE_LIMIT + 1),
                "{}",
                &text[..40]
            );
            let lines: Vec<&str> = std::str::from_utf8(&rendered).unwrap().lines().collect();
            assert!(
                lines[..lines.len() - 1].iter().all(|line| !line.trim().is_empty()),
                "a line of blanks: {}",
                &text[..40]
            );
            assert_eq!(HeaderBlock::read(&rendered).render(), rendered);
            let squeezed = |text: &str| text.replace([' ', '\t', '\r', '\n'], "");
            assert_eq!(squeezed(&lines.concat()), squeezed(&text));
        }
    }

    #[test]
    fn a_message_that_ends_inside_a_long_line_of_its_header_keeps_room_for_more() {
        let text = format!("Subject: {}", "x".repeat(1500));
        let mut block = HeaderBlock::read(text.as_bytes());
        block.replace("To", "To: a@b.c\r\n".into());
        let rendered = block.render();
        assert_eq!(HeaderBlock::read(&rendered).find("To").unwrap().value(), "a@b.c");
        assert_eq!(HeaderBlock::read(&rendered).length(), rendered.len());
    }

    #[test]
    fn a_word_too_long_for_a_name_is_text() {
        assert_eq!(
            HeaderBlock::read(format!("{}: x\r\n", "q".repeat(NAME_LIMIT)).as_bytes())
                .fields()
                .count(),
            1
        );
        assert_eq!(
            HeaderBlock::read(format!("{}: x\r\n", "q".repeat(1500)).as_bytes()).length(),
            0
        );
    }

    #[test]
    fn eight_bit_text_is_read_as_latin_1_when_it_is_no_utf8() {
        assert_eq!(
            HeaderBlock::read(b"Subject: B\xfcro\r\n\r\n").find("Subject").unwrap().value(),
            "Büro"
        );
        assert_eq!(
            HeaderBlock::read("Subject: Büro\r\n\r\n".as_bytes()).find("Subject").unwrap().value(),
            "Büro"
        );
    }

    proptest! {
        #[test]
        fn what_is_not_edited_goes_out_as_it_came(text in "([A-Za-z-]{1,9}: [ -~]{0,40}\r\n( [ \
            -~]{0,9}\r\n)?){0,6}\r\n[ -~\r\n]{0,40}") {
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
