//! One part whose body is octets: what was found in it, and what follows from that.

use std::ops::Range;

use crate::message::{
    codec::{Encoding, base64_octets},
    plan::{
        edit_list::{Edit, EightBit, Recoding, With},
        part_edits::{LeafEdits, restated},
        target::Target,
    },
    transfer_encoding::TransferEncoding,
};

/// A part whose body is octets.
pub(super) struct Leaf {
    pub(super) header: Range<u64>,
    /// The header, unless there was no room to keep it.
    pub(super) block: Option<Vec<u8>>,
    pub(super) body: Range<u64>,
    pub(super) encoding: TransferEncoding,
    pub(super) is_text: bool,
    /// A line is longer than it may be.
    pub(super) long: bool,
    /// Octets above 127.
    pub(super) high: bool,
    /// Octets of its lines when they are folded as base64, beyond those that they have.
    pub(super) folds: u64,
    /// It gets the footer.
    pub(super) target: Option<Target>,
}

impl Leaf {
    /// True when it is the message itself.
    pub(super) const fn is_whole(&self) -> bool {
        self.header.start == 0
    }

    /// How its octets have to be written anew. None when they need not be.
    pub(super) fn anew(&self, eight_bit: EightBit) -> Option<Encoding> {
        let strays = self.high && eight_bit == EightBit::Encoded;
        match self.encoding {
            // RFC 2045 6.4: nobody knows what the octets of an unknown encoding mean, so they are
            // encoded as they are, and the label goes.
            TransferEncoding::Identity | TransferEncoding::Unknown if self.long || strays => {
                Some(if self.is_text { Encoding::QuotedPrintable } else { Encoding::Base64 })
            }
            TransferEncoding::Base64 if strays => Some(Encoding::Base64),
            TransferEncoding::QuotedPrintable if strays => Some(Encoding::QuotedPrintable),
            TransferEncoding::Identity
            | TransferEncoding::Unknown
            | TransferEncoding::Base64
            | TransferEncoding::QuotedPrintable => None,
        }
    }

    /// The same when the footer is put in, too.
    pub(super) fn anew_with_footer(&self, eight_bit: EightBit) -> Option<Encoding> {
        let soft = self.long && self.encoding == TransferEncoding::QuotedPrintable;
        self.anew(eight_bit).or(soft.then_some(Encoding::QuotedPrintable))
    }

    /// The edits that make it legal, without a footer.
    pub(super) fn edits(&self, block: Option<&[u8]>, eight_bit: EightBit) -> LeafEdits {
        let edit = |with| vec![Edit { range: self.body.clone(), with }];
        let length = self.body.end - self.body.start;
        let Some(to) = self.anew(eight_bit) else {
            let body = match self.encoding {
                TransferEncoding::Base64 if self.long => {
                    edit(With::FoldedBase64 { octets: length + self.folds })
                }
                TransferEncoding::QuotedPrintable if self.long => edit(With::SoftBreaks),
                TransferEncoding::Identity
                | TransferEncoding::Unknown
                | TransferEncoding::Base64
                | TransferEncoding::QuotedPrintable => Vec::new(),
            };
            return LeafEdits { header: None, body };
        };
        let from = Encoding::known(self.encoding).unwrap_or(Encoding::Identity);
        let Some(block) = block else {
            // Nothing can say how it is encoded from now on.
            return LeafEdits { header: None, body: edit(With::Wrapped) };
        };
        let ending: &[u8] = if to == Encoding::Base64 && self.is_whole() { b"\r\n" } else { b"" };
        let octets = (to == Encoding::Base64 && from == Encoding::Identity)
            .then(|| base64_octets(length) + if ending.is_empty() { 0 } else { 2 });
        let relabelled = Encoding::known(self.encoding) != Some(to);
        LeafEdits {
            header: relabelled.then(|| restated(block, None, Some(to), self.is_whole())),
            body: edit(With::Recoded(Recoding { from, to, insertion: None, ending, octets })),
        }
    }
}
