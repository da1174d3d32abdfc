//! What the fuzz targets (`fuzz/`) need of private modules. It is not part of the interface.
//!
//! These functions show only the raw result; the targets assert its properties.

use crate::{
    client_hello,
    message::{Edits, EightBit, Planner, Rewriter},
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

/// Applies the edits of delivery to a stored text, in chunks of `step` octets as the queue does.
#[must_use]
pub fn edited(text: &[u8], edits: &Edits, step: usize) -> Vec<u8> {
    let mut planner = Planner::default();
    text.chunks(step.max(1)).for_each(|chunk| planner.read(chunk));
    let plan = planner.finish().plan(edits, None, EightBit::Kept);
    let (size, mut sent) = (plan.size(text.len().try_into().unwrap_or(u64::MAX)), Vec::new());
    let mut rewriter = Rewriter::new(plan);
    text.chunks(step.max(1)).for_each(|chunk| rewriter.push(chunk, &mut sent));
    rewriter.finish(&mut sent);
    debug_assert!(
        size.is_none_or(|size| usize::try_from(size).is_ok_and(|size| size == sent.len()))
    );
    sent
}
