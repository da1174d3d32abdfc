//! What the fuzz targets (`fuzz/`) need of private modules. It is not part of the interface.
//!
//! These functions show only the raw result; the targets assert its properties.

use crate::{
    client_hello,
    message::{
        self, Edits, EightBit, Planner, Rewriter,
        footer::{Facts, FooterTemplate},
    },
    smtp::dot_stuffing::DotStuffing,
    smtp::line::{Ending, Expected, LineBuffer},
};

/// The most octets of one line: see [`crate::smtp`].
pub const LINE_LIMIT: usize = crate::smtp::line::AUTH_LIMIT;
/// The octets of a ClientHello after which the listener waits for no more.
pub const HELLO_LIMIT: usize = client_hello::HELLO_LIMIT;

/// One line that the server has read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FuzzedLine {
    /// Ended by CRLF.
    Crlf(Vec<u8>),
    /// Ended by a bare LF.
    BareLf(Vec<u8>),
    /// The line exceeded its bound and was discarded.
    TooLong,
}

/// The lines that the reader finds in octets that come in `pieces`.
#[must_use]
pub fn lines(pieces: &[&[u8]]) -> Vec<FuzzedLine> {
    let mut buffer = LineBuffer::default();
    let mut lines = Vec::new();
    for piece in pieces {
        let mut rest = *piece;
        while !rest.is_empty() {
            let (used, line) = buffer.fill(rest, Expected::Command);
            rest = rest.get(used..).unwrap_or_default();
            lines.extend(line.map(|line| match line {
                Ok(line) if line.ending == Ending::Crlf => FuzzedLine::Crlf(line.text.to_vec()),
                Ok(line) => FuzzedLine::BareLf(line.text.to_vec()),
                Err(_too_long) => FuzzedLine::TooLong,
            }));
        }
    }
    lines
}

/// What the first octets of a client are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Opening {
    /// More octets are needed.
    Incomplete,
    /// The decision, which further octets do not change.
    Decided(String),
}

/// How the sniffer classifies the first octets of a client.
#[must_use]
pub fn opening(octets: &[u8]) -> Opening {
    match client_hello::read(octets) {
        client_hello::Opening::Incomplete => Opening::Incomplete,
        decided @ (client_hello::Opening::NoTls
        | client_hello::Opening::Garbled
        | client_hello::Opening::Hello(_)) => Opening::Decided(format!("{decided:?}")),
    }
}

/// Renders a stored text as the next server gets it, in chunks of `step` octets.
#[must_use]
pub fn stuffed(text: &[u8], step: usize) -> Vec<u8> {
    let mut stuffing = DotStuffing::default();
    let mut wire = Vec::new();
    text.chunks(step.max(1)).for_each(|chunk| stuffing.push(chunk, &mut wire));
    stuffing.finish(&mut wire);
    wire
}

/// What is wanted of a plan.
#[derive(Clone, Copy)]
pub struct Wanted {
    /// The message gets a footer.
    pub footer: bool,
    /// Octets above 127 are encoded.
    pub seven_bit: bool,
}

/// A message after its edits.
#[derive(PartialEq, Eq, Debug)]
pub struct Planned {
    /// What the plan says of its size.
    pub size: Option<usize>,
    /// The text itself.
    pub text: Vec<u8>,
}

/// A stored text with the edits of delivery, made in chunks of `step` octets as the queue makes
/// them.
#[must_use]
pub fn planned(text: &[u8], edits: &Edits, wanted: Wanted, step: usize) -> Planned {
    let mut planner = Planner::default();
    text.chunks(step.max(1)).for_each(|chunk| planner.read(chunk));
    let footer = FooterTemplate::new("Gruß, {device}", Some("<p>Gruß</p>"), None)
        .ok()
        .filter(|_| wanted.footer)
        .map(|template| template.fill(&Facts { values: Vec::new(), tag: "1".to_owned() }));
    let eight_bit = if wanted.seven_bit { EightBit::Encoded } else { EightBit::Kept };
    let plan = planner.finish().plan(edits, footer.as_ref(), eight_bit);
    let size = plan.size(text.len().try_into().unwrap_or(u64::MAX));
    let (mut rewriter, mut sent) = (Rewriter::new(plan), Vec::new());
    text.chunks(step.max(1)).for_each(|chunk| rewriter.push(chunk, &mut sent));
    rewriter.finish(&mut sent);
    Planned { size: size.and_then(|size| size.try_into().ok()), text: sent }
}

/// The same without a footer, as text alone.
#[must_use]
pub fn edited(text: &[u8], edits: &Edits, step: usize) -> Vec<u8> {
    planned(text, edits, Wanted { footer: false, seven_bit: false }, step).text
}

/// What the walker tells of a message.
#[derive(PartialEq, Eq, Debug, Default)]
pub struct Outline {
    /// Octets of the header of the message.
    pub own_header: usize,
    /// Octets that were told, or stand between.
    pub octets: usize,
    /// Each part: its kind, its depth, and the octets of its body.
    pub parts: Vec<(String, usize, usize)>,
}

/// What the walker tells of a message that comes in `pieces`.
#[must_use]
pub fn outline(pieces: &[&[u8]]) -> Outline {
    let outline = message::outline(pieces);
    Outline { own_header: outline.0, octets: outline.1, parts: outline.2 }
}
