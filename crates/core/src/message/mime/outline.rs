//! The structure of a message in a few numbers, for the fuzz target.

use crate::message::mime::{Event, Listener, Walker};

/// What was told up to here.
#[derive(Default)]
struct Outline {
    own_header: Option<u64>,
    octets: u64,
    parts: Vec<(String, usize, usize)>,
}

impl Listener for Outline {
    fn hear(&mut self, event: Event<'_>) {
        match event {
            Event::Begins(part) => {
                self.own_header.get_or_insert(part.header.end);
                self.octets = part.header.end;
                self.parts.push((format!("{:?}", part.content.kind), part.depth, 0));
            }
            Event::Text { octets } | Event::LineEnd { ending: octets } => {
                self.octets += u64::try_from(octets.len()).unwrap_or(u64::MAX);
                if let Some((_, _, body)) = self.parts.last_mut() {
                    *body += octets.len();
                }
            }
            Event::Ends { .. } => {}
            Event::Boundary { line, .. } => self.octets = line.end,
        }
    }
}

/// The length of the header of the message, the number of octets that were told, and the parts: kind,
/// depth, and length of the body with what follows it.
pub(crate) fn outline(pieces: &[&[u8]]) -> (usize, usize, Vec<(String, usize, usize)>) {
    let (mut walker, mut outline) = (Walker::default(), Outline::default());
    pieces.iter().for_each(|piece| walker.read(piece, &mut outline));
    walker.finish(&mut outline);
    let number = |octets: u64| usize::try_from(octets).unwrap_or(usize::MAX);
    (number(outline.own_header.unwrap_or_default()), number(outline.octets), outline.parts)
}
