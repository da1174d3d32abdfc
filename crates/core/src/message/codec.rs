//! Quoted-printable and base64 in both directions, octet by octet (RFC 2045 6.7, 6.8). Tolerant
//! when reading: devices are.

use crate::message::transfer_encoding::TransferEncoding;

/// RFC 2045 6.7, 6.8: the longest line.
const LINE: usize = 76;

/// How the octets of a part are written (RFC 2045 6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Encoding {
    /// 7bit, 8bit, binary.
    Identity,
    QuotedPrintable,
    Base64,
}

impl Encoding {
    /// None when it is not known.
    pub(super) const fn known(encoding: TransferEncoding) -> Option<Self> {
        match encoding {
            TransferEncoding::Identity => Some(Self::Identity),
            TransferEncoding::QuotedPrintable => Some(Self::QuotedPrintable),
            TransferEncoding::Base64 => Some(Self::Base64),
            TransferEncoding::Unknown => None,
        }
    }

    /// Its name in `Content-Transfer-Encoding:`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Identity => "8bit",
            Self::QuotedPrintable => "quoted-printable",
            Self::Base64 => "base64",
        }
    }
}

/// The length of the base64 form of `decoded` octets, in lines of 76.
pub(super) const fn base64_octets(decoded: u64) -> u64 {
    let encoded = decoded.div_ceil(3) * 4;
    let lines = encoded.div_ceil(76);
    encoded + lines.saturating_sub(1) * 2
}

/// Decodes; tells with each octet where it came from.
#[derive(Clone)]
pub(super) struct Decoder {
    encoding: Encoding,
    /// `=`, `=x` or `=\r`.
    held: Vec<u8>,
    held_at: u64,
    bits: u32,
    count: u8,
    decoded: u64,
}

impl Decoder {
    pub(super) const fn new(encoding: Encoding) -> Self {
        Self { encoding, held: Vec::new(), held_at: 0, bits: 0, count: 0, decoded: 0 }
    }

    /// Takes the octet at `offset`. `give` gets what it means, and the offset of where that begins:
    /// of the encoded octet, or, in base64, among the decoded ones.
    pub(super) fn push(&mut self, octet: u8, offset: u64, give: &mut impl FnMut(u8, u64)) {
        match self.encoding {
            Encoding::Identity => give(octet, offset),
            Encoding::QuotedPrintable => self.push_quoted(octet, offset, give),
            Encoding::Base64 => self.push_base64(octet, give),
        }
    }

    /// The body has ended.
    pub(super) fn finish(&mut self, give: &mut impl FnMut(u8, u64)) {
        match self.encoding {
            Encoding::Identity => {}
            Encoding::QuotedPrintable => {
                // A soft line break at the very end joins to nothing.
                if self.held != b"=" && self.held != b"=\r" {
                    self.release(give);
                }
            }
            Encoding::Base64 => self.flush(give),
        }
    }

    fn push_quoted(&mut self, octet: u8, offset: u64, give: &mut impl FnMut(u8, u64)) {
        if self.held.is_empty() {
            if octet == b'=' {
                self.held.push(octet);
                self.held_at = offset;
            } else {
                give(octet, offset);
            }
            return;
        }
        self.held.push(octet);
        match self.held.as_slice() {
            [_, b'\n'] | [_, b'\r', b'\n'] => self.held.clear(),
            [_, b'\r'] => {}
            [_, one] if one.is_ascii_hexdigit() => {}
            [_, one, two] if one.is_ascii_hexdigit() && two.is_ascii_hexdigit() => {
                let value = |digit: &u8| {
                    char::from(*digit)
                        .to_digit(16)
                        .and_then(|value| u8::try_from(value).ok())
                        .unwrap_or(0)
                };
                give(value(one) << 4 | value(two), self.held_at);
                self.held.clear();
            }
            _nonsense => self.release(give),
        }
    }

    /// An octet that is not encoded stands for itself.
    fn release(&mut self, give: &mut impl FnMut(u8, u64)) {
        for octet in std::mem::take(&mut self.held) {
            give(octet, self.held_at);
        }
    }

    fn push_base64(&mut self, octet: u8, give: &mut impl FnMut(u8, u64)) {
        let value = match octet {
            b'A'..=b'Z' => octet - b'A',
            b'a'..=b'z' => octet - b'a' + 26,
            b'0'..=b'9' => octet - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => return self.flush(give),
            _ignored => return,
        };
        self.bits = self.bits << 6 | u32::from(value);
        self.count += 1;
        if self.count == 4 {
            self.flush(give);
        }
    }

    fn flush(&mut self, give: &mut impl FnMut(u8, u64)) {
        let (bits, octets) = (
            self.bits << (6 * (4 - u32::from(self.count))),
            usize::from(self.count.saturating_sub(1)),
        );
        for octet in bits.to_be_bytes().iter().skip(1).take(octets) {
            give(*octet, self.decoded);
            self.decoded += 1;
        }
        (self.bits, self.count) = (0, 0);
    }
}

