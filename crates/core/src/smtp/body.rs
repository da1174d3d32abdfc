//! The text after `DATA`: undoes dot-stuffing, finds the end, and stores nothing but clean lines.
//!
//! A bare CR and a bare LF each become CRLF, a NUL is dropped. The end is recognised in what was
//! received, before any of this: `<CRLF>.<CRLF>` and nothing that merely looks like it, in any
//! server's eyes. What is stored holds CRLF line ends alone, so a line that consists of a dot is
//! stuffed on the way out like any other: no second message can hide in the first, neither here nor
//! at the next server.
//!
//! ```text
//!   LineStart ──"."──▶ Dot ──CR──▶ DotCr ──LF──▶ end of data, if the line before was ended by CRLF
//!       ▲  │           │             │
//!       │  └───────────┴─────────────┴──▶ InLine ──CR──▶ Cr
//!       └───────────────── any line end ────┴─────────────┘
//! ```

use std::collections::BTreeSet;

use crate::smtp::{EndOfData, Quirk};

/// Most decoded text handed over at once. A power of two well above a read from the socket, and
/// small enough to be held for each connection.
pub const CHUNK: usize = 64 * 1024;
/// The most that one octet of input adds to the output: a dot held back and two line ends.
const STEP_LIMIT: usize = 5;
/// RFC 5321 4.5.3.1.6: longest line of text, without its end.
const LINE_LIMIT: usize = 998;

/// Decodes one message's text, whatever pieces it comes in.
pub struct Decoder {
    at: At,
    end_of_data: EndOfData,
    octets: u64,
    line: usize,
    quirks: BTreeSet<Quirk>,
    tail: Tail,
}

/// What the text received so far ends with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tail {
    /// A line that consists of one dot, after a lone LF. Some devices mean the end of data by it.
    Lookalike,
    /// Anything else.
    Text,
}

/// Where in the text we are.
#[derive(Clone, Copy)]
enum At {
    /// Nothing of the line has been seen.
    LineStart(Before),
    /// A leading dot is held back.
    Dot(Before),
    /// A leading dot and a CR are held back.
    DotCr(Before),
    /// Something of the line has been seen.
    InLine,
    /// A CR is held back.
    Cr,
}

/// What stood before the line.
#[derive(Clone, Copy)]
enum Before {
    /// Nothing: `DATA` itself was ended by CRLF, so an end of data may follow at once.
    Nothing,
    Crlf,
    BareLf,
    BareCr,
}

/// What came of some input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// The input is used up, or the output is full.
    More,
    /// End of data; what follows in the input is not text.
    Ended(Ended),
}

/// How the text ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// `<CRLF>.<CRLF>`
    Properly,
    /// `<LF>.<LF>` or `<LF>.<CRLF>`
    ByLoneLf,
}

impl Decoder {
    /// For the text that follows 354.
    #[must_use]
    pub const fn new(end_of_data: EndOfData) -> Self {
        Self {
            at: At::LineStart(Before::Nothing),
            end_of_data,
            octets: 0,
            line: 0,
            quirks: BTreeSet::new(),
            tail: Tail::Text,
        }
    }

    /// Octets decoded so far: those that count against a size limit (RFC 1870 5).
    #[must_use]
    pub const fn octets(&self) -> u64 {
        self.octets
    }

    /// What was odd about the text so far.
    #[must_use]
    pub const fn quirks(&self) -> &BTreeSet<Quirk> {
        &self.quirks
    }

    /// Whether the text so far ends with something that resembles the end of data, and that
    /// [`EndOfData::LoneLfThenClose`] would have taken for it.
    #[must_use]
    pub fn resembles_an_end(&self) -> bool {
        self.tail == Tail::Lookalike
    }

