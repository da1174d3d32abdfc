//! Where the footer belongs (RFC 2046).
//!
//! The text of a message is its first text part, or all of them in a `multipart/alternative`; never
//! an attachment.

use std::ops::Range;

use crate::message::{
    codec::Encoding,
    mime::{Kind, Part},
    plan::target::{self, Stand, Target},
};

/// Texts that get the footer: plain and HTML, as a rule.
const TARGET_LIMIT: usize = 8;

/// Finds the texts that get the footer.
#[derive(Default)]
pub(super) struct Footing {
    open: Vec<Multipart>,
    targets: usize,
    whole: Whole,
}

/// What the message is as a whole.
#[derive(Clone, Default)]
pub(super) enum Whole {
    /// Nothing may be written into it, whatever else is found.
    Sealed,
    /// Its own text gets the footer, or its parts'.
    #[default]
    Text,
    /// A `multipart/mixed`: without a text in it, one is put before its first part.
    Mixed { boundary: Vec<u8>, first: Option<u64> },
    /// A document alone: text and document become parts of one message.
    Document,
}

struct Multipart {
    /// Of the walker.
    depth: usize,
    boundary: Vec<u8>,
    role: Role,
    children: usize,
    /// Texts found before its first child.
    found: usize,
}

/// Which children of a part may be the text of the message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// The first child that is a text.
    Mixed,
    /// All children.
    Alternative,
    /// The first child.
    Related,
    /// No child.
    Closed,
}

impl Footing {
    /// Nothing may be written into the message.
    pub(super) fn seal(&mut self) {
        self.whole = Whole::Sealed;
    }

    /// What the message is as a whole, and how many texts in it get the footer.
    pub(super) const fn found(&self) -> (&Whole, usize) {
        (&self.whole, self.targets)
    }

    /// A part begins: as a target, if it is a text that gets the footer.
    pub(super) fn begins(&mut self, part: &Part<'_>) -> Option<Target> {
        if part.inside_message || matches!(self.whole, Whole::Sealed) {
            return None;
        }
        let is_whole = part.header.start == 0;
        let wanted = is_whole || self.is_wanted();
        let kind = match &part.content.kind {
            Kind::Sealed | Kind::Signature => {
                self.seal();
                return None;
            }
            Kind::Multipart { subtype, .. } if subtype == "report" => {
                self.seal();
                return None;
            }
            Kind::Multipart { subtype, boundary } => {
                self.open(part.depth, subtype, boundary, is_whole, wanted);
                return None;
            }
            Kind::Plain => Some(target::Kind::Plain),
            Kind::Html => Some(target::Kind::Html),
            Kind::OtherText | Kind::Document => None,
            Kind::Unreadable if is_whole => {
                self.seal();
                return None;
            }
            Kind::Message | Kind::Fragment | Kind::Unreadable => return None,
        };
        // A footer can only be written where the text around it can be read.
        let readable = Encoding::known(part.encoding)
            .filter(|_| wanted && !part.content.attached && self.targets < TARGET_LIMIT);
        match (kind, readable) {
            (Some(kind), Some(encoding)) => {
                let charset = part.content.charset.clone();
                Some(Target::new(part.header.end, kind, encoding, charset, self.stand()))
            }
            _ if is_whole => {
                self.whole = Whole::Document;
                None
            }
            _ => None,
        }
    }

    /// A target has ended. False when the message turns out to be sealed.
    pub(super) fn ends(&mut self, target: &Target) -> bool {
        if target.is_armored() {
            self.seal();
            return false;
        }
        self.targets += 1;
        true
    }

    /// A line parts the children of a multipart.
    pub(super) fn boundary(&mut self, depth: usize, line: &Range<u64>, last: bool) {
        if let Whole::Mixed { first: first @ None, .. } = &mut self.whole
            && depth == 0
            && !last
        {
            *first = Some(line.start);
        }
        self.open.retain(|open| open.depth < depth || (open.depth == depth && !last));
        if let Some(open) = self.open.last_mut().filter(|open| open.depth == depth && !last) {
            open.children += 1;
        }
    }

    fn open(&mut self, depth: usize, subtype: &str, boundary: &[u8], is_whole: bool, wanted: bool) {
        let role = match subtype {
            "mixed" => Role::Mixed,
            "alternative" => Role::Alternative,
            "related" => Role::Related,
            _ => Role::Closed,
        };
        if is_whole && role == Role::Mixed {
            self.whole = Whole::Mixed { boundary: boundary.to_vec(), first: None };
        }
        let role = if wanted { role } else { Role::Closed };
        let (boundary, found) = (boundary.to_vec(), self.targets);
        self.open.push(Multipart { depth, boundary, role, children: 0, found });
    }

    /// Whether the part that begins may be the message's text.
    fn is_wanted(&self) -> bool {
        self.open.last().is_some_and(|parent| match parent.role {
            Role::Mixed => parent.found == self.targets,
            Role::Alternative => true,
            Role::Related => parent.children == 1,
            Role::Closed => false,
        })
    }

    fn stand(&self) -> Stand {
        match self.open.last() {
            None => Stand::Alone,
            Some(parent) if parent.role == Role::Related => Stand::Root(parent.boundary.clone()),
            Some(_) => Stand::Inside,
        }
    }
}
