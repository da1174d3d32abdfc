//! Whether a header is longer than it can be worked on, told while it comes in and without keeping
//! it.

use crate::message::{
    header::HEADER_LIMIT,
    header_lines::{HeaderLines, NextLine, field_name},
};

/// Octets that a device's header may have; what is left is for the field that we put before it.
pub const ACCEPTED_HEADER: usize = HEADER_LIMIT - 4 * 1024;
/// `Received:` fields of a message that is not in a loop. RFC 5321 6.3 wants at least 100 or some
/// other way to tell; mail of devices passes a handful of servers.
const HOP_LIMIT: usize = 50;
/// Octets of a line that tell whether it is a field: a name and its colon, with room for blanks.
const TELLING: usize = 256;

/// Counts the octets of a header, to its end or its bound.
#[derive(Default)]
pub struct HeaderLength {
    octets: usize,
    line: Vec<u8>,
    lines: HeaderLines,
    ended: bool,
    hops: usize,
}

impl HeaderLength {
    /// Takes the text, in chunks of any size.
    pub fn read(&mut self, text: &[u8]) {
        for piece in text.split_inclusive(|octet| *octet == b'\n') {
            if self.ended || self.is_too_long() {
                return;
            }
            self.octets += piece.len();
            let room = TELLING.saturating_sub(self.line.len()).min(piece.len());
            self.line.extend_from_slice(piece.get(..room).unwrap_or_default());
            if piece.ends_with(b"\n") {
                if !self.line.ends_with(b"\n") {
                    self.line.push(b'\n');
                }
                let next = self.lines.next(&self.line);
                self.ended = matches!(next, NextLine::End | NextLine::Body);
                let is_hop = next == NextLine::Field
                    && field_name(&self.line)
                        .is_some_and(|name| name.eq_ignore_ascii_case(b"Received"));
                self.hops += usize::from(is_hop);
                // The line that ends it belongs to the body.
                self.octets -= if self.ended { piece.len().min(self.octets) } else { 0 };
                self.line.clear();
            }
        }
    }

    /// True once the message has passed more servers than any mail does on its way.
    #[must_use]
    pub const fn loops(&self) -> bool {
        self.hops > HOP_LIMIT
    }

    /// True once the header is longer than it may be.
    #[must_use]
    pub const fn is_too_long(&self) -> bool {
        self.octets > ACCEPTED_HEADER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, too_long: bool) {
        for step in [997, 64 * 1024, text.len()] {
            let mut length = HeaderLength::default();
            text.as_bytes().chunks(step).for_each(|chunk| length.read(chunk));
            assert_eq!(length.is_too_long(), too_long, "{} octets in steps of {step}", text.len());
        }
    }

    #[test]
    fn a_message_that_goes_round_is_told_from_one_that_arrives() {
        let loops = |text: &str| {
            let mut length = HeaderLength::default();
            text.as_bytes().chunks(7).for_each(|chunk| length.read(chunk));
            length.loops()
        };
        let hop = "Received: from a by b;\r\n\tSun, 9 Mar 2025 19:25:28 +0000\r\n";
        assert!(!loops(&format!("{}Subject: x\r\n\r\n{hop}", hop.repeat(50))));
        assert!(loops(&format!("{}Subject: x\r\n\r\n", hop.repeat(51))));
        assert!(!loops(&format!("Subject: x\r\n\r\n{}", hop.repeat(100))));
    }

    #[test]
    fn a_header_is_measured_and_a_body_is_not() {
        let field = format!("X-Line: {}\r\n", "x".repeat(90));
        let most = ACCEPTED_HEADER / field.len();
        check(&format!("{}\r\n", field.repeat(most)), false);
        check(&format!("{}\r\n", field.repeat(most + 1)), true);
        check(&format!("Subject: x\r\n\r\n{}", field.repeat(2 * most)), false);
        check(&"a line of text\r\n".repeat(30_000), false);
        check(&format!("To: {}\r\n\r\n", "a@b.c,\r\n ".repeat(40_000)), true);
        check(&format!("Subject: {}\r\n\r\n", "x".repeat(ACCEPTED_HEADER)), true);
    }
}
