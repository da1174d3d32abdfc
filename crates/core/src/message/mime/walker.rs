//! Reads a message in chunks and tells its structure.

use std::ops::Range;

use crate::message::{
    header::{HEADER_LIMIT, HeaderBlock},
    header_lines::{HeaderLines, NextLine},
    mime::{
        content::{Content, Kind},
        event::{Event, Listener, Part},
    },
    transfer_encoding::TransferEncoding,
};

/// Octets of a line that are kept for comparison with boundaries (RFC 2046 5.1.1: at most 70, and
/// dashes).
const PREFIX_LIMIT: usize = 256;
/// Octets of the header of a part. A part with a longer one is not read.
const PART_HEADER_LIMIT: usize = 64 * 1024;
/// Multiparts and messages in one another. Deeper ones are not read.
const DEPTH_LIMIT: usize = 24;

/// Reads a message in chunks of any size.
pub(in crate::message) struct Walker {
    offset: u64,
    line_start: u64,
    /// The beginning of a line that may turn out to be a boundary.
    prefix: Vec<u8>,
    /// The end of the last line, which is told once the next one is known to be no boundary.
    held: &'static [u8],
    open: Vec<Open>,
    at: At,
}

enum Open {
    Multipart(Vec<u8>),
    Message,
}

/// A header that is being read.
struct Reading {
    start: u64,
    block: Vec<u8>,
    lines: HeaderLines,
    /// Where the present line begins in the block.
    line: usize,
    /// Where the line before it begins.
    before: usize,
}

enum At {
    Header(Reading),
    Body,
}

impl Default for Walker {
    fn default() -> Self {
        Self {
            offset: 0,
            line_start: 0,
            prefix: Vec::new(),
            held: b"",
            open: Vec::new(),
            at: At::header(0),
        }
    }
}

impl At {
    const fn header(start: u64) -> Self {
        Self::Header(Reading {
            start,
            block: Vec::new(),
            lines: HeaderLines::new(),
            line: 0,
            before: 0,
        })
    }
}

impl Reading {
    /// Where the header ends in the block when the present line does not belong to it.
    const fn end(&self) -> usize {
        if self.lines.is_in_doubt() { self.before } else { self.line }
    }
}

impl Walker {
    /// Reads on.
    pub(in crate::message) fn read(&mut self, mut chunk: &[u8], listener: &mut impl Listener) {
        while !chunk.is_empty() {
            let end = memchr::memchr(b'\n', chunk).map_or(chunk.len(), |place| place + 1);
            let (piece, rest) = chunk.split_at(end);
            self.take(piece, listener);
            chunk = rest;
        }
    }

    /// The message has ended.
    pub(in crate::message) fn finish(mut self, listener: &mut impl Listener) {
        loop {
            if self.offset > self.line_start {
                self.end_line(listener);
            } else if let At::Header(reading) = &self.at {
                let end = reading.end();
                self.end_header(end, listener);
            } else {
                break;
            }
        }
        self.release(listener);
        listener.hear(Event::Ends { at: self.offset });
    }

    /// Takes a piece of one line.
    fn take(&mut self, piece: &[u8], listener: &mut impl Listener) {
        self.offset += octets(piece.len());
        let was_open = self.prefix.len() < PREFIX_LIMIT;
        if let At::Header(reading) = &mut self.at {
            reading.block.extend_from_slice(piece);
            let room = PREFIX_LIMIT.saturating_sub(self.prefix.len()).min(piece.len());
            self.prefix.extend_from_slice(piece.get(..room).unwrap_or_default());
            let limit = if self.open.is_empty() { HEADER_LIMIT } else { PART_HEADER_LIMIT };
            if reading.block.len() > limit {
                self.give_up_header(listener);
                return;
            }
        } else if was_open {
            let room = PREFIX_LIMIT.saturating_sub(self.prefix.len()).min(piece.len());
            let (start, rest) = piece.split_at(room);
            self.prefix.extend_from_slice(start);
            if self.prefix.len() == PREFIX_LIMIT {
                // The line is too long for a boundary.
                let prefix = std::mem::take(&mut self.prefix);
                self.tell(&prefix, listener);
                self.prefix = prefix;
                self.tell(rest, listener);
            }
        } else {
            self.tell(piece, listener);
        }
        if piece.ends_with(b"\n") {
            self.end_line(listener);
        }
    }

    /// A line has ended, or the message within it.
    fn end_line(&mut self, listener: &mut impl Listener) {
        let mut prefix = std::mem::take(&mut self.prefix);
        let is_whole = prefix.len() < PREFIX_LIMIT;
        let line = std::mem::replace(&mut self.line_start, self.offset)..self.offset;
        if let Some((depth, last)) = self.boundary(&prefix).filter(|_| is_whole) {
            self.meet_boundary(depth, line, last, listener);
        } else if let At::Header(_) = self.at {
            self.judge_header_line(listener);
            // What was read again may have left the beginning of a line.
            return;
        } else if is_whole {
            self.tell(&prefix, listener);
        }
        prefix.clear();
        self.prefix = prefix;
    }