    /// Decodes into `output`, which never grows beyond [`CHUNK`]: how many octets of `input` were
    /// used up, and what came of it.
    pub fn decode(&mut self, input: &[u8], output: &mut Vec<u8>) -> (usize, Progress) {
        let mut consumed = 0;
        while output.len() + STEP_LIMIT <= CHUNK {
            let room = CHUNK - STEP_LIMIT - output.len();
            let rest = input.get(consumed..).unwrap_or_default();
            let (window, _) = rest.split_at(rest.len().min(room));
            let (clean, _) = window.split_at(self.clean_run(window));
            output.extend_from_slice(clean);
            consumed += clean.len();
            let Some(byte) = input.get(consumed) else { break };
            consumed += 1;
            if let Some(ended) = self.step(*byte, output) {
                return (consumed, Progress::Ended(ended));
            }
        }
        (consumed, Progress::More)
    }

    /// Length of what can be copied as it is: whole lines at memory speed, one search for each line
    /// end.
    fn clean_run(&mut self, window: &[u8]) -> usize {
        match self.at {
            At::LineStart(_) | At::InLine => {}
            At::Dot(_) | At::DotCr(_) | At::Cr => return 0,
        }
        let mut clean = 0;
        while let Some(rest) = window.get(clean..).filter(|rest| !rest.is_empty()) {
            if matches!(self.at, At::LineStart(_)) && rest.first() == Some(&b'.') {
                break;
            }
            let stop = memchr::memchr3(b'\r', b'\n', b'\0', rest);
            let length = stop.unwrap_or(rest.len());
            if length > 0 {
                self.at = At::InLine;
                self.lengthen_line(length);
            }
            clean += length;
            if rest.get(length..length + 2) != Some(b"\r\n") {
                break;
            }
            clean += 2;
            self.line = 0;
            self.at = At::LineStart(Before::Crlf);
        }
        if clean > 0 {
            self.tail = Tail::Text;
        }
        self.octets = self.octets.saturating_add(clean.try_into().unwrap_or(u64::MAX));
        clean
    }

    /// One octet that is not plain text in its place.
    fn step(&mut self, byte: u8, output: &mut Vec<u8>) -> Option<Ended> {
        self.tail = Tail::Text;
        match self.at {
            At::LineStart(before) if byte == b'.' => self.at = At::Dot(before),
            At::LineStart(_) | At::InLine => self.plain(byte, output),
            At::Cr if byte == b'\n' => self.end_line(Before::Crlf, output),
            At::Cr => {
                self.end_line(Before::BareCr, output);
                return self.step(byte, output);
            }
            At::Dot(before) => return self.after_dot(before, byte, output),
            At::DotCr(Before::Crlf | Before::Nothing) if byte == b'\n' => {
                return Some(Ended::Properly);
            }
            At::DotCr(Before::BareLf)
                if byte == b'\n' && self.end_of_data == EndOfData::LoneLfThenClose =>
            {
                self.quirks.insert(Quirk::LoneLfEndOfData);
                return Some(Ended::ByLoneLf);
            }
            At::DotCr(before) => {
                self.emit(b".", output);
                self.at = At::Cr;
                let ended = self.step(byte, output);
                if byte == b'\n' && matches!(before, Before::BareLf) {
                    self.tail = Tail::Lookalike;
                }
                return ended;
            }
        }
        None
    }

    fn plain(&mut self, byte: u8, output: &mut Vec<u8>) {
        match byte {
            b'\r' => self.at = At::Cr,
            b'\n' => self.end_line(Before::BareLf, output),
            b'\0' => {
                self.quirks.insert(Quirk::NulInText);
                // The line has begun: a dot after a NUL is not a leading dot, or
                // `<CRLF><NUL>.<CRLF>` would be an end of data.
                self.at = At::InLine;
            }
            text => {
                self.emit(&[text], output);
                self.at = At::InLine;
            }
        }
    }

