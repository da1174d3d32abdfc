//! Fields of mailboxes as a whole.

use std::collections::HashSet;

use crate::message::{
    encoded_word::decoded,
    mailbox::{
        grammar::{self, Entry, Parsed},
        guess::{Member, guess},
        phrase::{Mailbox, phrase, text, written},
        token::{Kind, Token, tokens},
    },
    work,
};

/// True when a field's value is exactly one mailbox by the grammar. Exchange Online takes no group.
pub(in crate::message) fn is_one_mailbox(value: &str) -> bool {
    matches!(grammar::parse(value).as_deref(), Some([Entry::Mailbox(_)]))
}

/// Reads every mailbox of a list, each once; in any case of letters it is the same. A header has
/// room for tens of thousands.
pub(in crate::message) fn read_list(value: &str) -> Vec<Mailbox> {
    let mailboxes: Vec<Mailbox> = match grammar::parse(value) {
        Some(entries) => entries.iter().flat_map(Entry::mailboxes).map(Parsed::mailbox).collect(),
        None => guess(value).into_iter().flat_map(Member::into_mailboxes).collect(),
    };
    let mut known = HashSet::new();
    mailboxes
        .into_iter()
        .filter(|mailbox| known.insert(mailbox.address.as_str().to_ascii_lowercase()))
        .collect()
}

/// True when a list names nobody, in whatever form: blanks, brackets, commas, comments.
pub(in crate::message) fn is_empty(value: &str) -> bool {
    tokens(value).iter().all(|token| match token.kind {
        Kind::Blank | Kind::Comment => true,
        Kind::Quoted => text(std::slice::from_ref(token)).is_empty(),
        Kind::Special(special) => "<>,;()\"".contains(special),
        Kind::Word | Kind::EncodedWord | Kind::Literal => false,
    })
}

/// A list as it was meant, when it follows no grammar: `John b@contoso.com`. None when it is right
/// or empty, or when nothing in it can be written so that everybody reads the same.
pub(in crate::message) fn mended_list(value: &str) -> Option<String> {
    work::looks_at(value);
    if value.trim().is_empty() || grammar::parse(value).is_some() {
        return None;
    }
    let list: Vec<String> = guess(value).iter().filter_map(Member::render).collect();
    (!list.is_empty()).then(|| list.join(", "))
}

/// A list with the text beyond ASCII in its names and comments encoded (RFC 2047 5). An address
/// beyond ASCII has no other form, and stays.
pub(in crate::message) fn encode_names(value: &str) -> String {
    let Some(entries) = grammar::parse(value) else {
        return value.to_owned();
    };
    let phrases: HashSet<*const u8> = entries
        .iter()
        .flat_map(Entry::mailboxes)
        .filter(|mailbox| !mailbox.address.needs_smtputf8())
        .flat_map(|mailbox| mailbox.phrase.iter())
        .map(|token| token.text.as_ptr())
        .collect();
    let all = tokens(value);
    let mut list = String::with_capacity(value.len() * 2);
    let mut rest = all.as_slice();
    while let Some((token, after)) = rest.split_first() {
        let belongs = |token: &Token<'_>| phrases.contains(&token.text.as_ptr());
        let length = rest.iter().take_while(|token| belongs(token)).count();
        let (name, behind) = rest.split_at(length);
        if length == 0 {
            list.push_str(&encoded_comment(token));
            rest = after;
        } else if name.iter().all(|token| token.text.is_ascii()) {
            list.extend(name.iter().map(|token| token.text));
            rest = behind;
        } else {
            // As a whole: of a word that is encoded beside one that is not, readers drop the blank.
            let shown: Vec<String> = name.iter().map(shown).collect();
            list.push_str(&written(&decoded(&shown.concat())));
            // The blank before the bracket belongs to nobody.
            rest = behind;
        }
    }
    list
}

/// A token of a name as a reader sees it.
fn shown(token: &Token<'_>) -> String {
    match token.kind {
        Kind::Quoted => text(std::slice::from_ref(token)),
        Kind::Blank
        | Kind::Comment
        | Kind::Word
        | Kind::EncodedWord
        | Kind::Literal
        | Kind::Special(_) => token.text.to_owned(),
    }
}

fn encoded_comment(token: &Token<'_>) -> String {
    if token.kind != Kind::Comment || token.text.is_ascii() {
        return token.text.to_owned();
    }
    format!("({})", written(&decoded(&text(std::slice::from_ref(token)))))
}

impl<'a> Entry<'a> {
    fn mailboxes(&self) -> &[Parsed<'a>] {
        match self {
            Self::Mailbox(mailbox) => std::slice::from_ref(mailbox),
            Self::Group(members) => members,
        }
    }
}

impl Parsed<'_> {
    /// Without a name, a comment beside the address is one (RFC 5322 3.4).
    fn mailbox(&self) -> Mailbox {
        let is_comment = |token: &&Token<'_>| token.kind == Kind::Comment;
        let words: Vec<Token<'_>> =
            self.phrase.iter().filter(|token| !is_comment(token)).copied().collect();
        let name = phrase(&words);
        let name = if name.is_empty() {
            let comments = self.comments.iter().chain(self.phrase.iter().filter(is_comment));
            phrase(&comments.take(1).copied().collect::<Vec<_>>())
        } else {
            name
        };
        Mailbox::with_phrase(Some(name), self.address.clone())
    }
}

impl Member {
    fn into_mailboxes(self) -> Vec<Mailbox> {
        match self {
            Self::Mailbox(mailbox) => vec![mailbox],
            Self::Group { members, .. } => members,
        }
    }

    /// None when it could be read in another way.
    fn render(&self) -> Option<String> {
        let list = match self {
            Self::Mailbox(mailbox) => mailbox.render(),
            Self::Group { phrase, members } => {
                let members: Vec<String> = members.iter().map(Mailbox::render).collect();
                let blank = if members.is_empty() { "" } else { " " };
                format!("{phrase}:{blank}{};", members.join(", "))
            }
        };
        grammar::parse(&list.replace("\r\n", "")).is_some().then_some(list)
    }
}
