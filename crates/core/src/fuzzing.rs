//! What the fuzz targets (`fuzz/`) need of modules that are nobody else's business. No part of the
//! interface.
//!
//! Only the raw result is shown here; what must hold of it is asserted by the targets.

use crate::{
    client_hello,
    message::{
        self, Edits,
        long_lines::{LineFolder, LongLinePlanner},
    },
    smtp::dot_stuffing::DotStuffing,
    smtp::line::{Ending, Expected, LineBuffer},
};

/// Most octets of one line: see [`crate::smtp`].
pub const LINE_LIMIT: usize = crate::smtp::line::AUTH_LIMIT;
/// Octets of a ClientHello after which nobody waits for more.
pub const HELLO_LIMIT: usize = client_hello::HELLO_LIMIT;

/// One line that the server has read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FuzzedLine {
    /// Ended by CRLF.
    Crlf(Vec<u8>),
    /// Ended by a bare LF.
    BareLf(Vec<u8>),
    /// Over its bound, and gone.
    TooLong,
}

/// What the line reader makes of octets that come in `pieces`.
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

/// What the first octets of a client are taken for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Opening {
    /// More is needed.
    Incomplete,
    /// Whatever comes next, this is what it is.
    Decided(String),
}

/// What the sniffer makes of the first octets of a client.
#[must_use]
pub fn opening(octets: &[u8]) -> Opening {
    match client_hello::read(octets) {
        client_hello::Opening::Incomplete => Opening::Incomplete,
        decided @ (client_hello::Opening::NoTls
        | client_hello::Opening::Garbled
        | client_hello::Opening::Hello(_)) => Opening::Decided(format!("{decided:?}")),
    }
}

/// A stored text as the next server gets it, in chunks of `step` octets.
#[must_use]
pub fn stuffed(text: &[u8], step: usize) -> Vec<u8> {
    let mut stuffing = DotStuffing::default();
    let mut wire = Vec::new();
    text.chunks(step.max(1)).for_each(|chunk| stuffing.push(chunk, &mut wire));
    stuffing.finish(&mut wire);
    wire
}

/// A stored text with the edits of delivery, made in chunks of `step` octets as the queue makes
/// them.
#[must_use]
pub fn edited(text: &[u8], edits: &Edits, step: usize) -> Vec<u8> {
    let mut planner = LongLinePlanner::new();
    text.chunks(step.max(1)).for_each(|chunk| planner.read(chunk));
    let plan = planner.finish();
    let own_header =
        message::header::HeaderBlock::read(text).length().try_into().unwrap_or(u64::MAX);
    let plan =
        if plan.fits(own_header) { plan } else { message::long_lines::LongLinePlan::default() };
    let transfer_encoding = plan.reencodes_whole_body().then_some("quoted-printable");
    let edited = message::edit(text, &Edits { transfer_encoding, ..edits.clone() });
    let mut sent = edited.header;
    let mut folder = LineFolder::new(plan, own_header);
    text.get(edited.replaces..)
        .unwrap_or_default()
        .chunks(step.max(1))
        .for_each(|chunk| folder.push(chunk, &mut sent));
    folder.finish(&mut sent);
    sent
}
