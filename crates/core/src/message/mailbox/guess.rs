//! What was meant by a list that follows no grammar. Every address and every name that stood in it
//! stands in the result.

use crate::{
    message::{
        encoded_word::decoded,
        mailbox::{
            grammar::is_domain,
            phrase::{Mailbox, phrase, text},
            token::{Kind, Token, tokens},
        },
        work,
    },
    model::Address,
};

/// One member of a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Member {
    Mailbox(Mailbox),
    /// A name for mailboxes; for none, when it is a name alone.
    Group {
        phrase: String,
        members: Vec<Mailbox>,
    },
}

/// What the list means.
pub(super) fn guess(value: &str) -> Vec<Member> {
    let plain = without_hidden_addresses(value);
    let tokens = tokens(&plain);
    let mut guess = Guess::default();
    let mut rest = tokens.as_slice();
    while let Some((token, after)) = rest.split_first() {
        let used = if token.is('<') { guess.bracketed(rest) } else { guess.bare(rest) };
        if let Some(used) = used {
            rest = rest.get(used..).unwrap_or_default();
            continue;
        }
        match token.kind {
            Kind::Special(',') => guess.end_piece(),
            Kind::Special(';') => guess.end_group(),
            Kind::Special(':') => guess.begin_group(token),
            Kind::Special('<' | '>') => {}
            Kind::Blank
            | Kind::Comment
            | Kind::Quoted
            | Kind::Word
            | Kind::EncodedWord
            | Kind::Literal
            | Kind::Special(_) => guess.pending.push(*token),
        }
        rest = after;
    }
    guess.end_group();
    guess.members
}

/// A list whose members were encoded together with their addresses, so that no reader finds them
/// (RFC 2047 5): those are decoded.
fn without_hidden_addresses(value: &str) -> String {
    if !value.contains("=?") {
        return value.to_owned();
    }
    let mut plain = String::with_capacity(value.len());
    let all = tokens(value);
    for piece in all.split_inclusive(|token| token.is(',') || token.is(';')) {
        let whole: String = piece.iter().map(|token| token.text).collect();
        let shown = decoded(&whole);
        let hides = !piece.iter().any(|token| token.is('@')) && shown.contains('@');
        plain.push_str(if hides { &shown } else { &whole });
    }
    plain
}

#[derive(Default)]
struct Guess<'a> {
    members: Vec<Member>,
    /// The group that is open, and its name.
    group: Option<(String, Vec<Mailbox>)>,
    /// Text that belongs to no address yet.
    pending: Vec<Token<'a>>,
    /// Names before a comma, with that: maybe the beginning of a name that nobody quoted.
    names: Vec<Vec<Token<'a>>>,
    /// Addresses of this piece.
    found: Vec<(Vec<Token<'a>>, Address)>,
}

