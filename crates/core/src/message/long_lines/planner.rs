//! The first pass: where are lines that are too long, and in which parts (RFC 2046).

use mail_parser::{ContentType, MessageParser, MimeHeaders};

use crate::message::{
    header::{self, LINE_LIMIT},
    long_lines::plan::{LongLinePlan, MendedPart, Remedy},
    transfer_encoding::TransferEncoding,
};

/// Octets of a line that are kept for comparison with boundaries (RFC 2046 5.1.1: at most 70, and
/// dashes).
const PREFIX_LIMIT: usize = 256;
/// Octets of a part's header that are read; the rest of a longer one is not.
const HEADER_LIMIT: usize = 64 * 1024;
/// Multiparts in one another. Deeper ones are left alone.
const DEPTH_LIMIT: usize = 16;
/// Parts that are mended. More of them are left alone.
const PART_LIMIT: usize = 1000;

/// Reads a message in chunks and says what has to be done to it.
pub struct LongLinePlanner {
    offset: u64,
    line_start: u64,
    prefix: Vec<u8>,
    boundaries: Vec<Vec<u8>>,
    section: Section,
    plan: LongLinePlan,
}

enum Section {
    Header {
        start: u64,
        block: Vec<u8>,
    },
    Leaf {
        header: std::ops::Range<u64>,
        remedy: Remedy,
        long: LongLine,
    },
    /// Preamble, epilogue, or what is signed.
    Untouchable,
}

#[derive(PartialEq, Eq)]
enum LongLine {
    None,
    Seen,
}

impl Default for LongLinePlanner {
    fn default() -> Self {
        Self::new()
    }
}

impl LongLinePlanner {
    /// At the start of a message.
    #[must_use]
    pub fn new() -> Self {
        let section = Section::Header { start: 0, block: Vec::new() };
        Self {
            offset: 0,
            line_start: 0,
            prefix: Vec::new(),
            boundaries: Vec::new(),
            section,
            plan: LongLinePlan::default(),
        }
    }

    /// Reads on.
    pub fn read(&mut self, mut chunk: &[u8]) {
        while !chunk.is_empty() {
            let end = memchr::memchr(b'\n', chunk).map_or(chunk.len(), |place| place + 1);
            let (piece, rest) = chunk.split_at(end);
            self.keep(piece);
            self.offset += u64::try_from(piece.len()).unwrap_or(u64::MAX);
            if piece.ends_with(b"\n") {
                self.end_line(b"\r\n");
            }
            chunk = rest;
        }
    }

    /// The message has ended.
    #[must_use]
    pub fn finish(mut self) -> LongLinePlan {
        if self.offset > self.line_start {
            self.end_line(b"");
        }
        self.end_leaf(self.offset);
        self.plan
    }

    fn keep(&mut self, piece: &[u8]) {
        let room = PREFIX_LIMIT.saturating_sub(self.prefix.len());
        self.prefix.extend_from_slice(piece.get(..room.min(piece.len())).unwrap_or_default());
        if let Section::Header { block, .. } = &mut self.section {
            let room = HEADER_LIMIT.saturating_sub(block.len());
            block.extend_from_slice(piece.get(..room.min(piece.len())).unwrap_or_default());
        }
    }

    /// A line has ended, and so did the message if it was not by CRLF.
    fn end_line(&mut self, ending: &[u8]) {
        let length = usize::try_from(self.offset - self.line_start).unwrap_or(usize::MAX);
        let prefix = std::mem::take(&mut self.prefix);
        let line = prefix.trim_ascii_end();
        if let Some((depth, ending)) = self.boundary(line) {
            // The line end before a boundary belongs to the boundary.
            self.end_leaf(self.line_start.saturating_sub(2));
            self.boundaries.truncate(if ending { depth } else { depth + 1 });
            self.section = if ending {
                Section::Untouchable
            } else {
                Section::Header { start: self.offset, block: Vec::new() }
            };
        } else {
            if self.is_headless(length) {
                self.end_header(self.line_start);
            }
            match &mut self.section {
                Section::Header { .. } if line.is_empty() && length <= 2 => {
                    self.end_header(self.offset);
                }
                Section::Leaf { long, .. } if length > LINE_LIMIT + ending.len() => {
                    *long = LongLine::Seen;
                }
                Section::Header { .. } | Section::Leaf { .. } | Section::Untouchable => {}
            }
        }
        self.line_start = self.offset;
        self.prefix = prefix;
        self.prefix.clear();
    }

