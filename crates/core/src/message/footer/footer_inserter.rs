//! The second pass: carries out a [`FooterPlan`], and nothing else.

use std::collections::VecDeque;

use crate::message::footer::{
    codec::{Decoder, Encoder},
    plan::{Edit, FooterPlace, FooterPlan, Recoding, With},
};

/// Changes a message while it passes through, in chunks of any size.
pub struct FooterInserter {
    edits: VecDeque<Edit>,
    offset: u64,
    recoder: Option<Recoder>,
}

impl FooterInserter {
    /// At the start of the message that the plan was made for.
    #[must_use]
    pub fn new(plan: FooterPlan) -> Self {
        Self { edits: plan.edits.into(), offset: 0, recoder: None }
    }

    /// Appends the changed form of `chunk` to `output`.
    pub fn push(&mut self, mut chunk: &[u8], output: &mut Vec<u8>) {
        self.pass(output);
        while !chunk.is_empty() {
            let edge = self.edits.front().map_or(u64::MAX, |edit| {
                if self.offset < edit.range.start { edit.range.start } else { edit.range.end }
            });
            let length = usize::try_from(edge - self.offset).unwrap_or(usize::MAX).min(chunk.len());
            let (piece, rest) = chunk.split_at(length);
            match self.edits.front() {
                Some(Edit { range, with }) if self.offset >= range.start => match with {
                    With::Text(_) => {}
                    With::Recoded(recoding) => {
                        self.recoder
                            .get_or_insert_with(|| Recoder::new(recoding))
                            .push(piece, output);
                    }
                },
                Some(_) | None => output.extend_from_slice(piece),
            }
            self.offset += u64::try_from(length).unwrap_or(u64::MAX);
            chunk = rest;
            self.pass(output);
        }
    }

    /// The message has ended.
    pub fn finish(&mut self, output: &mut Vec<u8>) {
        self.offset = u64::MAX;
        self.pass(output);
    }

    /// Ends the edits whose range is behind.
    fn pass(&mut self, output: &mut Vec<u8>) {
        while self.edits.front().is_some_and(|edit| edit.range.end <= self.offset) {
            match self.edits.pop_front().map(|edit| edit.with) {
                Some(With::Text(text)) => output.extend_from_slice(&text),
                Some(With::Recoded(recoding)) => {
                    self.recoder.take().unwrap_or_else(|| Recoder::new(&recoding)).finish(output);
                }
                None => {}
            }
        }
    }
}

/// A body on its way from one encoding into another.
struct Recoder {
    recoding: Recoding,
    decoder: Decoder,
    join: Join,
}

/// Puts the footer into the decoded text and encodes both.
struct Join {
    encoder: Encoder,
    given: u64,
    tail: [u8; 2],
}

impl Recoder {
    fn new(recoding: &Recoding) -> Self {
        let join = Join { encoder: Encoder::new(recoding.to), given: 0, tail: [0; 2] };
        Self { recoding: recoding.clone(), decoder: Decoder::new(recoding.from), join }
    }

    fn push(&mut self, piece: &[u8], output: &mut Vec<u8>) {
        let Self { recoding, decoder, join } = self;
        for octet in piece {
            decoder.push(*octet, 0, &mut |octet, _| join.put(octet, recoding, output));
        }
    }

    fn finish(mut self, output: &mut Vec<u8>) {
        let Self { recoding, decoder, join } = &mut self;
        decoder.finish(&mut |octet, _| join.put(octet, recoding, output));
        match recoding.place {
            FooterPlace::At(place) if place < join.given => {}
            FooterPlace::At(_) => join.write(&recoding.footer, output),
            FooterPlace::End => {
                join.write(gap(join.given, join.tail), output);
                join.write(&recoding.footer, output);
                join.write(b"\r\n", output);
            }
        }
        join.encoder.finish(output);
        output.extend_from_slice(recoding.ending);
    }
}

impl Join {
    fn put(&mut self, octet: u8, recoding: &Recoding, output: &mut Vec<u8>) {
        if recoding.place == FooterPlace::At(self.given) {
            self.write(&recoding.footer, output);
        }
        self.given += 1;
        self.tail = [self.tail[1], octet];
        self.encoder.push(octet, output);
    }

    fn write(&mut self, text: &[u8], output: &mut Vec<u8>) {
        text.iter().for_each(|octet| self.encoder.push(*octet, output));
    }
}

/// What parts a footer from a text that ends so.
pub(super) const fn gap(length: u64, tail: [u8; 2]) -> &'static [u8] {
    match (length, tail) {
        (0, _) => b"",
        (_, [b'\r', b'\n']) => b"\r\n",
        _ => b"\r\n\r\n",
    }
}