impl<'a> Guess<'a> {
    /// An address in brackets; returns how many tokens it takes up.
    fn bracketed(&mut self, rest: &[Token<'a>]) -> Option<usize> {
        let ends = |token: &Token<'_>| token.is('>') || token.is(',') || token.is(';');
        let inside = rest.get(1..)?;
        let near = inside.get(..ADDRESS_TOKENS).unwrap_or(inside);
        let end =
            near.iter().position(ends).or((near.len() == inside.len()).then_some(near.len()))?;
        let content: String = inside.get(..end)?.iter().map(|token| token.text).collect();
        work::looks_at(&content);
        let address = clean_address(&content)?;
        let closed = inside.get(end).is_some_and(|token| token.is('>'));
        if self.found.is_empty() && !self.names.is_empty() && !self.pending_is_empty() {
            // "Doe, Jane <jane@contoso.com>": nobody quoted the name.
            let mut name = std::mem::take(&mut self.names).concat();
            name.append(&mut self.pending);
            self.found.push((name, address));
        } else {
            let pending = std::mem::take(&mut self.pending);
            self.found.push((pending, address));
        }
        Some(1 + end + usize::from(closed))
    }

    /// An address without brackets; returns how many tokens it takes up.
    fn bare(&mut self, rest: &[Token<'a>]) -> Option<usize> {
        let [local, at, domain, after @ ..] = rest else {
            return None;
        };
        let is_address = matches!(local.kind, Kind::Word | Kind::Quoted)
            && at.is('@')
            && matches!(domain.kind, Kind::Word | Kind::Literal);
        if !is_address {
            return None;
        }
        let whole = format!("{}@{}", local.text, domain.text);
        let address = clean_address(&whole)?;
        // Before an address in brackets it is a name.
        let next = after.iter().position(|token| token.kind != Kind::Blank);
        let is_name = next
            .and_then(|next| after.get(next..))
            .filter(|next| next.first().is_some_and(|token| token.is('<')))
            .is_some_and(|next| Self::default().bracketed(next).is_some());
        if is_name {
            self.pending.extend([local, at, domain]);
        } else {
            let pending = std::mem::take(&mut self.pending);
            self.found.push((pending, address));
        }
        Some(3)
    }

    /// A colon: what stands before it names a group, unless it says how to reach an address.
    fn begin_group(&mut self, colon: &Token<'a>) {
        let word = self.pending.last().map(|token| token.text.to_ascii_lowercase());
        if matches!(word.as_deref(), Some("mailto" | "smtp")) {
            self.pending.pop();
        } else if self.group.is_some() || !self.found.is_empty() || self.pending_is_empty() {
            self.pending.push(*colon);
        } else {
            let name = phrase(&std::mem::take(&mut self.pending));
            self.release_names();
            self.group = Some((name, Vec::new()));
        }
    }

    fn end_group(&mut self) {
        self.end_piece();
        self.release_names();
        if let Some((phrase, members)) = self.group.take() {
            self.members.push(Member::Group { phrase, members });
        }
    }

    /// A comma, or the end.
    fn end_piece(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        let mut found = std::mem::take(&mut self.found);
        let Some((name, _)) = found.last_mut() else {
            if !text(&pending).is_empty() {
                self.names.push([pending.as_slice(), &[COMMA]].concat());
            }
            return;
        };
        // What stands behind the last address belongs to it, too.
        if !text(&pending).is_empty() {
            if !name.is_empty() {
                name.push(BLANK);
            }
            name.extend(pending);
        }
        self.release_names();
        for (name, address) in found {
            self.push(Some(phrase(&name)), address);
        }
    }

    fn push(&mut self, phrase: Option<String>, address: Address) {
        let mailbox = Mailbox::with_phrase(phrase, address);
        self.pending.clear();
        match &mut self.group {
            Some((_, members)) => members.push(mailbox),
            None => self.members.push(Member::Mailbox(mailbox)),
        }
    }

    /// Names without an address stay, each as a group of nobody.
    fn release_names(&mut self) {
        let mut name = std::mem::take(&mut self.names).concat();
        // The last comma parts it from what follows.
        name.pop();
        let phrase = phrase(&name);
        if !phrase.is_empty() {
            self.members.push(Member::Group { phrase, members: Vec::new() });
        }
    }

    fn pending_is_empty(&self) -> bool {
        self.pending.iter().all(|token| token.kind == Kind::Blank)
    }
}

/// Tokens of an address in brackets. To look further for the bracket would cost the square of the
/// length of a list of brackets.
const ADDRESS_TOKENS: usize = 64;
const COMMA: Token<'static> = Token { kind: Kind::Special(','), text: "," };
const BLANK: Token<'static> = Token { kind: Kind::Blank, text: " " };

fn clean_address(text: &str) -> Option<Address> {
    work::looks_at(text);
    let trimmed = text.trim();
    let scheme = trimmed.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("mailto:"));
    let address = trimmed
        .get(scheme.map_or(0, str::len)..)?
        .trim_matches(['\'', '(', ')', '<', '>', ' ', '\t', ',', ';']);
    // Quotes around the whole are none of its own.
    let address = match address.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inside) if inside.contains('@') && !inside.contains('"') => inside,
        Some(_) | None => address,
    };
    let (local, domain) = address.rsplit_once('@')?;
    let plain =
        |text: &str, special: &str| !text.chars().any(|c| c.is_control() || special.contains(c));
    let quoted = local.len() > 1
        && local.starts_with('"')
        && local.ends_with('"')
        && matches!(tokens(local).as_slice(), [only] if only.kind == Kind::Quoted);
    let legal = (quoted || plain(local, " \"(),:;<>@[]\\"))
        && (is_domain(domain.trim_end_matches('.')) || domain.ends_with(']'));
    let address: Address = if legal { address.parse().ok()? } else { return None };
    // A domain of dots alone is none.
    (!address.as_str().ends_with('.')).then_some(address)
}
