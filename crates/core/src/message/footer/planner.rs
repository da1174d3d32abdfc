//! The first pass: where the footer belongs (RFC 2046).
//!
//! The text of a message is its first text part, or all of them in a `multipart/alternative`; never
//! an attachment.

use mail_parser::{ContentType, Message, MessageParser, MimeHeaders};

use crate::message::{
    footer::{
        plan::{Edit, Encoding, FooterPlan, With},
        target::{Kind, Stand, Target, wrapped},
        template::Footer,
    },
    header::HeaderBlock,
};

/// Octets of a line that are kept for comparison with boundaries (RFC 2046 5.1.1: at most 70, and
/// dashes).
const PREFIX_LIMIT: usize = 256;
/// Octets of a part's header. A part with a longer one is left alone.
const HEADER_LIMIT: usize = 64 * 1024;
/// Multiparts in one another. Deeper ones are left alone.
const DEPTH_LIMIT: usize = 16;
/// Texts that get the footer: plain and HTML, as a rule.
const TARGET_LIMIT: usize = 8;

/// Reads a message in chunks and says where its footer belongs.
pub struct FooterPlanner<'f> {
    footer: &'f Footer,
    offset: u64,
    line_start: u64,
    prefix: Vec<u8>,
    open: Vec<Multipart>,
    reading: Reading,
    edits: Vec<Edit>,
    targets: usize,
    whole: Whole,
}

/// What the message is as a whole.
enum Whole {
    /// Nothing may be changed, whatever else is found.
    Sealed,
    /// Its own text gets the footer, or its parts'.
    Text,
    /// A `multipart/mixed`: without a text in it, one is put before its first part.
    Mixed { boundary: Vec<u8>, first: Option<u64> },
    /// A document alone: text and document become parts of one message.
    Document { length: u64, block: Vec<u8> },
}

struct Multipart {
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

enum Reading {
    Header { start: u64, block: Vec<u8> },
    Text(Box<Target>),
    Other,
}

impl<'f> FooterPlanner<'f> {
    /// After the message's own header, whose octets `header` are.
    #[must_use]
    pub fn new(footer: &'f Footer, header: &[u8]) -> Self {
        let length = octets(header.len());
        let mut planner = Self {
            footer,
            offset: length,
            line_start: length,
            prefix: Vec::new(),
            open: Vec::new(),
            reading: Reading::Other,
            edits: Vec::new(),
            targets: 0,
            whole: Whole::Text,
        };
        let block = HeaderBlock::read(header);
        if block.is_sealed() {
            planner.whole = Whole::Sealed;
        } else {
            planner.enter(0, header);
        }
        planner
    }

    /// Reads on.
    pub fn read(&mut self, mut chunk: &[u8]) {
        while !chunk.is_empty() && !matches!(self.whole, Whole::Sealed) {
            let end = memchr::memchr(b'\n', chunk).map_or(chunk.len(), |place| place + 1);
            let (piece, rest) = chunk.split_at(end);
            self.keep(piece);
            self.offset += octets(piece.len());
            if piece.ends_with(b"\n") {
                self.end_line();
            }
            chunk = rest;
        }
    }

    /// The message has ended.
    #[must_use]
    pub fn finish(mut self) -> FooterPlan {
        if self.offset > self.line_start {
            self.end_line();
        }
        self.end_text(self.offset);
        let Self { footer, offset, mut edits, targets, whole, .. } = self;
        match whole {
            Whole::Sealed => return FooterPlan::default(),
            Whole::Mixed { boundary, first: Some(first) } if targets == 0 => {
                let text =
                    [b"--", boundary.as_slice(), b"\r\n", &footer.whole_part(), b"\r\n"].concat();
                edits.push(Edit { range: first..first, with: With::Text(text) });
            }
            Whole::Document { length, block } => {
                let boundary = footer.boundary("mixed");
                let start = format!("Content-Type: multipart/mixed; boundary=\"{boundary}\"\r\n");
                let before =
                    [b"--", boundary.as_bytes(), b"\r\n", &footer.whole_part(), b"\r\n"].concat();
                edits.push(Edit {
                    range: 0..length,
                    with: With::Text(wrapped(&block, &start, &boundary, &before)),
                });
                edits.push(Edit {
                    range: offset..offset,
                    with: With::Text(format!("\r\n--{boundary}--\r\n").into_bytes()),
                });
            }
            Whole::Text | Whole::Mixed { .. } => {}
        }
        FooterPlan { edits }
    }

    fn keep(&mut self, piece: &[u8]) {
        if let Reading::Header { block, .. } = &mut self.reading
            && block.len() <= HEADER_LIMIT
        {
            block.extend_from_slice(piece);
        }
        let room = PREFIX_LIMIT.saturating_sub(self.prefix.len());
        let (start, rest) = piece.split_at(room.min(piece.len()));
        let was_open = self.prefix.len() < PREFIX_LIMIT;
        self.prefix.extend_from_slice(start);
        if let Reading::Text(target) = &mut self.reading
            && self.prefix.len() == PREFIX_LIMIT
        {
            // The line is too long for a boundary, so it is text.
            if was_open {
                target.read(&self.prefix);
            }
            target.read(rest);
        }
    }

