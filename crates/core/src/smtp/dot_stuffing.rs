//! Transparency: how the text of a message goes over the wire (RFC 5321 4.5.2).

/// Stuffs dots chunk by chunk and ends the text correctly.
#[derive(Clone, Copy, Default)]
pub struct DotStuffing {
    last: Last,
}

/// The end of the text so far.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Last {
    /// Nothing, or CRLF: a complete line.
    #[default]
    Line,
    /// A CR that is not (yet) part of CRLF.
    Cr,
    /// An LF without CR before it.
    Lf,
    /// Anything else.
    Other,
}

impl DotStuffing {
    /// Appends the chunk to `out`, with a dot before each dot that begins a line.
    ///
    /// The text should have only CRLF line ends. If it has a bare CR or LF all the same, a dot
    /// after it is also doubled. Otherwise, a server that takes the bare character for a line end
    /// would take the dot for the end of the message, and what follows for commands.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        for line in chunk.split_inclusive(|&octet| octet == b'\n' || octet == b'\r') {
            if line.starts_with(b".") && self.last != Last::Other {
                out.push(b'.');
            }
            out.extend_from_slice(line);
            self.last = match line {
                [b'\n'] if self.last == Last::Cr => Last::Line,
                [.., b'\n'] => Last::Lf,
                [.., b'\r'] => Last::Cr,
                _text => Last::Other,
            };
        }
    }

    /// Ends the text: adds CRLF only if the last line lacks one, because a further one would add an
    /// empty line; then the dot.
    pub fn finish(self, out: &mut Vec<u8>) {
        if self.last != Last::Line {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b".\r\n");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stuff(chunks: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut stuffing = DotStuffing::default();
        for chunk in chunks {
            stuffing.push(chunk, &mut out);
        }
        stuffing.finish(&mut out);
        out
    }

    /// RFC 5321 4.5.2, the receiver's side, by the letter: what stands before CRLF.CRLF, one
    /// leading dot taken off each line.
    fn receive(wire: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        let mut rest = wire;
        loop {
            let end =
                rest.windows(2).position(|pair| pair == b"\r\n").expect("the text is not ended");
            let (line, after) = rest.split_at(end + 2);
            rest = after;
            if line == b".\r\n" {
                assert!(rest.is_empty(), "something follows the final dot");
                return text;
            }
            text.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        }
    }

    #[test]
    fn dots_are_doubled_at_the_start_of_a_line_only() {
        for (text, wire) in [
            ("", ".\r\n"),
            ("a\r\n", "a\r\n.\r\n"),
            ("a", "a\r\n.\r\n"),
            (".", "..\r\n.\r\n"),
            (".\r\n", "..\r\n.\r\n"),
            ("..a\r\n.b.c\r\n", "...a\r\n..b.c\r\n.\r\n"),
            ("a\r\n\r\n", "a\r\n\r\n.\r\n"),
            ("a\r", "a\r\r\n.\r\n"),
            ("a\n.\r\nMAIL FROM:<>\r\n", "a\n..\r\nMAIL FROM:<>\r\n.\r\n"),
            ("a\r.\r\nMAIL FROM:<>\r\n", "a\r..\r\nMAIL FROM:<>\r\n.\r\n"),
        ] {
            assert_eq!(String::from_utf8_lossy(&stuff(&[text.as_bytes()])), wire, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_stuffed_is_received_as_it_was(
            lines in prop::collection::vec("[a.]{0,4}", 0..8),
            cuts in prop::collection::vec(0_usize..40, 0..4),
        ) {
            let text = lines.iter().map(|line| format!("{line}\r\n")).collect::<String>();
            let mut cuts = cuts.iter().map(|cut| (*cut).min(text.len())).collect::<Vec<_>>();
            cuts.sort_unstable();
            let mut from = 0;
            let mut chunks = Vec::new();
            for cut in cuts.into_iter().chain([text.len()]) {
                chunks.push(&text.as_bytes()[from..cut]);
                from = cut;
            }
            prop_assert_eq!(String::from_utf8(receive(&stuff(&chunks))).unwrap(), text);
        }

        #[test]
        fn no_text_can_end_itself(text in "[a.\r\n]{0,24}") {
            let wire = stuff(&[text.as_bytes()]);
            let body = &wire[..wire.len() - 3];
            let whole = [b"\r\n", body].concat();
            for end in [&b"\r\n.\r\n"[..], b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\r", b"\n.\r"] {
                prop_assert!(
                    !whole.windows(end.len()).any(|window| window == end),
                    "{:?} holds {:?}",
                    text,
                    end.escape_ascii().to_string()
                );
            }
        }
    }
}