    fn after_dot(&mut self, before: Before, byte: u8, output: &mut Vec<u8>) -> Option<Ended> {
        match (byte, before, self.end_of_data) {
            (b'\r', ..) => self.at = At::DotCr(before),
            (b'\n', Before::BareLf | Before::Nothing, EndOfData::LoneLfThenClose) => {
                self.quirks.insert(Quirk::LoneLfEndOfData);
                return Some(Ended::ByLoneLf);
            }
            (b'\n', ..) => {
                self.emit(b".", output);
                self.end_line(Before::BareLf, output);
                if matches!(before, Before::BareLf | Before::Nothing) {
                    self.tail = Tail::Lookalike;
                }
            }
            _ => {
                // RFC 5321 4.5.2: a leading dot with anything after it was put there by the client.
                // Whoever ends lines with a bare LF or CR stuffs after those, so the rule holds
                // after every line end.
                self.at = At::InLine;
                return self.step(byte, output);
            }
        }
        None
    }

    fn end_line(&mut self, ended_by: Before, output: &mut Vec<u8>) {
        match ended_by {
            Before::BareLf | Before::BareCr => {
                self.quirks.insert(Quirk::BareLineEnd);
            }
            Before::Crlf | Before::Nothing => {}
        }
        output.extend_from_slice(b"\r\n");
        self.octets = self.octets.saturating_add(2);
        self.line = 0;
        self.at = At::LineStart(ended_by);
    }

    fn emit(&mut self, text: &[u8], output: &mut Vec<u8>) {
        output.extend_from_slice(text);
        self.octets = self.octets.saturating_add(text.len().try_into().unwrap_or(u64::MAX));
        self.lengthen_line(text.len());
    }

