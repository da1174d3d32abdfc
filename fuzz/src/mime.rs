//! The structure of a message: the same for every cut, and every octet is told once.

use postroom_core::{fuzzing::outline, message::header::HeaderBlock};

use super::{Input, header};

/// Walks through the octets as a message that was stored.
pub fn check(input: &[u8]) {
    let Some(input) = Input::read(input) else { return };
    let text = header::stored(input.octets);
    let whole = outline(&[&text]);
    let pieces = |step: usize| outline(&text.chunks(step).collect::<Vec<_>>());
    assert_eq!(whole, pieces(input.step()), "the cut matters");
    assert_eq!(whole, pieces(1), "the cut matters");
    let header = HeaderBlock::read(&text).length();
    assert_eq!(whole.own_header, header, "header and body are parted elsewhere");
    assert_eq!(whole.octets, text.len(), "octets were left out");
}