/// Encodes text as quoted-printable or base64, line by line.
pub(super) struct Encoder {
    encoding: Encoding,
    column: usize,
    /// Blanks and CR that the next octet decides about, or octets that do not fill a group of
    /// base64.
    held: Vec<u8>,
}

impl Encoder {
    pub(super) const fn new(encoding: Encoding) -> Self {
        Self { encoding, column: 0, held: Vec::new() }
    }

    pub(super) fn push(&mut self, octet: u8, output: &mut Vec<u8>) {
        match self.encoding {
            Encoding::Identity => output.push(octet),
            Encoding::QuotedPrintable => self.quote(octet, output),
            Encoding::Base64 => {
                self.held.push(octet);
                if self.held.len() == 3 {
                    self.group(output);
                }
            }
        }
    }

    pub(super) fn finish(&mut self, output: &mut Vec<u8>) {
        match self.encoding {
            Encoding::Identity => {}
            Encoding::QuotedPrintable => {
                for octet in std::mem::take(&mut self.held) {
                    self.escape(octet, output);
                }
            }
            Encoding::Base64 => {
                if !self.held.is_empty() {
                    self.group(output);
                }
            }
        }
    }

    fn group(&mut self, output: &mut Vec<u8>) {
        use base64::{Engine, engine::general_purpose::STANDARD};
        if self.column == LINE {
            output.extend_from_slice(b"\r\n");
            self.column = 0;
        }
        output.extend_from_slice(STANDARD.encode(&self.held).as_bytes());
        self.column += 4;
        self.held.clear();
    }

    fn quote(&mut self, octet: u8, output: &mut Vec<u8>) {
        match octet {
            b'\n' if self.held.last() == Some(&b'\r') => {
                self.held.pop();
                for blank in std::mem::take(&mut self.held) {
                    self.escape(blank, output);
                }
                output.extend_from_slice(b"\r\n");
                self.column = 0;
            }
            b' ' | b'\t' | b'\r' => {
                // At most one blank and one CR wait.
                if octet != b'\r' || self.held.contains(&b'\r') {
                    self.release(output);
                }
                self.held.push(octet);
            }
            33..=126 if octet != b'=' => {
                self.release(output);
                self.put(&[octet], output);
            }
            _ => {
                self.release(output);
                self.escape(octet, output);
            }
        }
    }

    fn release(&mut self, output: &mut Vec<u8>) {
        for octet in std::mem::take(&mut self.held) {
            if octet == b'\r' { self.escape(octet, output) } else { self.put(&[octet], output) }
        }
    }

    fn escape(&mut self, octet: u8, output: &mut Vec<u8>) {
        self.put(format!("={octet:02X}").as_bytes(), output);
    }

    fn put(&mut self, token: &[u8], output: &mut Vec<u8>) {
        // One column is left for the soft break's own "=".
        if self.column + token.len() >= LINE {
            output.extend_from_slice(b"=\r\n");
            self.column = 0;
        }
        output.extend_from_slice(token);
        self.column += token.len();
    }
}

/// A whole text.
pub(super) fn quoted_printable(text: &[u8]) -> String {
    let (mut encoder, mut output) = (Encoder::new(Encoding::QuotedPrintable), Vec::new());
    text.iter().for_each(|octet| encoder.push(*octet, &mut output));
    encoder.finish(&mut output);
    // It is ASCII.
    String::from_utf8(output).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encode(encoding: Encoding, text: &[u8]) -> Vec<u8> {
        let (mut encoder, mut output) = (Encoder::new(encoding), Vec::new());
        text.iter().for_each(|octet| encoder.push(*octet, &mut output));
        encoder.finish(&mut output);
        output
    }

    fn decode(encoding: Encoding, text: &[u8]) -> Vec<u8> {
        let (mut decoder, mut output) = (Decoder::new(encoding), Vec::new());
        for (offset, octet) in (0u64..).zip(text) {
            decoder.push(*octet, offset, &mut |octet, _| output.push(octet));
        }
        decoder.finish(&mut |octet, _| output.push(octet));
        output
    }

    #[test]
    fn base64_that_was_joined_from_pieces_is_read_whole() {
        assert_eq!(decode(Encoding::Base64, b"YQ==\r\nYmM=\r\nZGVm"), b"abcdef");
    }

    #[test]
    fn what_is_no_quoted_printable_stands_for_itself() {
        assert_eq!(decode(Encoding::QuotedPrintable, b"a=3Db=zz=\r\nc=4"), b"a=b=zzc=4");
        assert_eq!(decode(Encoding::QuotedPrintable, b"a=\r\n"), b"a");
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded_to_the_same(text in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b' '), Just(b'\r'), Just(b'\n')], 0..300)) {
            for encoding in [Encoding::QuotedPrintable, Encoding::Base64] {
                let encoded = encode(encoding, &text);
                prop_assert!(encoded.split(|octet| *octet == b'\n').all(|line| line.len() <= LINE + 1));
                prop_assert!(encoded.is_ascii());
                // A lone LF is an octet like any other: RFC 2045 6.7 (4) has only CRLF as a line
                // end.
                prop_assert_eq!(decode(encoding, &encoded), text.clone());
            }
        }
    }
}
