//! The text after `DATA`: the decoder undoes dot-stuffing, finds the end, and passes on only clean
//! lines.
//!
//! A bare CR and a bare LF each become CRLF, and a NUL is dropped. If all lines end in CR CR LF from
//! the first one on, as after a conversion that was done twice, each gets one CRLF. The end is recognised in what
//! was received, before any of this: only `<CRLF>.<CRLF>` ends a text, and nothing that merely
//! looks like it to some server. The stored text has only CRLF line ends, so a line that consists
//! of a dot is stuffed on the way out like any other. No second message can hide in the first,
//! neither here nor at the next server.
//!
//! ```text
//!   LineStart ──"."──▶ Dot ──CR──▶ DotCr ──LF──▶ end of data, if the line before was ended by CRLF
//!       ▲  │           │             │
//!       │  └───────────┴─────────────┴──▶ InLine ──CR──▶ Cr
//!       └───────────────── any line end ────┴─────────────┘
//! ```

use std::collections::BTreeSet;

use crate::smtp::{EndOfData, Quirk};

/// The most decoded text that is returned at once: a power of two well above one read from the
/// socket, and small enough to hold for each connection.
pub const CHUNK: usize = 64 * 1024;
/// The most that one octet of input adds to the output: a dot that was held back, and two line
/// ends.
const STEP_LIMIT: usize = 5;
/// RFC 5321 4.5.3.1.6: the longest line of text, without its end.
const LINE_LIMIT: usize = 998;

/// Decodes the text of one message, which may come in any pieces.
pub struct Decoder {
    at: At,
    end_of_data: EndOfData,
    octets: u64,
    line: usize,
    quirks: BTreeSet<Quirk>,
    tail: Tail,
    ends: LineEnds,
}

/// The line ends of the text received so far.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LineEnds {
    /// No line has ended yet.
    Unknown,
    /// Every line ended in CR CR LF.
    Doubled,
    /// A line ended in another way.
    Plain,
}

/// The end of the text received so far.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tail {
    /// A line that consists of one dot, after a lone LF. Some devices mean it as the end of data.
    Lookalike,
    /// Anything else.
    Text,
}

/// The position in the text.
#[derive(Clone, Copy)]
enum At {
    /// Nothing of the line has been seen.
    LineStart(Before),
    /// A leading dot is held back.
    Dot(Before),
    /// A leading dot and a CR are held back.
    DotCr(Before),
    /// Something of the line has been seen.
    InLine,
    /// A CR is held back.
    Cr,
    /// Two CR are held back.
    CrCr,
}

/// What came before the line.
#[derive(Clone, Copy)]
enum Before {
    /// Nothing: `DATA` itself was ended by CRLF, so an end of data may follow at once.
    Nothing,
    Crlf,
    BareLf,
    BareCr,
}

/// The result of decoding some input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// The input is used up, or the output is full.
    More,
    /// The end of data. What follows in the input is not text.
    Ended(Ended),
}

/// How the text ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// `<CRLF>.<CRLF>`
    Properly,
    /// `<LF>.<LF>` or `<LF>.<CRLF>`
    ByLoneLf,
}

impl Decoder {
    /// A decoder for the text that follows 354.
    #[must_use]
    pub const fn new(end_of_data: EndOfData) -> Self {
        Self {
            at: At::LineStart(Before::Nothing),
            end_of_data,
            octets: 0,
            line: 0,
            quirks: BTreeSet::new(),
            tail: Tail::Text,
            ends: LineEnds::Unknown,
        }
    }

    /// The octets decoded so far, which count towards a size limit (RFC 1870 5).
    #[must_use]
    pub const fn octets(&self) -> u64 {
        self.octets
    }

    /// The quirks of the text so far.
    #[must_use]
    pub const fn quirks(&self) -> &BTreeSet<Quirk> {
        &self.quirks
    }

    /// Whether the text so far ends with something that resembles the end of data, and that
    /// [`EndOfData::LoneLfThenClose`] would have taken for it.
    #[must_use]
    pub fn resembles_an_end(&self) -> bool {
        self.tail == Tail::Lookalike
    }

    /// Decodes into `output`, which never grows beyond [`CHUNK`]. Returns how many octets of
    /// `input` were consumed, and the result.
    pub fn decode(&mut self, input: &[u8], output: &mut Vec<u8>) -> (usize, Progress) {
        let mut consumed = 0;
        while output.len() + STEP_LIMIT <= CHUNK {
            let room = CHUNK - STEP_LIMIT - output.len();
            let rest = input.get(consumed..).unwrap_or_default();
            let (window, _) = rest.split_at(rest.len().min(room));
            let (clean, _) = window.split_at(self.clean_run(window));
            output.extend_from_slice(clean);
            consumed += clean.len();
            let Some(byte) = input.get(consumed) else { break };
            consumed += 1;
            if let Some(ended) = self.step(*byte, output) {
                return (consumed, Progress::Ended(ended));
            }
        }
        (consumed, Progress::More)
    }

