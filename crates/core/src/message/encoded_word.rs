//! Encoded words (RFC 2047): how text beyond ASCII is written in a header.

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::message::work;

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
