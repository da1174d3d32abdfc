//! In which charset a header is written that is not ASCII.

use std::borrow::Cow;

use encoding_rs::{Encoding as Charset, ISO_2022_JP, UTF_8, WINDOWS_1252};

/// What begins the escape sequences of ISO 2022, which mean characters beyond ASCII.
const ESCAPE: u8 = 0x1b;

/// The charset of this name, when it is known and a header can be written in it.
pub(super) fn named(name: &str) -> Option<&'static Charset> {
    Charset::for_label(name.trim().as_bytes())
        .filter(|charset| charset.is_ascii_compatible() || *charset == ISO_2022_JP)
}

/// The charset that a `Content-Type:` names (RFC 2045 5.1).
pub(super) fn named_in(field: &[u8]) -> Option<&'static Charset> {
    let field = String::from_utf8_lossy(field).to_ascii_lowercase();
    let (_, after) = field.split_once("charset")?;
    let value = after.trim_start().strip_prefix('=')?.trim_start();
    let name = value.trim_start_matches(['"', '\'']).split(['"', '\'', ';', ' ', '\t', '\r', '(']);
    name.into_iter().next().and_then(named)
}

/// True when octets stand for themselves: ASCII, and no escape sequences.
pub(super) fn is_plain(octets: &[u8]) -> bool {
    octets.is_ascii() && !octets.contains(&ESCAPE)
}

/// Octets of a header as characters. Octets that are UTF-8 are taken as UTF-8: text in another
/// charset is that by chance alone in those that use several octets for a character. Then the
/// charset that the message names counts, then Windows-1252.
pub(super) fn decoded<'a>(octets: &'a [u8], named: Option<&'static Charset>) -> Cow<'a, str> {
    let escapes = octets.contains(&ESCAPE);
    let charset = match (std::str::from_utf8(octets), named) {
        (Ok(text), _) if !escapes && text.is_ascii() => return Cow::Borrowed(text),
        (_, Some(charset)) if charset == ISO_2022_JP && escapes => charset,
        (Ok(_), None) if escapes && octets.is_ascii() => ISO_2022_JP,
        (Ok(_), Some(charset)) if !charset.is_single_byte() && charset != UTF_8 => charset,
        (Ok(text), _) => return Cow::Borrowed(text),
        (Err(_), Some(charset)) if charset != UTF_8 => charset,
        (Err(_), _) => WINDOWS_1252,
    };
    charset.decode_without_bom_handling(octets).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_in_the_charset_that_the_message_names() {
        for (octets, charset, text) in [
            (b"Toner".as_slice(), Some("koi8-r"), "Toner"),
            (b"\xf0\xd2\xc9\xd7\xc5\xd4", Some("koi8-r"), "Привет"),
            (b"B\xfcro", None, "Büro"),
            (b"B\xfcro \x80", Some("utf-8"), "Büro €"),
            ("Büro".as_bytes(), Some("iso-8859-1"), "Büro"),
            ("Büro".as_bytes(), None, "Büro"),
            (b"\xb1\xbd", Some("iso-8859-2"), "ą˝"),
            (b"\x83X\x83L", Some("shift_jis"), "スキ"),
            (b"\x1b$B%9%-\x1b(B", Some("iso-2022-jp"), "スキ"),
            (b"\x1b$B%9%-\x1b(B", None, "スキ"),
            (b"B\xfcro", Some("utf-16"), "Büro"),
            (b"B\xfcro", Some("x-nonsense"), "Büro"),
        ] {
            assert_eq!(decoded(octets, charset.and_then(named)), text);
        }
    }
}