    /// Tells octets of a line that is not a boundary.
    fn tell(&mut self, piece: &[u8], listener: &mut impl Listener) {
        if piece.is_empty() {
            return;
        }
        // A CR that the next piece may show to be part of a line end is held, too.
        let held = std::mem::take(&mut self.held);
        if held == b"\r" && piece == b"\n" {
            self.held = b"\r\n";
            return;
        }
        tell_held(held, listener);
        let (text, ending): (_, &'static [u8]) = if let Some(text) = piece.strip_suffix(b"\r\n") {
            (text, b"\r\n")
        } else if let Some(text) = piece.strip_suffix(b"\n") {
            (text, b"\n")
        } else if let Some(text) = piece.strip_suffix(b"\r") {
            (text, b"\r")
        } else {
            (piece, b"")
        };
        if !text.is_empty() {
            listener.hear(Event::Text { octets: text });
        }
        self.held = ending;
    }

    /// Tells what is held: no boundary follows.
    fn release(&mut self, listener: &mut impl Listener) {
        tell_held(std::mem::take(&mut self.held), listener);
    }

    /// Which open multipart's boundary this line is, and whether it is the last one.
    fn boundary(&self, line: &[u8]) -> Option<(usize, bool)> {
        let rest = line.trim_ascii_end().strip_prefix(b"--")?;
        self.open.iter().enumerate().rev().find_map(|(depth, open)| match open {
            Open::Message => None,
            Open::Multipart(boundary) => match rest.strip_prefix(boundary.as_slice()) {
                Some(b"") => Some((depth, false)),
                Some(b"--") => Some((depth, true)),
                Some(_) | None => None,
            },
        })
    }

    fn meet_boundary(
        &mut self,
        depth: usize,
        line: Range<u64>,
        last: bool,
        listener: &mut impl Listener,
    ) {
        while let At::Header(reading) = &mut self.at {
            // A part without an empty line: fields alone.
            reading.block.truncate(reading.line);
            let end = reading.end();
            self.end_header(end, listener);
        }
        let held = octets(std::mem::take(&mut self.held).len());
        listener.hear(Event::Ends { at: line.start - held });
        (self.offset, self.line_start) = (line.end, line.end);
        listener.hear(Event::Boundary { multipart: depth, line, last });
        self.open.truncate(if last { depth } else { depth + 1 });
        self.at = if last { At::Body } else { At::header(self.offset) };
    }

    /// Judges the line of a header that has just ended.
    fn judge_header_line(&mut self, listener: &mut impl Listener) {
        let At::Header(reading) = &mut self.at else {
            return;
        };
        let next = reading.lines.next(reading.block.get(reading.line..).unwrap_or_default());
        match next {
            NextLine::Field | NextLine::Folded | NextLine::Doubtful => {
                (reading.before, reading.line) = (reading.line, reading.block.len());
            }
            NextLine::End => {
                let end = reading.block.len();
                self.end_header(end, listener);
            }
            NextLine::Body => {
                let end = reading.end();
                self.end_header(end, listener);
            }
        }
    }

    /// The header ends after `length` octets of what was kept of it; what follows them is body.
    fn end_header(&mut self, length: usize, listener: &mut impl Listener) {
        let At::Header(Reading { start, mut block, .. }) =
            std::mem::replace(&mut self.at, At::Body)
        else {
            return;
        };
        let rest = block.split_off(length.min(block.len()));
        let end = start + octets(block.len());
        let fields = HeaderBlock::read(&block);
        let content = Content::of(&fields);
        let encoding = TransferEncoding::of(&fields);
        let kind = content.kind.clone();
        let part = self.part(start..end, &block, fields, content, encoding);
        let is_leaf = part.is_leaf();
        let deeper = self.open.len() < DEPTH_LIMIT;
        listener.hear(Event::Begins(part));
        if let Kind::Multipart { boundary, .. } = kind {
            if deeper {
                self.open.push(Open::Multipart(boundary));
            }
        } else if kind == Kind::Message && deeper && !is_leaf {
            self.open.push(Open::Message);
            self.at = At::header(end);
        }
        self.read_again(end, &rest, listener);
    }

    fn part<'a>(
        &self,
        header: Range<u64>,
        block: &'a [u8],
        fields: HeaderBlock<'a>,
        mut content: Content,
        encoding: TransferEncoding,
    ) -> Part<'a> {
        let composite = matches!(content.kind, Kind::Multipart { .. } | Kind::Message);
        if composite && self.open.len() >= DEPTH_LIMIT {
            content.kind = Kind::Unreadable;
        }
        let inside_message = self.open.iter().any(|open| matches!(open, Open::Message));
        Part { header, block, fields, content, encoding, depth: self.open.len(), inside_message }
    }

    /// The header is longer than is read: all of it counts as body of a part that nobody knows.
    fn give_up_header(&mut self, listener: &mut impl Listener) {
        let At::Header(Reading { start, block, .. }) = std::mem::replace(&mut self.at, At::Body)
        else {
            return;
        };
        let empty = HeaderBlock::read(b"");
        let part =
            self.part(start..start, b"", empty, Content::unreadable(), TransferEncoding::Identity);
        listener.hear(Event::Begins(part));
        self.read_again(start, &block, listener);
    }

    /// Reads octets as body that were taken for a header.
    fn read_again(&mut self, from: u64, octets: &[u8], listener: &mut impl Listener) {
        self.offset = from;
        self.line_start = from;
        self.prefix.clear();
        self.read(octets, listener);
    }
}

fn tell_held(held: &'static [u8], listener: &mut impl Listener) {
    match held {
        b"" => {}
        b"\r" => listener.hear(Event::Text { octets: held }),
        ending => listener.hear(Event::LineEnd { ending }),
    }
}

fn octets(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
