//! The second reading: carries out a [`Plan`], and nothing else.

use std::collections::VecDeque;

use crate::message::{
    codec::{Decoder, Encoder},
    plan::{
        edit_list::{Edit, FooterPlace, Plan, Recoding, With},
        lines::{Base64Folder, SoftBreaker, Wrapper},
    },
};

/// Changes a message while it passes through, in chunks of any size.
pub struct Rewriter {
    edits: VecDeque<Edit>,
    offset: u64,
    work: Option<Work>,
}

/// A range that is being changed.
enum Work {
    Dropped,
    Recoded(Box<Recoder>),
    Folded(Base64Folder),
    SoftBreaks(SoftBreaker),
    Wrapped(Wrapper),
}

impl Rewriter {
    /// At the start of the message that the plan was made for.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        Self { edits: plan.edits.into(), offset: 0, work: None }
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
                Some(edit) if self.offset >= edit.range.start => {
                    self.work.get_or_insert_with(|| Work::new(&edit.with)).push(piece, output);
                }
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
            let Some(edit) = self.edits.pop_front() else { return };
            let work = self.work.take().unwrap_or_else(|| Work::new(&edit.with));
            work.finish(output);
            if let With::Text(text) = edit.with {
                output.extend_from_slice(&text);
            }
        }
    }
}

impl Work {
    fn new(with: &With) -> Self {
        match with {
            With::Text(_) => Self::Dropped,
            With::Recoded(recoding) => Self::Recoded(Box::new(Recoder::new(recoding))),
            With::FoldedBase64 { .. } => Self::Folded(Base64Folder::default()),
            With::SoftBreaks => Self::SoftBreaks(SoftBreaker::default()),
            With::Wrapped => Self::Wrapped(Wrapper::default()),
        }
    }

    fn push(&mut self, piece: &[u8], output: &mut Vec<u8>) {
        match self {
            Self::Dropped => {}
            Self::Recoded(recoder) => recoder.push(piece, output),
            Self::Folded(folder) => piece.iter().for_each(|octet| folder.push(*octet, output)),
            Self::SoftBreaks(breaker) => {
                piece.iter().for_each(|octet| breaker.push(*octet, output));
            }
            Self::Wrapped(wrapper) => piece.iter().for_each(|octet| wrapper.push(*octet, output)),
        }
    }

    fn finish(self, output: &mut Vec<u8>) {
        match self {
            Self::Dropped | Self::Folded(_) | Self::Wrapped(_) => {}
            Self::Recoded(recoder) => recoder.finish(output),
            Self::SoftBreaks(mut breaker) => breaker.finish(output),
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
        if let Some(insertion) = &recoding.insertion {
            match insertion.place {
                FooterPlace::At(place) if place < join.given => {}
                FooterPlace::At(_) => join.write(&insertion.footer, output),
                FooterPlace::End => {
                    join.write(gap(join.given, join.tail), output);
                    join.write(&insertion.footer, output);
                    join.write(b"\r\n", output);
                }
            }
        }
        join.encoder.finish(output);
        output.extend_from_slice(recoding.ending);
    }
}

impl Join {
    fn put(&mut self, octet: u8, recoding: &Recoding, output: &mut Vec<u8>) {
        if let Some(insertion) = &recoding.insertion
            && insertion.place == FooterPlace::At(self.given)
        {
            self.write(&insertion.footer, output);
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