    fn lengthen_line(&mut self, by: usize) {
        self.line = self.line.saturating_add(by);
        if self.line > LINE_LIMIT {
            self.quirks.insert(Quirk::LongLine);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Decodes `pieces` one after the other: text, how it ended, what was left.
    fn decode(
        end_of_data: EndOfData,
        pieces: &[&[u8]],
    ) -> (Vec<u8>, Option<Ended>, Vec<u8>, BTreeSet<Quirk>) {
        let mut decoder = Decoder::new(end_of_data);
        let (mut text, mut output) = (Vec::new(), Vec::new());
        for (index, piece) in pieces.iter().enumerate() {
            let mut rest = *piece;
            loop {
                let (consumed, progress) = decoder.decode(rest, &mut output);
                assert!(output.len() <= CHUNK);
                text.append(&mut output);
                rest = &rest[consumed..];
                match progress {
                    Progress::Ended(ended) => {
                        let left = [rest, &pieces[index + 1..].concat()].concat();
                        assert_eq!(usize::try_from(decoder.octets()).unwrap(), text.len());
                        return (text, Some(ended), left, decoder.quirks);
                    }
                    Progress::More if rest.is_empty() => break,
                    Progress::More => assert!(consumed > 0),
                }
            }
        }
        (text, None, Vec::new(), decoder.quirks)
    }

    /// Whole, byte by byte, and split in two at every place: always the same.
    fn check(end_of_data: EndOfData, input: &[u8], text: &[u8], ended: Option<Ended>, left: &[u8]) {
        let whole = decode(end_of_data, &[input]);
        assert_eq!(
            (whole.0.escape_ascii().to_string(), whole.1),
            (text.escape_ascii().to_string(), ended),
            "{}",
            input.escape_ascii()
        );
        assert_eq!(whole.2, left, "{}", input.escape_ascii());
        assert_eq!(
            decode(end_of_data, &input.chunks(1).collect::<Vec<_>>()),
            whole,
            "byte by byte: {}",
            input.escape_ascii()
        );
        for at in 0..=input.len() {
            let (one, two) = input.split_at(at);
            assert_eq!(
                decode(end_of_data, &[one, two]),
                whole,
                "split at {at}: {}",
                input.escape_ascii()
            );
        }
    }

    fn strict(input: &[u8], text: &[u8], left: &[u8]) {
        check(EndOfData::Strict, input, text, Some(Ended::Properly), left);
    }

    #[test]
    fn crlf_dot_crlf_ends_the_text() {
        strict(b"hi\r\n.\r\nQUIT\r\n", b"hi\r\n", b"QUIT\r\n");
        strict(b".\r\nRSET\r\n", b"", b"RSET\r\n");
        strict(b"\r\n.\r\n", b"\r\n", b"");
        strict(b"a\r\n\r\n..\r\n...b\r\n.c\r\n.\r\n", b"a\r\n\r\n.\r\n..b\r\nc\r\n", b"");
    }

    #[test]
    fn what_merely_looks_like_the_end_of_data_is_text() {
        // Each of these has been taken for an end of data by some server (CVE-2023-51764 and its
        // kin).
        for (fake, stored) in [
            (b"\n.\n".as_slice(), b"\r\n.\r\n".as_slice()),
            (b"\r.\r", b"\r\n.\r\n"),
            (b"\n.\r\n", b"\r\n.\r\n"),
            (b"\r\n.\n", b"\r\n.\r\n"),
            (b"\r\n.\r", b"\r\n.\r\n"),
            (b"\r.\r\n", b"\r\n.\r\n"),
            (b"\r\n\0.\r\n", b"\r\n.\r\n"),
            (b"\r\n.\0\r\n", b"\r\n\r\n"),
            (b"\r\n.\r\0\n", b"\r\n.\r\n\r\n"),
            (b"\r\n.\r\r\n", b"\r\n.\r\n\r\n"),
            (b"\r\0\n.\r\n", b"\r\n\r\n.\r\n"),
            (b"\r\r\n.\n\r\n", b"\r\n\r\n.\r\n\r\n"),
        ] {
            let input = [b"a", fake, b"MAIL FROM:<evil@example.com>\r\n.\r\nQUIT\r\n"].concat();
            let text = [b"a", stored, b"MAIL FROM:<evil@example.com>\r\n"].concat();
            strict(&input, &text, b"QUIT\r\n");
        }
    }

    #[test]
    fn lf_dot_lf_ends_the_text_where_it_is_allowed_to() {
        let lone = |input: &[u8], text: &[u8], ended, left: &[u8]| {
            check(EndOfData::LoneLfThenClose, input, text, Some(ended), left);
        };
        lone(b"a\nb\n.\nQUIT\n", b"a\r\nb\r\n", Ended::ByLoneLf, b"QUIT\n");
        lone(b".\n", b"", Ended::ByLoneLf, b"");
        lone(b"a\r\n.\r\nQUIT\r\n", b"a\r\n", Ended::Properly, b"QUIT\r\n");
        lone(b"a\nb\n.\r\nQUIT\r\n", b"a\r\nb\r\n", Ended::ByLoneLf, b"QUIT\r\n");
        lone(b"a\r\n.\nb\n.\r\nc\r\n.\r\n", b"a\r\n.\r\nb\r\n", Ended::ByLoneLf, b"c\r\n.\r\n");
        check(EndOfData::Strict, b"a\n.\nQUIT\n", b"a\r\n.\r\nQUIT\r\n", None, b"");
    }

    #[test]
    fn a_text_that_resembles_an_end_is_told_from_others() {
        for (input, expected) in [
            (b"a\n.\n".as_slice(), true),
            (b"a\n.\r\n", true),
            (b".\n", true),
            (b"a\n.\nb", false),
            (b"a\n.\n\n", false),
            (b"a\r\n.\n", false),
            (b"a\n..\n", false),
            (b"a\r\n", false),
        ] {
            for size in [1, input.len()] {
                let mut decoder = Decoder::new(EndOfData::Strict);
                for piece in input.chunks(size) {
                    decoder.decode(piece, &mut Vec::new());
                }
                assert_eq!(decoder.resembles_an_end(), expected, "{}", input.escape_ascii());
            }
        }
    }

    #[test]
    fn what_was_odd_is_noted() {
        let quirks =
            |input: &[u8]| decode(EndOfData::Strict, &[input]).3.into_iter().collect::<Vec<_>>();
        assert_eq!(quirks(b"fine\r\n.\r\n"), []);
        assert_eq!(quirks(b"a\nb\r\n.\r\n"), [Quirk::BareLineEnd]);
        assert_eq!(quirks(b"a\rb\r\n.\r\n"), [Quirk::BareLineEnd]);
        assert_eq!(quirks(b"a\0b\r\n.\r\n"), [Quirk::NulInText]);
        let line = |length| [vec![b'x'; length], b"\r\n.\r\n".to_vec()].concat();
        assert_eq!(quirks(&line(998)), []);
        assert_eq!(quirks(&line(999)), [Quirk::LongLine]);
    }

    /// What a line-minded client means by its text: every kind of line end is one, NUL is nothing.
    fn normalise(text: &[u8]) -> Vec<u8> {
        lines(text)
            .into_iter()
            .flat_map(|(line, end)| {
                [line.as_slice(), if end.is_empty() { b"" } else { b"\r\n" }].concat()
            })
            .filter(|b| *b != 0)
            .collect()
    }

    /// As a client sends its text (RFC 5321 4.5.2), whatever it believes a line end to be.
    fn stuff(text: &[u8]) -> Vec<u8> {
        let stuffed = |(line, end): (Vec<u8>, Vec<u8>)| {
            [if line.starts_with(b".") { b"." } else { b"".as_slice() }, &line, &end].concat()
        };
        let mut wire: Vec<u8> = lines(text).into_iter().flat_map(stuffed).collect();
        wire.extend_from_slice(b".\r\n");
        wire
    }

    fn lines(text: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let (mut lines, mut line, mut rest) = (Vec::new(), Vec::new(), text);
        while let Some((byte, tail)) = rest.split_first() {
            let end = match (byte, tail.first()) {
                (b'\r', Some(b'\n')) => 2,
                (b'\r' | b'\n', _) => 1,
                _ => 0,
            };
            if end == 0 {
                line.push(*byte);
                rest = tail;
            } else {
                lines.push((std::mem::take(&mut line), rest[..end].to_vec()));
                rest = &rest[end..];
            }
        }
        if !line.is_empty() {
            lines.push((line, Vec::new()));
        }
        lines
    }

    /// Text made of what matters, ended by CRLF as a client ends it.
    fn nasty_text() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just(b"\r\n".to_vec()),
            Just(b"\r".to_vec()),
            Just(b"\n".to_vec()),
            Just(b".".to_vec()),
            Just(b"\0".to_vec()),
            Just(b"a".to_vec()),
            proptest::collection::vec(any::<u8>(), 0..40),
        ];
        proptest::collection::vec(piece, 0..40).prop_map(|pieces| {
            let mut text = pieces.concat();
            if !text.is_empty() {
                text.extend_from_slice(b"\r\n");
            }
            text
        })
    }

