//! Makes lines over 998 octets legal (RFC 5321 4.5.3.1.6) without changing what a reader sees.
//!
//! Scanners send base64 in one line; old applications send paragraphs in one line. A server may cut
//! or refuse such mail. Base64 is folded, quoted-printable gets soft breaks, anything else becomes
//! quoted-printable. What is signed or encrypted is left alone: a changed octet would break it.
//!
//! Two passes over the file, none of which holds more than a line's beginning: [`LongLinePlanner`] finds
//! which parts have such lines, [`LineFolder`] changes those parts while the message is sent.

mod line_folder;
mod planner;

pub use line_folder::LineFolder;
pub use planner::LongLinePlanner;

/// RFC 5321 4.5.3.1.6: 1000 octets with CRLF.
pub const LINE_LIMIT: usize = 998;

/// What has to be done to a message: its parts with lines that are too long, in their order. Empty
/// for nearly all mail.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LongLinePlan {
    parts: Vec<Part>,
}

/// One part of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Part {
    /// Offsets of its header block, empty line included.
    header: std::ops::Range<u64>,
    /// Offsets of its body, without the line end that belongs to the boundary (RFC 2046 5.1.1).
    body: std::ops::Range<u64>,
    remedy: Remedy,
}

/// What makes a part's lines legal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Remedy {
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
