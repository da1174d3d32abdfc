//! What a `Content-Transfer-Encoding` says (RFC 2045 6), read as leniently as mail programs read
//! it.
//!
//! Everything that encodes or decodes a part asks here, so that all agree.

use crate::message::header::{Field, HeaderBlock};

/// How the octets of a part are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TransferEncoding {
    /// As they are: `7bit`, `8bit`, `binary`, or no field.
    Identity,
    /// RFC 2045 6.7.
    QuotedPrintable,
    /// RFC 2045 6.8.
    Base64,
    /// In a way that is not known. RFC 2045 6.4: such a part is opaque octets.
    Unknown,
}

impl TransferEncoding {
    /// The encoding of the part with this header.
    pub(super) fn of(header: &HeaderBlock<'_>) -> Self {
        let says_something =
            |field: &&Field<'_>| field.is("Content-Transfer-Encoding") && !field.value().is_empty();
        header
            .fields()
            .find(says_something)
            .map_or(Self::Identity, |field| Self::read(&field.value()))
    }

    /// Reads a field's value. Comments (RFC 822 3.4.3), quotes, blanks, hyphens, the case of
    /// letters and whatever follows a semicolon or a comma mean nothing.
    fn read(value: &str) -> Self {
        let plain = without_comments(value);
        let token: String = plain
            .split([';', ','])
            .map(str::trim)
            .find(|token| !token.is_empty())
            .unwrap_or_default()
            .chars()
            .filter(|c| !matches!(c, '"' | '\'' | ' ' | '\t' | '-' | '_'))
            .map(|c| c.to_ascii_lowercase())
            .collect();
        match token.as_str() {
            "" | "7bit" | "7bits" | "8bit" | "8bits" | "binary" | "none" => Self::Identity,
            "quotedprintable" | "qp" => Self::QuotedPrintable,
            "base64" | "b64" => Self::Base64,
            _ => Self::Unknown,
        }
    }
}

/// A comment that is never closed reaches to the end.
fn without_comments(value: &str) -> String {
    let mut kept = String::with_capacity(value.len());
    let (mut depth, mut escaped) = (0_usize, false);
    for c in value.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '(' => depth += 1,
            ')' if depth > 0 => depth -= 1,
            _ if depth == 0 => kept.push(c),
            _ => {}
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_is_known_in_every_form() {
        let check = |value: &str, expected: TransferEncoding| {
            let text = format!("Content-Transfer-Encoding:{value}\r\n\r\n");
            assert_eq!(
                TransferEncoding::of(&HeaderBlock::read(text.as_bytes())),
                expected,
                "{value}"
            );
        };
        for base64 in [
            " base64",
            "BASE64",
            " base64;",
            " base64; charset=x",
            " \"base64\"",
            " 'base64'",
            " (as ever) base64 (RFC (2045))",
            "\r\n base64",
            " base-64",
            " base64,base64",
            " ;base64",
        ] {
            check(base64, TransferEncoding::Base64);
        }
        for printable in [" Quoted-Printable", " quoted-printable;", " quoted_printable"] {
            check(printable, TransferEncoding::QuotedPrintable);
        }
        for identity in ["", " 7bit", " 8BIT", " 8-bit", " binary", " (none)", " ;"] {
            check(identity, TransferEncoding::Identity);
        }
        for unknown in [" x-uuencode", " base64 gzip", " utf-8", " 16bit"] {
            check(unknown, TransferEncoding::Unknown);
        }
        let none = HeaderBlock::read(b"Subject: x\r\n\r\n");
        assert_eq!(TransferEncoding::of(&none), TransferEncoding::Identity);
    }
}