    /// Which open multipart's boundary this line is, and whether it is the last one.
    fn boundary(&self, line: &[u8]) -> Option<(usize, bool)> {
        let rest = line.strip_prefix(b"--")?;
        self.boundaries.iter().enumerate().rev().find_map(|(depth, boundary)| {
            match rest.strip_prefix(boundary.as_slice()) {
                Some(b"") => Some((depth, false)),
                Some(b"--") => Some((depth, true)),
                Some(_) | None => None,
            }
        })
    }

    /// The message's own header is without its empty line, or is none: the line that has just
    /// ended, of so many octets, is text.
    fn is_headless(&self, length: usize) -> bool {
        let Section::Header { start: 0, block } = &self.section else {
            return false;
        };
        let (before, line) =
            block.split_at_checked(block.len().saturating_sub(length)).unwrap_or_default();
        block.len() < HEADER_LIMIT && !header::continues(before, line)
    }

    /// The header has ended at this offset of the message.
    fn end_header(&mut self, end: u64) {
        let Section::Header { start, mut block } =
            std::mem::replace(&mut self.section, Section::Untouchable)
        else {
            return;
        };
        block.truncate(usize::try_from(end - start).unwrap_or(usize::MAX));
        let Some(head) = MessageParser::default().parse_headers(&block) else {
            self.section = Section::Leaf {
                header: start..end,
                remedy: Remedy::QuotedPrintable,
                long: LongLine::None,
            };
            return;
        };
        let fields = header::HeaderBlock::read(&block);
        if start == 0 && fields.is_sealed() {
            return;
        }
        let content = head.content_type();
        self.section = match kind(content) {
            Kind::Multipart(boundary) if self.boundaries.len() < DEPTH_LIMIT => {
                self.boundaries.push(boundary);
                Section::Untouchable
            }
            Kind::Multipart(_) | Kind::Sealed => Section::Untouchable,
            Kind::Message => Section::Header { start: self.offset, block: Vec::new() },
            Kind::Leaf => {
                let remedy = remedy(TransferEncoding::of(&fields));
                Section::Leaf { header: start..end, remedy, long: LongLine::None }
            }
        };
    }

    fn end_leaf(&mut self, end: u64) {
        if let Section::Leaf { header, remedy, long: LongLine::Seen } =
            std::mem::replace(&mut self.section, Section::Untouchable)
            && self.plan.parts.len() < PART_LIMIT
        {
            let body = header.end..end.max(header.end);
            self.plan.parts.push(MendedPart { header, body, remedy });
        }
    }
}

enum Kind {
    Multipart(Vec<u8>),
    /// Signed or encrypted: not to be touched (RFC 1847 2.1).
    Sealed,
    /// RFC 2046 5.2.1: a whole message inside.
    Message,
    Leaf,
}

fn kind(content: Option<&ContentType<'_>>) -> Kind {
    let Some(content) = content else {
        return Kind::Leaf;
    };
    let subtype = content.subtype().unwrap_or_default().to_ascii_lowercase();
    match (content.ctype().to_ascii_lowercase().as_str(), subtype.as_str()) {
        ("multipart", "signed" | "encrypted") | ("application", "pkcs7-mime" | "x-pkcs7-mime") => {
            Kind::Sealed
        }
        ("multipart", _) => content
            .attribute("boundary")
            .map_or(Kind::Sealed, |boundary| Kind::Multipart(boundary.as_bytes().to_vec())),
        ("message", "rfc822") => Kind::Message,
        _ => Kind::Leaf,
    }
}

/// RFC 2045 6.4: nobody knows what the octets of an unknown encoding mean, so they are encoded as
/// they are, and the label goes.
const fn remedy(encoding: TransferEncoding) -> Remedy {
    match encoding {
        TransferEncoding::Base64 => Remedy::FoldBase64,
        TransferEncoding::QuotedPrintable => Remedy::SoftBreaks,
        TransferEncoding::Identity | TransferEncoding::Unknown => Remedy::QuotedPrintable,
    }
}