    proptest! {
        #[test]
        fn decoding_undoes_stuffing_for_every_split(text in nasty_text()) {
            strict(&stuff(&text), &normalise(&text), b"");
        }

        #[test]
        fn nothing_stored_can_end_data_at_the_next_server(wire in nasty_text(), cut in any::<prop::sample::Index>()) {
            let (one, two) = wire.split_at(cut.index(wire.len() + 1));
            for end_of_data in [EndOfData::Strict, EndOfData::LoneLfThenClose] {
                let (stored, ..) = decode(end_of_data, &[one, two]);
                let bare = lines(&stored).into_iter().any(|(_, end)| end.len() == 1);
                prop_assert!(!bare && !stored.contains(&0), "{}", stored.escape_ascii());
            }
        }
    }

    #[test]
    fn a_large_text_comes_in_bounded_chunks() {
        let text =
            b"TWFuIGlzIGRpc3Rpbmd1aXNoZWQsIG5vdCBvbmx5IGJ5IGhpcyByZWFzb24sIGJ1dCBieSB0aGlz\r\n"
                .repeat(10_000);
        let wire = stuff(&text);
        assert_eq!(decode(EndOfData::Strict, &[&wire]).0, text);
        let bare = "\n".repeat(200_000);
        assert_eq!(
            decode(EndOfData::Strict, &[bare.as_bytes()]).0,
            "\r\n".repeat(200_000).into_bytes()
        );
    }
}
