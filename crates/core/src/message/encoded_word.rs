//! Encoded words (RFC 2047): how text beyond ASCII is written in a header, and how it is read.

use base64::{Engine, engine::general_purpose::STANDARD};
use encoding_rs::Encoding as Charset;

use crate::message::{
    codec::{Decoder, Encoding},
    work,
};

/// Octets of an encoded word (RFC 2047 2: at most 75) that are left for text before base64.
const ENCODED_WORD_TEXT: usize = 42;

/// Text as encoded words, each on its own line.
pub(super) fn encoded_words(text: &str) -> String {
    work::looks_at(text);
    let mut words: Vec<String> = Vec::new();
    let mut piece = String::new();
    for character in text.chars().filter(|c| !c.is_control()) {
        if piece.len() + character.len_utf8() > ENCODED_WORD_TEXT {
            words.push(encoded_word(&piece));
            piece.clear();
        }
        piece.push(character);
    }
    if !piece.is_empty() {
        words.push(encoded_word(&piece));
    }
    // RFC 2047 2: a line with an encoded word is at most 76 long. White space between two of them
    // is not shown.
    words.join("\r\n ")
}

fn encoded_word(text: &str) -> String {
    format!("=?utf-8?B?{}?=", STANDARD.encode(text))
}

/// Octets of the encoded word that `text` begins with. Many have characters in them that RFC 2047 5
/// does not allow beside an address; readers take them all.
pub(super) fn length(text: &str) -> Option<usize> {
    parts(text).map(|(_, _, _, length)| length)
}

/// Charset, encoding and text of the encoded word that `text` begins with, and its octets.
fn parts(text: &str) -> Option<(&str, char, &str, usize)> {
    let run = |text: &str| {
        let inside = |character: char| character.is_ascii_graphic() && character != '?';
        text.find(|character| !inside(character)).unwrap_or(text.len())
    };
    let start = text.strip_prefix("=?")?;
    let (charset, rest) = start.split_at(run(start));
    let mut rest = rest.strip_prefix('?')?.chars();
    let encoding = rest.next().filter(|encoding| "bBqQ".contains(*encoding))?;
    let rest = rest.as_str().strip_prefix('?')?;
    let (content, rest) = rest.split_at(run(rest));
    let rest = rest.strip_prefix("?=")?;
    (!charset.is_empty()).then_some((charset, encoding, content, text.len() - rest.len()))
}

/// Text with its encoded words as a reader shows them. A word in a charset that nobody knows stays.
pub(super) fn decoded(text: &str) -> String {
    work::looks_at(text);
    let mut shown = String::with_capacity(text.len());
    // Words in one charset may share a character, so that their octets are decoded together.
    let mut open: Option<(&'static Charset, Vec<u8>)> = None;
    let mut rest = text;
    while let Some(start) = rest.find("=?") {
        let (before, at) = rest.split_at(start);
        let word = parts(at).and_then(|(charset, encoding, content, length)| {
            // RFC 2231 5: a language may follow the charset.
            let label = charset.split('*').next().unwrap_or_default();
            let charset = Charset::for_label(label.as_bytes())?;
            Some((charset, octets(encoding, content), length))
        });
        let Some((charset, octets, length)) = word else {
            release(&mut open, &mut shown);
            let (start, after) = rest.split_at(start + 2);
            shown.push_str(start);
            rest = after;
            continue;
        };
        // RFC 2047 6.2: blanks between encoded words are not shown.
        let adjacent = open.is_some() && before.trim().is_empty();
        if !adjacent || open.as_ref().is_some_and(|(known, _)| *known != charset) {
            release(&mut open, &mut shown);
            shown.push_str(if adjacent { "" } else { before });
        }
        open.get_or_insert_with(|| (charset, Vec::new())).1.extend(octets);
        rest = at.get(length..).unwrap_or_default();
    }
    release(&mut open, &mut shown);
    shown.push_str(rest);
    shown.retain(|character| !character.is_control());
    shown
}

fn release(open: &mut Option<(&'static Charset, Vec<u8>)>, shown: &mut String) {
    if let Some((charset, octets)) = open.take() {
        shown.push_str(&charset.decode_without_bom_handling(&octets).0);
    }
}

fn octets(encoding: char, content: &str) -> Vec<u8> {
    let (encoding, content) = if encoding.eq_ignore_ascii_case(&'b') {
        (Encoding::Base64, content.to_owned())
    } else {
        (Encoding::QuotedPrintable, content.replace('_', " "))
    };
    let (mut decoder, mut octets) = (Decoder::new(encoding), Vec::new());
    for octet in content.bytes() {
        decoder.push(octet, 0, &mut |octet, _| octets.push(octet));
    }
    decoder.finish(&mut |octet, _| octets.push(octet));
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_words_are_read_as_readers_show_them() {
        for (text, shown) in [
            ("plain", "plain"),
            ("=?utf-8?q?M=C3=BCller=2C_Jan_[IT]?= x", "Müller, Jan [IT] x"),
            ("=?UTF-8?B?QsO8?= =?utf-8?b?cm8=?=", "Büro"),
            ("=?utf-8?Q?B=C3?=\r\n =?utf-8?Q?=BCro?=", "Büro"),
            ("=?koi8-r?B?8NLJ18XU?=", "Привет"),
            ("=?iso-8859-1*de?q?B=FCro?= unten", "Büro unten"),
            ("=?x-unknown?q?B=FCro?=", "=?x-unknown?q?B=FCro?="),
            ("=? =?utf-8?q?a b?= =?", "=? =?utf-8?q?a b?= =?"),
            ("=?utf-8?q?a=0D=0AX:_y?=", "aX: y"),
        ] {
            assert_eq!(decoded(text), shown);
        }
    }

    #[test]
    fn what_is_encoded_is_decoded_to_the_same() {
        for text in ["Büro", &"ü".repeat(500), "a, b <c@d>"] {
            assert_eq!(decoded(&encoded_words(text)), text);
        }
    }
}