    /// The length of what can be copied unchanged: whole lines at memory speed, with one search for
    /// each line end.
    fn clean_run(&mut self, window: &[u8]) -> usize {
        match self.at {
            At::LineStart(_) | At::InLine => {}
            At::Dot(_) | At::DotCr(_) | At::Cr | At::CrCr => return 0,
        }
        let mut clean = 0;
        while let Some(rest) = window.get(clean..).filter(|rest| !rest.is_empty()) {
            if matches!(self.at, At::LineStart(_)) && rest.first() == Some(&b'.') {
                break;
            }
            let stop = memchr::memchr3(b'\r', b'\n', b'\0', rest);
            let length = stop.unwrap_or(rest.len());
            if length > 0 {
                self.at = At::InLine;
                self.lengthen_line(length);
            }
            clean += length;
            if rest.get(length..length + 2) != Some(b"\r\n") {
                break;
            }
            clean += 2;
            self.line = 0;
            self.ends = LineEnds::Plain;
            self.at = At::LineStart(Before::Crlf);
        }
        if clean > 0 {
            self.tail = Tail::Text;
        }
        self.octets = self.octets.saturating_add(clean.try_into().unwrap_or(u64::MAX));
        clean
    }

    /// Decodes one octet that is not plain text at its position.
    fn step(&mut self, byte: u8, output: &mut Vec<u8>) -> Option<Ended> {
        self.tail = Tail::Text;
        match self.at {
            At::LineStart(before) if byte == b'.' => self.at = At::Dot(before),
            At::LineStart(_) | At::InLine => self.plain(byte, output),
            At::Cr if byte == b'\n' => self.end_line(Before::Crlf, output),
            At::Cr if byte == b'\r' && self.ends != LineEnds::Plain => self.at = At::CrCr,
            At::CrCr if byte == b'\n' => {
                self.quirks.insert(Quirk::BareLineEnd);
                self.end_line(Before::Crlf, output);
                self.ends = LineEnds::Doubled;
            }
            At::CrCr => {
                self.end_line(Before::BareCr, output);
                self.at = At::Cr;
                return self.step(byte, output);
            }
            At::Cr => {
                self.end_line(Before::BareCr, output);
                return self.step(byte, output);
            }
            At::Dot(before) => return self.after_dot(before, byte, output),
            At::DotCr(Before::Crlf | Before::Nothing) if byte == b'\n' => {
                return Some(Ended::Properly);
            }
            At::DotCr(Before::BareLf)
                if byte == b'\n' && self.end_of_data == EndOfData::LoneLfThenClose =>
            {
                self.quirks.insert(Quirk::LoneLfEndOfData);
                return Some(Ended::ByLoneLf);
            }
            At::DotCr(before) => {
                self.emit(b".", output);
                self.at = At::Cr;
                let ended = self.step(byte, output);
                if byte == b'\n' && matches!(before, Before::BareLf) {
                    self.tail = Tail::Lookalike;
                }
                return ended;
            }
        }
        None
    }

    fn plain(&mut self, byte: u8, output: &mut Vec<u8>) {
        match byte {
            b'\r' => self.at = At::Cr,
            b'\n' => self.end_line(Before::BareLf, output),
            b'\0' => {
                self.quirks.insert(Quirk::NulInText);
                // The line has begun: a dot after a NUL is not a leading dot, or
                // `<CRLF><NUL>.<CRLF>` would be an end of data.
                self.at = At::InLine;
            }
            text => {
                self.emit(&[text], output);
                self.at = At::InLine;
            }
        }
    }

    fn after_dot(&mut self, before: Before, byte: u8, output: &mut Vec<u8>) -> Option<Ended> {
        match (byte, before, self.end_of_data) {
            (b'\r', ..) => self.at = At::DotCr(before),
            (b'\n', Before::BareLf | Before::Nothing, EndOfData::LoneLfThenClose) => {
                self.quirks.insert(Quirk::LoneLfEndOfData);
                return Some(Ended::ByLoneLf);
            }
            (b'\n', ..) => {
                self.emit(b".", output);
                self.end_line(Before::BareLf, output);
                if matches!(before, Before::BareLf | Before::Nothing) {
                    self.tail = Tail::Lookalike;
                }
            }
            _ => {
                // RFC 5321 4.5.2: a leading dot with anything after it was put there by the client.
                // A client that ends lines with a bare LF or CR also stuffs dots after those, so
                // the rule applies after every line end.
                self.at = At::InLine;
                return self.step(byte, output);
            }
        }
        None
    }

    fn end_line(&mut self, ended_by: Before, output: &mut Vec<u8>) {
        match ended_by {
            Before::BareLf | Before::BareCr => {
                self.quirks.insert(Quirk::BareLineEnd);
            }
            Before::Crlf | Before::Nothing => {}
        }
        output.extend_from_slice(b"\r\n");
        self.octets = self.octets.saturating_add(2);
        self.line = 0;
        self.ends = LineEnds::Plain;
        self.at = At::LineStart(ended_by);
    }

    fn emit(&mut self, text: &[u8], output: &mut Vec<u8>) {
        output.extend_from_slice(text);
        self.octets = self.octets.saturating_add(text.len().try_into().unwrap_or(u64::MAX));
        self.lengthen_line(text.len());
    }

    fn lengthen_line(&mut self, by: usize) {
        self.line = self.line.saturating_add(by);
        if self.line > LINE_LIMIT {
            self.quirks.insert(Quirk::LongLine);
        }
    }
}

#[cfg(test)]
mod tests;
