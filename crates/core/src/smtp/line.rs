//! Splits bytes into command lines, within bounds.

use zeroize::Zeroizing;

/// RFC 5321 4.5.3.1.4 asks for 512 octets and lets extensions raise it; 4096 leaves room for every
/// known parameter.
pub(crate) const COMMAND_LIMIT: usize = 4096;
/// RFC 4954 4: lines of an authentication exchange have up to 12,288 octets.
pub(crate) const AUTH_LIMIT: usize = 12_288;

/// Collects one line at a time. It never holds more than [`AUTH_LIMIT`] octets and a line end.
#[derive(Default)]
pub(crate) struct LineBuffer {
    held: Zeroizing<Vec<u8>>,
    overflow: Overflow,
}

/// Whether the line in progress has exceeded its bound; the rest of it is then discarded.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Overflow {
    #[default]
    None,
    Discarding,
}

/// One line without its end. Wiped when dropped, since it may hold a password.
pub(crate) struct ReceivedLine {
    pub(crate) text: Zeroizing<Vec<u8>>,
    pub(crate) ending: Ending,
}

/// How a line ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ending {
    Crlf,
    /// Deliberately laxer than RFC 5321 2.3.8, which allows only CRLF.
    BareLf,
}

/// The kind of line that is expected, which bounds its length.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    Command,
    AuthResponse,
}

/// The line was longer than its bound and was discarded.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct TooLong;

impl LineBuffer {
    /// Consumes octets up to the next line end. Returns how many, and the line if it is complete.
    pub(crate) fn fill(
        &mut self,
        input: &[u8],
        expected: Expected,
    ) -> (usize, Option<Result<ReceivedLine, TooLong>>) {
        let end = memchr::memchr(b'\n', input);
        let (part, _) = input.split_at(end.map_or(input.len(), |at| at + 1));
        if self.overflow == Overflow::None {
            if self.held.len() + part.len() > AUTH_LIMIT + b"\r\n".len() {
                self.overflow = Overflow::Discarding;
                *self.held = Vec::new();
            } else {
                self.held.extend_from_slice(part);
            }
        }
        (part.len(), end.map(|_| self.finish(expected)))
    }

    fn finish(&mut self, expected: Expected) -> Result<ReceivedLine, TooLong> {
        if std::mem::take(&mut self.overflow) == Overflow::Discarding {
            return Err(TooLong);
        }
        let mut text = std::mem::take(&mut self.held);
        text.pop();
        let ending = if text.last() == Some(&b'\r') { Ending::Crlf } else { Ending::BareLf };
        while text.last() == Some(&b'\r') {
            text.pop();
        }
        let limit = match expected {
            Expected::AuthResponse => AUTH_LIMIT,
            Expected::Command if opens_with_auth(&text) => AUTH_LIMIT,
            Expected::Command => COMMAND_LIMIT,
        };
        if text.len() > limit { Err(TooLong) } else { Ok(ReceivedLine { text, ending }) }
    }
}

fn opens_with_auth(text: &[u8]) -> bool {
    text.trim_ascii_start().get(..4).is_some_and(|verb| verb.eq_ignore_ascii_case(b"AUTH"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: &[u8], chunk: usize) -> Vec<Result<(Vec<u8>, Ending), TooLong>> {
        let mut buffer = LineBuffer::default();
        let mut seen = Vec::new();
        for mut part in input.chunks(chunk) {
            while !part.is_empty() {
                let (consumed, line) = buffer.fill(part, Expected::Command);
                seen.extend(line.map(|line| line.map(|line| (line.text.to_vec(), line.ending))));
                part = &part[consumed..];
                assert!(buffer.held.len() <= AUTH_LIMIT + 2);
            }
        }
        seen
    }

    fn check(input: &[u8], expected: &[Result<(&[u8], Ending), TooLong>]) {
        let owned = |line: &Result<(&[u8], Ending), TooLong>| {
            line.as_ref().map(|(text, end)| (text.to_vec(), *end)).map_err(|TooLong| TooLong)
        };
        let expected: Vec<_> = expected.iter().map(owned).collect();
        for chunk in [1, 2, 3, 4096, input.len()] {
            assert_eq!(lines(input, chunk), expected, "chunks of {chunk}");
        }
    }

    #[test]
    fn a_line_ends_with_crlf_or_a_bare_lf() {
        check(
            b"HELO a\r\nNOOP\nQUIT\r\r\nrest",
            &[
                Ok((b"HELO a", Ending::Crlf)),
                Ok((b"NOOP", Ending::BareLf)),
                Ok((b"QUIT", Ending::Crlf)),
            ],
        );
    }

    #[test]
    fn a_line_over_its_bound_is_dropped_up_to_its_end_only() {
        let long = |n: usize| [vec![b'x'; n], b"\r\nNOOP\r\n".to_vec()].concat();
        let noop = || Ok((b"NOOP".as_slice(), Ending::Crlf));
        check(&long(COMMAND_LIMIT), &[Ok((&[b'x'; COMMAND_LIMIT], Ending::Crlf)), noop()]);
        check(&long(COMMAND_LIMIT + 1), &[Err(TooLong), noop()]);
        check(&long(100_000), &[Err(TooLong), noop()]);
    }

    #[test]
    fn an_authentication_line_may_be_longer() {
        let auth = [b"auth plain ".to_vec(), vec![b'A'; 8000]].concat();
        check(&[auth.clone(), b"\r\n".to_vec()].concat(), &[Ok((&auth, Ending::Crlf))]);
    }
}
