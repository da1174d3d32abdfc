//! A text at the end of each message: in its plain part, its HTML part, or a part of its own where
//! it has neither.
//!
//! What is signed, encrypted, or a piece of a larger message goes out as it came: a changed octet
//! would break it.
//!
//! - [`FooterTemplate`]: what the config says; [`Footer`]: the same with its placeholders filled
//!   for one message
//! - [`FooterPlanner`], the first pass: finds where the footer belongs, and makes a [`FooterPlan`]; `target` is
//!   one text part of it
//! - [`FooterInserter`], the second pass: carries the plan out while the message is sent; `codec` has its
//!   encodings
//!
//! Neither pass holds more than a line's beginning, a part's header, and the footer itself. The
//! same message gives the same octets at each attempt.

mod codec;
mod footer_inserter;
mod planner;
mod target;
mod template;

#[cfg(test)]
mod tests;

pub use footer_inserter::FooterInserter;
pub use planner::FooterPlanner;
pub use template::{Facts, Footer, FooterImage, FooterTemplate, PLACEHOLDERS, UnknownPlaceholder};

use std::ops::Range;

/// What has to be done to a message, in the order of its octets. Empty when the footer belongs
/// nowhere.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FooterPlan {
    edits: Vec<Edit>,
}

impl FooterPlan {
    /// True when the message goes out as it came.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }
}

/// One change.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Edit {
    /// Offsets in the message; an empty range is a place between two octets.
    range: Range<u64>,
    with: With,
}

/// What takes the place of a range.
#[derive(Clone, PartialEq, Eq, Debug)]
enum With {
    /// These octets.
    Text(Vec<u8>),
    /// The range itself, in another encoding and with the footer inside.
    Recoded(Recoding),
}

/// How a body is encoded anew.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Recoding {
    from: Encoding,
    to: Encoding,
    /// In the charset of the part.
    footer: Vec<u8>,
    place: FooterPlace,
    /// What follows the encoded text.
    ending: &'static [u8],
}

/// Where in a decoded body the footer goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum FooterPlace {
    /// After an empty line at the end.
    End,
    /// Before the octet of this offset.
    At(u64),
}

/// How the octets of a part are written (RFC 2045 6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Encoding {
    /// 7bit, 8bit, binary.
    Identity,
    QuotedPrintable,
    Base64,
}