    fn end_line(&mut self) {
        let line_length = self.offset - self.line_start;
        let prefix = std::mem::take(&mut self.prefix);
        let line = prefix.trim_ascii_end();
        if let Some((depth, ending)) = self.boundary(line) {
            self.meet_boundary(depth, ending);
        } else if let Reading::Text(target) = &mut self.reading {
            if prefix.len() < PREFIX_LIMIT {
                target.read(&prefix);
            }
        } else if let Reading::Header { .. } = self.reading
            && line.is_empty()
            && line_length <= 2
            && let Reading::Header { start, block } =
                std::mem::replace(&mut self.reading, Reading::Other)
            && block.len() <= HEADER_LIMIT
        {
            self.enter(start, &block);
        }
        self.line_start = self.offset;
        self.prefix = prefix;
        self.prefix.clear();
    }

    fn meet_boundary(&mut self, depth: usize, ending: Ending) {
        self.end_text(self.line_start.saturating_sub(2));
        if let Whole::Mixed { first: first @ None, .. } = &mut self.whole
            && depth == 0
            && ending == Ending::OfPart
        {
            *first = Some(self.line_start);
        }
        match ending {
            Ending::OfPart => {
                self.open.truncate(depth + 1);
                if let Some(multipart) = self.open.last_mut() {
                    multipart.children += 1;
                }
                self.reading = Reading::Header { start: self.offset, block: Vec::new() };
            }
            Ending::OfAll => {
                self.open.truncate(depth);
                self.reading = Reading::Other;
            }
        }
    }

    /// Which open multipart's boundary this line is.
    fn boundary(&self, line: &[u8]) -> Option<(usize, Ending)> {
        let rest = line.strip_prefix(b"--")?;
        self.open.iter().enumerate().rev().find_map(|(depth, multipart)| {
            match rest.strip_prefix(multipart.boundary.as_slice()) {
                Some(b"") => Some((depth, Ending::OfPart)),
                Some(b"--") => Some((depth, Ending::OfAll)),
                Some(_) | None => None,
            }
        })
    }

    /// The header `block`, which began at `start`, has ended.
    fn enter(&mut self, start: u64, block: &[u8]) {
        let is_whole = self.open.is_empty();
        let parsed = MessageParser::default().parse_headers(block);
        let content = parsed.as_ref().and_then(Message::content_type);
        let attached = parsed
            .as_ref()
            .and_then(|header| header.content_disposition())
            .is_some_and(ContentType::is_attachment);
        let wanted = is_whole || self.is_wanted();
        // A footer can only be written where the text around it can be read.
        let readable = Encoding::of(&HeaderBlock::read(block))
            .filter(|_| wanted && !attached && self.targets < TARGET_LIMIT);
        let what = kind(content);
        self.reading = match (what, readable) {
            (What::Sealed, _) => {
                self.whole = Whole::Sealed;
                Reading::Other
            }
            (What::Multipart(boundary, role), _) if self.open.len() < DEPTH_LIMIT => {
                if is_whole && role == Role::Mixed {
                    self.whole = Whole::Mixed { boundary: boundary.clone(), first: None };
                }
                let role = if wanted { role } else { Role::Closed };
                self.open.push(Multipart { boundary, role, children: 0, found: self.targets });
                Reading::Other
            }
            (What::Text(kind), Some(encoding)) => {
                let stand = self.stand();
                Reading::Text(Box::new(Target::new(
                    start..self.offset,
                    block.to_vec(),
                    parsed.as_ref(),
                    kind,
                    encoding,
                    stand,
                )))
            }
            (What::Text(_) | What::Document, _) if is_whole => {
                self.whole = Whole::Document { length: self.offset, block: block.to_vec() };
                Reading::Other
            }
            (What::Text(_) | What::Document | What::Multipart(..) | What::Message, _) => {
                Reading::Other
            }
        };
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

    fn end_text(&mut self, end: u64) {
        if let Reading::Text(target) = std::mem::replace(&mut self.reading, Reading::Other) {
            if target.is_armored() {
                self.whole = Whole::Sealed;
            } else {
                self.edits.extend(target.edits(end, self.footer, self.targets));
                self.targets += 1;
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    OfPart,
    OfAll,
}

enum What {
    Text(Kind),
    Multipart(Vec<u8>, Role),
    /// A message inside, whole or in part: not ours to write in.
    Message,
    Document,
    /// Signed, encrypted, or a report for machines.
    Sealed,
}

fn kind(content: Option<&ContentType<'_>>) -> What {
    // RFC 2045 5.2: without a type it is text.
    let Some(content) = content else {
        return What::Text(Kind::Plain);
    };
    let subtype = content.subtype().unwrap_or("plain").to_ascii_lowercase();
    match (content.ctype().to_ascii_lowercase().as_str(), subtype.as_str()) {
        ("text", "plain") => What::Text(Kind::Plain),
        ("text", "html") => What::Text(Kind::Html),
        ("multipart", "signed" | "encrypted" | "report")
        | (
            "application",
            "pkcs7-mime" | "x-pkcs7-mime" | "pkcs7-signature" | "x-pkcs7-signature" | "pgp"
            | "pgp-encrypted" | "pgp-signature",
        ) => What::Sealed,
        ("multipart", subtype) => content.attribute("boundary").map_or(What::Sealed, |boundary| {
            let role = match subtype {
                "mixed" => Role::Mixed,
                "alternative" => Role::Alternative,
                "related" => Role::Related,
                _ => Role::Closed,
            };
            What::Multipart(boundary.as_bytes().to_vec(), role)
        }),
        ("message", _) => What::Message,
        _ => What::Document,
    }
}

fn octets(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
