//! The edits of one message, in the order of its octets.

use std::ops::Range;

use crate::message::{codec::Encoding, repair::Repair};

/// What has to be done to a message. Empty when it goes out as it came.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Plan {
    pub(super) edits: Vec<Edit>,
    pub(super) repairs: Vec<Repair>,
}

impl Plan {
    /// True when the message goes out as it came.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// What is repaired in the header.
    #[must_use]
    pub fn repairs(&self) -> &[Repair] {
        &self.repairs
    }

    /// Octets of a message of `original` octets after its edits. None when only carrying them out
    /// can tell.
    #[must_use]
    pub fn size(&self, original: u64) -> Option<u64> {
        self.edits.iter().try_fold(original, |size, edit| {
            let written = match &edit.with {
                With::Text(text) => octets(text.len()),
                With::FoldedBase64 { octets } => *octets,
                With::Recoded(recoding) => recoding.octets?,
                With::SoftBreaks | With::Wrapped => return None,
            };
            Some(size + written - (edit.range.end - edit.range.start))
        })
    }
}

/// Whether octets above 127 may go out (RFC 6152).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EightBit {
    /// As they are.
    Kept,
    /// Encoded: the server does not take them.
    Encoded,
}

/// One change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Edit {
    /// Offsets in the message; an empty range is a place between two octets.
    pub(super) range: Range<u64>,
    pub(super) with: With,
}

/// What takes the place of a range.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum With {
    /// These octets.
    Text(Vec<u8>),
    /// The range itself, in another encoding, maybe with the footer inside.
    Recoded(Recoding),
    /// The range, which is base64, in lines that are short enough (RFC 2045 6.8: line breaks mean
    /// nothing). `octets` is its length then.
    FoldedBase64 { octets: u64 },
    /// The range, which is quoted-printable, with `=` at the ends of lines that go on (RFC 2045
    /// 6.7).
    SoftBreaks,
    /// The range, which no reader shows, with line ends and a blank after each.
    Wrapped,
}

/// How a body is encoded anew.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Recoding {
    pub(super) from: Encoding,
    pub(super) to: Encoding,
    pub(super) insertion: Option<Insertion>,
    /// What follows the encoded text.
    pub(super) ending: &'static [u8],
    /// Octets that come of it, when they are known.
    pub(super) octets: Option<u64>,
}

/// A footer on its way into a decoded text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Insertion {
    /// In the charset of the part.
    pub(super) footer: Vec<u8>,
    pub(super) place: FooterPlace,
}

/// Where in a decoded body the footer goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FooterPlace {
    /// After an empty line at the end.
    End,
    /// Before the octet of this offset.
    At(u64),
}

fn octets(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
