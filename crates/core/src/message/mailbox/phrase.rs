//! A display name, and how it is written (RFC 5322 3.2.5, RFC 2047 5).

use crate::{
    message::{
        encoded_word::encoded_words,
        mailbox::token::{Kind, Token},
        work,
    },
    model::Address,
};

/// A display name and an address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::message) struct Mailbox {
    /// As it stands in a field.
    phrase: Option<String>,
    /// The address of the mailbox.
    pub(in crate::message) address: Address,
}

impl Mailbox {
    /// With a name that is written as it has to be. An empty name is none.
    pub(in crate::message) fn new(name: Option<&str>, address: Address) -> Self {
        let phrase = name.map(written).filter(|phrase| !phrase.is_empty());
        Self { phrase, address }
    }

    /// With a name that is written as it stands in a field.
    pub(super) fn with_phrase(phrase: Option<String>, address: Address) -> Self {
        Self { phrase: phrase.filter(|phrase| !phrase.is_empty()), address }
    }

    /// The same name at another address.
    pub(in crate::message) fn moved(&self, address: Address) -> Self {
        Self { phrase: self.phrase.clone(), address }
    }

    /// Whether it has a name.
    pub(in crate::message) const fn is_named(&self) -> bool {
        self.phrase.is_some()
    }

    /// Whether both say the same, however it is quoted.
    pub(in crate::message) fn says_the_same(&self, other: &Self) -> bool {
        let plain = |mailbox: &Self| mailbox.phrase.as_deref().map(unquoted);
        self.address.same_mailbox(&other.address) && plain(self) == plain(other)
    }

    /// As a field's value.
    pub(in crate::message) fn render(&self) -> String {
        match &self.phrase {
            None => self.address.to_string(),
            Some(phrase) => format!("{phrase} <{}>", self.address),
        }
    }
}

/// Text as a phrase: atoms, a quoted string, or encoded words.
pub(super) fn written(text: &str) -> String {
    work::looks_at(text);
    let text = text.trim();
    if !text.is_ascii() || text.chars().any(char::is_control) {
        return encoded_words(text);
    }
    let is_plain = text
        .split([' ', '\t'])
        .all(|word| !word.is_empty() && !word.starts_with("=?") && word.bytes().all(is_atom));
    if is_plain || text.is_empty() {
        return text.to_owned();
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Tokens of a name as a phrase. Encoded words stay as they are.
pub(super) fn phrase(tokens: &[Token<'_>]) -> String {
    let mut phrase = String::new();
    let mut rest = tokens;
    while !rest.is_empty() {
        let is_encoded = |token: &Token<'_>| token.kind == Kind::EncodedWord;
        let end = rest.iter().position(is_encoded).unwrap_or(rest.len());
        let (plain, after) = rest.split_at(end);
        put(&mut phrase, &written(&text(plain)));
        rest = after;
        if let Some((word, after)) = rest.split_first() {
            put(&mut phrase, word.text);
            rest = after;
        }
    }
    phrase
}

fn put(phrase: &mut String, word: &str) {
    if !phrase.is_empty() && !word.is_empty() {
        phrase.push(' ');
    }
    phrase.push_str(word);
}

/// The text of tokens that are not encoded words.
pub(super) fn text(tokens: &[Token<'_>]) -> String {
    let is_blank = |token: &&Token<'_>| token.kind == Kind::Blank;
    if let [only] = tokens.iter().filter(|token| !is_blank(token)).collect::<Vec<_>>().as_slice()
        && matches!(only.kind, Kind::Quoted | Kind::Comment)
    {
        return inside(only.text);
    }
    let mut text = String::new();
    for token in tokens {
        match token.kind {
            Kind::Blank if text.ends_with(' ') => {}
            Kind::Blank => text.push(' '),
            Kind::Comment => {
                if !text.is_empty() && !text.ends_with(' ') {
                    text.push(' ');
                }
                text.push_str(token.text);
            }
            Kind::Quoted | Kind::Word | Kind::EncodedWord | Kind::Literal | Kind::Special(_) => {
                text.push_str(token.text);
            }
        }
    }
    text.trim().to_owned()
}

/// A quoted string or a comment without what encloses it.
fn inside(token: &str) -> String {
    let mut text = String::with_capacity(token.len());
    let mut escaped = false;
    let inner = token.get(1..token.len().saturating_sub(1)).unwrap_or_default();
    for character in inner.chars() {
        if !escaped && character == '\\' {
            escaped = true;
        } else {
            escaped = false;
            text.push(character);
        }
    }
    text.trim().to_owned()
}

fn unquoted(phrase: &str) -> String {
    let is_quoted = phrase.len() > 1 && phrase.starts_with('"') && phrase.ends_with('"');
    let text = if is_quoted { inside(phrase) } else { phrase.to_owned() };
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// RFC 5322 3.2.3 `atext`.
fn is_atom(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&octet)
}
