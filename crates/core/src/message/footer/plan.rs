//! What has to be done to a message so that it gets its footer.

use std::ops::Range;

use crate::message::{header::HeaderBlock, transfer_encoding::TransferEncoding};

/// What has to be done to a message, in the order of its octets. Empty when the footer belongs
/// nowhere.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FooterPlan {
    pub(super) edits: Vec<Edit>,
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
    /// The range itself, in another encoding and with the footer inside.
    Recoded(Recoding),
}

/// How a body is encoded anew.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Recoding {
    pub(super) from: Encoding,
    pub(super) to: Encoding,
    /// In the charset of the part.
    pub(super) footer: Vec<u8>,
    pub(super) place: FooterPlace,
    /// What follows the encoded text.
    pub(super) ending: &'static [u8],
}

/// Where in a decoded body the footer goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FooterPlace {
    /// After an empty line at the end.
    End,
    /// Before the octet of this offset.
    At(u64),
}

/// How the octets of a part are written (RFC 2045 6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Encoding {
    /// 7bit, 8bit, binary.
    Identity,
    QuotedPrintable,
    Base64,
}

impl Encoding {
    /// The encoding of the part with this header; none when it is not known.
    pub(super) fn of(header: &HeaderBlock<'_>) -> Option<Self> {
        match TransferEncoding::of(header) {
            TransferEncoding::Identity => Some(Self::Identity),
            TransferEncoding::QuotedPrintable => Some(Self::QuotedPrintable),
            TransferEncoding::Base64 => Some(Self::Base64),
            TransferEncoding::Unknown => None,
        }
    }
}
