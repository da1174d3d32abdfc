//! What has to be done to a message with lines that are too long.

/// What has to be done to a message: its parts with lines that are too long, in their order. Empty
/// for nearly all mail.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LongLinePlan {
    pub(super) parts: Vec<MendedPart>,
}

/// One part of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct MendedPart {
    /// Offsets of its header block, empty line included.
    pub(super) header: std::ops::Range<u64>,
    /// Offsets of its body, without the line end that belongs to the boundary (RFC 2046 5.1.1).
    pub(super) body: std::ops::Range<u64>,
    pub(super) remedy: Remedy,
}

/// What makes a part's lines legal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Remedy {
    /// RFC 2045 6.8: line breaks in base64 mean nothing.
    FoldBase64,
    /// RFC 2045 6.7: `=` at the end of a line joins it to the next.
    SoftBreaks,
    /// The part becomes quoted-printable, and its header says so.
    QuotedPrintable,
}

impl LongLinePlan {
    /// True when the message can go as it is.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// True when the plan was made for a message whose own header has this many octets, empty line
    /// included.
    #[must_use]
    pub fn fits(&self, own_header: u64) -> bool {
        self.parts.first().is_none_or(|part| part.header.start > 0 || part.header.end == own_header)
    }

    /// True when the message's own header must say `Content-Transfer-Encoding: quoted-printable`.
    #[must_use]
    pub fn reencodes_whole_body(&self) -> bool {
        self.parts
            .first()
            .is_some_and(|part| part.header.start == 0 && part.remedy == Remedy::QuotedPrintable)
    }
}
