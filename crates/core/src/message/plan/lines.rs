//! Makes lines shorter without changing what a reader sees, octet by octet.

use crate::message::header::LINE_LIMIT;

/// RFC 2045 6.7 and 6.8: lines of encoded text are at most 76 long.
const ENCODED_LINE: usize = 76;
/// Octets after which a line that nobody reads is broken, with room for a whole character.
const WRAP_AT: usize = LINE_LIMIT - 8;

/// Breaks lines of base64.
#[derive(Default)]
pub(super) struct Base64Folder {
    column: usize,
}

impl Base64Folder {
    pub(super) fn push(&mut self, octet: u8, output: &mut Vec<u8>) {
        match octet {
            b'\n' => self.column = 0,
            b'\r' => {}
            _ if self.column == ENCODED_LINE => {
                output.extend_from_slice(b"\r\n");
                self.column = 1;
            }
            _ => self.column += 1,
        }
        output.push(octet);
    }

    /// Octets that folding adds to a line of `line` octets.
    pub(super) const fn added(line: u64) -> u64 {
        if line == 0 { 0 } else { (line - 1) / 76 * 2 }
    }
}

/// Puts soft breaks into quoted-printable: anywhere but inside `=xx`.
#[derive(Default)]
pub(super) struct SoftBreaker {
    column: usize,
    /// The `=xx` that has begun.
    held: Vec<u8>,
}

impl SoftBreaker {
    pub(super) fn push(&mut self, octet: u8, output: &mut Vec<u8>) {
        self.held.push(octet);
        let complete = match self.held.first() {
            Some(b'=') => self.held.len() == 3 || octet == b'\n',
            Some(_) | None => true,
        };
        if !complete {
            return;
        }
        let token = std::mem::take(&mut self.held);
        if token.ends_with(b"\n") {
            self.column = 0;
        } else if token != b"\r" {
            // One column is left for the soft break's own "=".
            if self.column + token.len() >= ENCODED_LINE {
                output.extend_from_slice(b"=\r\n");
                self.column = 0;
            }
            self.column += token.len();
        }
        output.extend_from_slice(&token);
    }

    pub(super) fn finish(&mut self, output: &mut Vec<u8>) {
        output.append(&mut self.held);
    }
}

/// Breaks lines that stand around parts, or in a header that is too long to be read: a line end and
/// a blank mean little there.
#[derive(Default)]
pub(super) struct Wrapper {
    column: usize,
}

impl Wrapper {
    pub(super) fn push(&mut self, octet: u8, output: &mut Vec<u8>) {
        let begins_character = octet & 0xc0 != 0x80;
        match octet {
            b'\n' => self.column = 0,
            b'\r' => {}
            _ if self.column >= WRAP_AT && (begins_character || self.column >= WRAP_AT + 4) => {
                output.extend_from_slice(b"\r\n ");
                self.column = 2;
            }
            _ => self.column += 1,
        }
        output.push(octet);
    }
}
