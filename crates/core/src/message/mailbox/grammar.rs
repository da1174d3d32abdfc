//! The grammar of a list of addresses (RFC 5322 3.4 and 4.4), with comments, obsolete forms and
//! text beyond ASCII (RFC 6532).
//!
//! Laxer than the standard in one place: a dot may stand anywhere in a display name, as everybody
//! reads it.

use crate::{
    message::{
        mailbox::token::{Kind, Token, tokens},
        work,
    },
    model::Address,
};

/// One address of a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Entry<'a> {
    Mailbox(Parsed<'a>),
    /// RFC 5322 3.4: a name for mailboxes, of which there may be none.
    Group(Vec<Parsed<'a>>),
}

/// A mailbox as it is written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Parsed<'a> {
    /// The display name, comments included. Empty when there is none.
    pub(super) phrase: Vec<Token<'a>>,
    /// Comments beside the address.
    pub(super) comments: Vec<Token<'a>>,
    pub(super) address: Address,
}

/// The addresses of a list; none when it follows no grammar.
pub(super) fn parse(value: &str) -> Option<Vec<Entry<'_>>> {
    let tokens = tokens(value);
    let mut parser = Parser { tokens: &tokens, at: 0, comments: Vec::new() };
    let entries = parser.list()?;
    (parser.at == tokens.len()).then_some(entries)
}

struct Parser<'t, 'a> {
    tokens: &'t [Token<'a>],
    at: usize,
    /// Passed by since they were last taken.
    comments: Vec<Token<'a>>,
}

impl<'a> Parser<'_, 'a> {
    fn peek(&self) -> Option<Token<'a>> {
        self.tokens.get(self.at).copied()
    }

    fn take(&mut self, special: char) -> Option<()> {
        self.peek().filter(|token| token.is(special))?;
        self.at += 1;
        Some(())
    }

    /// RFC 5322 3.2.2.
    fn skip_blanks(&mut self) {
        while let Some(token) = self.peek() {
            match token.kind {
                Kind::Blank => {}
                Kind::Comment => self.comments.push(token),
                Kind::Quoted
                | Kind::Word
                | Kind::EncodedWord
                | Kind::Literal
                | Kind::Special(_) => return,
            }
            self.at += 1;
        }
    }

    fn list(&mut self) -> Option<Vec<Entry<'a>>> {
        let mut entries = Vec::new();
        loop {
            self.skip_blanks();
            if let Some(token) = self.peek().filter(|token| !token.is(',')) {
                work::looks_at(token.text);
                entries.push(self.address()?);
            }
            // RFC 5322 4.4: members may be empty.
            if self.peek().is_none() {
                return (!entries.is_empty()).then_some(entries);
            }
            self.take(',')?;
        }
    }

    fn address(&mut self) -> Option<Entry<'a>> {
        let start = self.at;
        let phrase = self.phrase();
        if self.take(':').is_some() {
            (!phrase.is_empty()).then_some(())?;
            return Some(Entry::Group(self.members()?));
        }
        self.mailbox(phrase, start).map(Entry::Mailbox)
    }

    fn members(&mut self) -> Option<Vec<Parsed<'a>>> {
        let mut members = Vec::new();
        loop {
            self.skip_blanks();
            if self.take(';').is_some() {
                self.skip_blanks();
                self.comments.clear();
                return Some(members);
            }
            if self.take(',').is_some() {
                continue;
            }
            let start = self.at;
            let phrase = self.phrase();
            members.push(self.mailbox(phrase, start)?);
            if !self.peek()?.is(';') {
                self.take(',')?;
            }
        }
    }

    /// After a phrase that began at `start`, and that may be the beginning of an address.
    fn mailbox(&mut self, phrase: Vec<Token<'a>>, start: usize) -> Option<Parsed<'a>> {
        if self.take('<').is_some() {
            self.comments.clear();
            self.route();
            let address = self.spec()?;
            self.take('>')?;
            self.skip_blanks();
            let comments = std::mem::take(&mut self.comments);
            return Some(Parsed { phrase, comments, address });
        }
        self.at = start;
        self.comments.clear();
        let address = self.spec()?;
        self.skip_blanks();
        let comments = std::mem::take(&mut self.comments);
        Some(Parsed { phrase: Vec::new(), comments, address })
    }

    /// RFC 5322 3.2.5, with `obs-phrase`.
    fn phrase(&mut self) -> Vec<Token<'a>> {
        let start = self.at;
        while let Some(token) = self.peek() {
            match token.kind {
                Kind::Blank | Kind::Comment | Kind::Quoted | Kind::Word | Kind::EncodedWord => {}
                Kind::Literal | Kind::Special(_) => break,
            }
            self.at += 1;
        }
        let mut phrase = self.tokens.get(start..self.at).unwrap_or_default().to_vec();
        while phrase.last().is_some_and(|token| token.kind == Kind::Blank) {
            phrase.pop();
        }
        phrase
    }

    /// RFC 5322 4.4 `obs-route`, which means nothing.
    fn route(&mut self) {
        let start = self.at;
        let mut route = false;
        while let Some(token) = self.peek() {
            match token.kind {
                Kind::Special(':') if route => {
                    self.at += 1;
                    return;
                }
                Kind::Special('@') if !route => route = true,
                Kind::Special('@' | ',') | Kind::Word | Kind::Literal if route => {}
                Kind::Blank | Kind::Comment => {}
                Kind::Quoted
                | Kind::Word
                | Kind::EncodedWord
                | Kind::Literal
                | Kind::Special(_) => break,
            }
            self.at += 1;
        }
        self.at = start;
    }

    /// RFC 5322 3.4.1, with blanks around dots (4.4).
    fn spec(&mut self) -> Option<Address> {
        let mut text = self.dotted(Kind::Quoted)?;
        self.take('@')?;
        text.push('@');
        let domain = self.dotted(Kind::Literal)?;
        // A domain with a dot at its end is understood, and written without it.
        if domain.ends_with('.') || !(domain.starts_with('[') || is_domain(&domain)) {
            return None;
        }
        text.push_str(&domain);
        text.parse().ok()
    }

    /// Words, or tokens of the `other` kind, that dots join.
    fn dotted(&mut self, other: Kind) -> Option<String> {
        let mut text = String::new();
        loop {
            self.skip_blanks();
            let Some(token) = self.peek() else { break };
            let joined = text.is_empty() || text.ends_with('.') || token.text.starts_with('.');
            if !(token.kind == Kind::Word || token.kind == other) {
                break;
            }
            if !joined {
                return None;
            }
            text.push_str(token.text);
            self.at += 1;
        }
        (!text.is_empty()).then_some(text)
    }
}

/// Letters, digits, hyphens, and characters beyond ASCII. RFC 5322 3.4.1 allows more, but domains
/// have nothing else.
pub(super) fn is_domain(domain: &str) -> bool {
    let inside = |character: char| {
        character.is_ascii_alphanumeric()
            || "-_.".contains(character)
            || !(character.is_ascii() || character.is_control())
    };
    domain.chars().all(inside)
}
