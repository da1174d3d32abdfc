//! Reads the text of a message as it arrives: finds its end, removes dot-stuffing (RFC 5321 4.5.2),
//! and collects facts about it.
//!
//! Strict on purpose: only `<CRLF>.<CRLF>` ends the text, and a bare CR or LF counts as a violation
//! of the client.

use mail_parser::MessageParser;

/// The octets of the header that are examined. Exchange Online's own limit for a header is 256 KB,
/// but the fields that it acts on come early.
const HEADER_LIMIT: usize = 64 * 1024;

/// The facts about a complete text.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct TextFacts {
    /// The number of octets after the removal of dot-stuffing.
    pub(crate) octets: u64,
    /// Whether the text has a CR without LF or an LF without CR.
    pub(crate) bare_line_ends: bool,
    /// The `Message-ID` with its angle brackets.
    pub(crate) message_id: Option<String>,
    /// The addresses of `From`.
    pub(crate) from: Vec<String>,
    /// Whether the text has `Content-Type: message/partial`.
    pub(crate) is_partial: bool,
}

impl TextFacts {
    /// The facts about a text that is in memory.
    pub(crate) fn of(text: &[u8]) -> Self {
        let mut watch = Watch::default();
        watch.see(text);
        watch.facts()
    }
}

/// Collects facts from the text as it passes.
#[derive(Default)]
struct Watch {
    octets: u64,
    bare_line_ends: bool,
    last: u8,
    header: Vec<u8>,
    header_ended: bool,
}

impl Watch {
    fn see(&mut self, text: &[u8]) {
        self.octets += u64::try_from(text.len()).unwrap_or(u64::MAX);
        for &octet in text {
            if (octet == b'\n') != (self.last == b'\r') {
                self.bare_line_ends = true;
            }
            self.last = octet;
        }
        if !self.header_ended {
            let room = HEADER_LIMIT.saturating_sub(self.header.len()).min(text.len());
            // The end of the header may span two pieces. The octets before it have been searched.
            let searched = self.header.len().saturating_sub(3);
            self.header.extend_from_slice(text.get(..room).unwrap_or_default());
            let unsearched = self.header.get(searched..).unwrap_or_default();
            let end = unsearched
                .windows(4)
                .position(|four| four == b"\r\n\r\n")
                .map(|end| searched + end);
            if let Some(end) = end {
                self.header.truncate(end + 4);
            }
            self.header_ended = end.is_some() || self.header.len() >= HEADER_LIMIT;
        }
    }

    fn facts(mut self) -> TextFacts {
        // A lone CR at the end of the text is bare.
        self.bare_line_ends |= self.last == b'\r';
        let mut facts = TextFacts {
            octets: self.octets,
            bare_line_ends: self.bare_line_ends,
            ..TextFacts::default()
        };
        if let Some(message) = MessageParser::default().parse_headers(self.header.as_slice()) {
            facts.message_id = message.message_id().map(|id| format!("<{id}>"));
            let addresses = message.from().into_iter().flat_map(mail_parser::Address::iter);
            facts.from =
                addresses.filter_map(|address| address.address().map(str::to_owned)).collect();
            let kind = message
                .header(mail_parser::HeaderName::ContentType)
                .and_then(|value| value.as_content_type());
            facts.is_partial = kind.is_some_and(|kind| {
                kind.ctype().eq_ignore_ascii_case("message")
                    && kind.subtype().is_some_and(|s| s.eq_ignore_ascii_case("partial"))
            });
        }
        facts
    }
}

/// The reader's position in a line.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum TextPosition {
    /// At the beginning of a line: after CRLF, or at the beginning of the text.
    #[default]
    LineStart,
    /// Within a line.
    Inside,
    /// After a CR.
    Cr,
    /// After a dot that began a line.
    Dot,
    /// After such a dot and CR.
    DotCr,
}

/// The result of one piece of input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Taken {
    /// The number of octets consumed.
    pub(crate) consumed: usize,
    /// Whether the end of the text was among them.
    pub(crate) ended: bool,
}

/// Reads the text of `DATA`, or of `BDAT` chunks.
#[derive(Default)]
pub(crate) struct TextReader {
    position: TextPosition,
    watch: Watch,
}

