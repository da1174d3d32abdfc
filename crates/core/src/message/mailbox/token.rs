//! A field of mailboxes as tokens (RFC 5322 3.2). Nothing inside a quoted string, a comment or an
//! encoded word is a separator.

use crate::message::{encoded_word, work};

/// What a token is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Blank,
    /// With its parentheses; maybe with others inside.
    Comment,
    /// With its quotes.
    Quoted,
    /// Characters of atoms, dots, and what is beyond ASCII.
    Word,
    /// RFC 2047 2, whatever its text has in it.
    EncodedWord,
    /// A domain in brackets.
    Literal,
    /// One character that means something, or that is none of the above.
    Special(char),
}

/// A piece of a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
}

impl Token<'_> {
    pub(super) fn is(&self, special: char) -> bool {
        self.kind == Kind::Special(special)
    }
}

/// Takes `value` apart. Together, the tokens are the value.
pub(super) fn tokens(value: &str) -> Vec<Token<'_>> {
    work::looks_at(value);
    let mut tokens = Vec::new();
    let mut rest = value;
    // A quote or a parenthesis that is never closed is one character, and so are all after it: to
    // look for the end again would cost the square of the length.
    let (mut quotes, mut comments) = (true, true);
    while let Some(first) = rest.chars().next() {
        let (kind, length) = match first {
            ' ' | '\t' | '\r' | '\n' => (Kind::Blank, run(rest, is_blank)),
            '"' if quotes => match quoted(rest) {
                Some(length) => (Kind::Quoted, length),
                None => {
                    quotes = false;
                    (Kind::Special('"'), 1)
                }
            },
            '(' if comments => match comment(rest) {
                Some(length) => (Kind::Comment, length),
                None => {
                    comments = false;
                    (Kind::Special('('), 1)
                }
            },
            '[' => match literal(rest) {
                Some(length) => (Kind::Literal, length),
                None => (Kind::Special('['), 1),
            },
            '=' if rest.starts_with("=?") => match encoded_word::length(rest) {
                Some(length) => (Kind::EncodedWord, length),
                None => (Kind::Word, run(rest, is_word)),
            },
            character if is_word(character) => (Kind::Word, run(rest, is_word)),
            other => (Kind::Special(other), other.len_utf8()),
        };
        let (text, after) = rest.split_at(length);
        tokens.push(Token { kind, text });
        rest = after;
    }
    tokens
}

fn run(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|character| !belongs(character)).unwrap_or(text.len())
}

const fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}

/// RFC 5322 3.2.3 `atext`, RFC 6532 3.2, and the dot.
fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric()
        || "!#$%&'*+-/=?^_`{|}~.".contains(character)
        || (!character.is_ascii() && !character.is_control())
}

/// Octets of the quoted string that `text` begins with.
fn quoted(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (place, character) in text.char_indices().skip(1) {
        match character {
            _ if character.is_control() && !is_blank(character) => return None,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(place + 1),
            _ => {}
        }
    }
    None
}

/// Octets of the comment that `text` begins with.
fn comment(text: &str) -> Option<usize> {
    let (mut depth, mut escaped) = (0_usize, false);
    for (place, character) in text.char_indices() {
        match character {
            _ if character.is_control() && !is_blank(character) => return None,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '(' => depth += 1,
            ')' if depth == 1 => return Some(place + 1),
            ')' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn literal(text: &str) -> Option<usize> {
    let inside = |character: char| character.is_ascii_graphic() && !"[]\\".contains(character);
    let length = 1 + run(text.get(1..)?, inside);
    text.get(length..)?.starts_with(']').then_some(length + 1)
}
