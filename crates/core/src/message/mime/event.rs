//! What a walker tells of a message, in the order of its octets.

use std::ops::Range;

use crate::message::{
    header::HeaderBlock,
    mime::content::{Content, Kind},
    transfer_encoding::TransferEncoding,
};

/// Hears what a walker meets.
pub(in crate::message) trait Listener {
    /// Takes one event. Offsets count from the first octet of the message.
    fn hear(&mut self, event: Event<'_>);
}

/// What a walker meets.
#[derive(Debug)]
pub(in crate::message) enum Event<'a> {
    /// The header of the message or of a part has ended, and its body begins.
    Begins(Part<'a>),
    /// Octets of a line: of the body that began last, or, after its end, of what stands around
    /// parts. A line may come in several pieces.
    Text { octets: &'a [u8] },
    /// The line has ended. The line end before a boundary is the boundary's (RFC 2046 5.1.1) and is
    /// not told.
    LineEnd { ending: &'a [u8] },
    /// What began last has ended, before this offset: its body, or what stands around parts.
    Ends { at: u64 },
    /// A line that parts the children of a multipart. Those inside it have ended.
    Boundary { multipart: usize, line: Range<u64>, last: bool },
}

/// The message, a part of it, or a message inside it.
#[derive(Debug)]
pub(in crate::message) struct Part<'a> {
    /// Where its header stands, empty line included.
    pub(in crate::message) header: Range<u64>,
    /// The octets of that header.
    pub(in crate::message) block: &'a [u8],
    pub(in crate::message) fields: HeaderBlock<'a>,
    pub(in crate::message) content: Content,
    pub(in crate::message) encoding: TransferEncoding,
    /// How many multiparts and messages it stands in. A multipart of this depth tells its
    /// boundaries by this number.
    pub(in crate::message) depth: usize,
    /// Whether it stands in a message inside the message.
    pub(in crate::message) inside_message: bool,
}

impl Part<'_> {
    /// True when its body is octets, with no parts in it that the walker tells.
    pub(in crate::message) fn is_leaf(&self) -> bool {
        match &self.content.kind {
            Kind::Plain | Kind::Html | Kind::OtherText | Kind::Document | Kind::Signature => true,
            // RFC 2045 6.4 forbids the encoding, but business systems use it. It has to be
            // decoded before it can be read.
            Kind::Message => self.encoding != TransferEncoding::Identity,
            Kind::Multipart { .. } | Kind::Fragment | Kind::Sealed | Kind::Unreadable => false,
        }
    }
}