impl TextReader {
    /// Reads text of `DATA` and appends its content to `out`.
    pub(crate) fn dotted(&mut self, input: &[u8], out: &mut Vec<u8>) -> Taken {
        let start = out.len();
        let mut consumed = 0;
        let mut ended = false;
        for &octet in input {
            consumed += 1;
            self.position = match (self.position, octet) {
                (TextPosition::LineStart, b'.') => TextPosition::Dot,
                (TextPosition::Dot, b'\r') => TextPosition::DotCr,
                (TextPosition::DotCr, b'\n') => {
                    ended = true;
                    break;
                }
                (TextPosition::DotCr, octet) => {
                    out.push(b'\r');
                    out.push(octet);
                    if octet == b'\r' { TextPosition::Cr } else { TextPosition::Inside }
                }
                (TextPosition::Cr, b'\n') => {
                    out.push(b'\n');
                    TextPosition::LineStart
                }
                (
                    TextPosition::LineStart
                    | TextPosition::Inside
                    | TextPosition::Cr
                    | TextPosition::Dot,
                    octet,
                ) => {
                    out.push(octet);
                    if octet == b'\r' { TextPosition::Cr } else { TextPosition::Inside }
                }
            };
        }
        self.watch.see(out.get(start..).unwrap_or_default());
        Taken { consumed, ended }
    }

    /// Reads text of a chunk, which has no dot-stuffing.
    pub(crate) fn raw(&mut self, input: &[u8]) {
        self.watch.see(input);
    }

    /// The number of octets so far.
    pub(crate) fn octets(&self) -> u64 {
        self.watch.octets
    }

    /// The facts about the complete text.
    pub(crate) fn facts(self) -> TextFacts {
        self.watch.facts()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(wire: &str, expected: &str, rest: &str) {
        for size in [1, 2, 3, wire.len().max(1)] {
            let mut reader = TextReader::default();
            let mut out = Vec::new();
            let mut used = 0;
            for piece in wire.as_bytes().chunks(size) {
                let taken = reader.dotted(piece, &mut out);
                used += taken.consumed;
                if taken.ended {
                    break;
                }
            }
            assert_eq!(String::from_utf8_lossy(&out), expected, "in pieces of {size}");
            assert_eq!(&wire[used..], rest, "in pieces of {size}");
        }
    }

    #[test]
    fn the_end_is_crlf_dot_crlf_and_nothing_else() {
        check(".\r\nQUIT\r\n", "", "QUIT\r\n");
        check("a\r\n.\r\nQUIT\r\n", "a\r\n", "QUIT\r\n");
        check("a\n.\nb\r\n.\n.\r\n\r\n.\r\n", "a\n.\nb\r\n\n.\r\n\r\n", "");
        check("..\r\n...x\r\n.\r\n", ".\r\n..x\r\n", "");
        check("a\r.\r\n.\r\n", "a\r.\r\n", "");
    }

    fn facts(text: &str) -> TextFacts {
        let mut reader = TextReader::default();
        reader.raw(text.as_bytes());
        reader.facts()
    }

    #[test]
    fn what_exchange_looks_at_is_noticed() {
        let seen = facts(
            "From: Scan <scan@contoso.com>\r\nMessage-ID: <1@mfp>\r\nContent-Type: \
            message/partial; id=x\r\n\r\nMessage-ID: <2@mfp>\r\n",
        );
        assert_eq!(seen.message_id.as_deref(), Some("<1@mfp>"));
        assert_eq!(seen.from, ["scan@contoso.com"]);
        assert!(seen.is_partial && !seen.bare_line_ends);
        assert_eq!(facts("From: a@b.c, d@e.f\r\n\r\n").from.len(), 2);
    }

    #[test]
    fn bare_line_ends_are_noted() {
        for text in ["a\nb\r\n", "a\rb\r\n", "a\r\n\n", "a\r"] {
            assert!(facts(text).bare_line_ends, "{text:?}");
        }
        assert!(!facts("a\r\n\r\nb\r\n").bare_line_ends);
    }

    proptest! {
        #[test]
        fn any_stuffed_text_comes_out_as_it_was(
            lines in prop::collection::vec("[.a\r]{0,6}", 0..8),
            size in 1_usize..9,
        ) {
            let text: String =
                lines.iter().map(|line| format!("{}\r\n", line.replace('\r', "x"))).collect();
            let stuff =
                |line: &str| format!("{}{line}", if line.starts_with('.') { "." } else { "" });
            let stuffed: String = text.split_inclusive("\r\n").map(stuff).collect();
            let wire = format!("{stuffed}.\r\n");
            let mut reader = TextReader::default();
            let mut out = Vec::new();
            let pieces = wire.as_bytes().chunks(size);
            let ended: Vec<bool> =
                pieces.map(|piece| reader.dotted(piece, &mut out).ended).collect();
            prop_assert_eq!(String::from_utf8(out).unwrap(), text);
            prop_assert_eq!(ended.last(), Some(&true));
        }
    }
}
