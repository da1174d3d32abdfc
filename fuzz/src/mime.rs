//! The structure of a message: the same for every cut, and every octet is told once.

use postroom_core::{fuzzing::outline, message::header::HeaderBlock};

use super::Input;

/// Walks through the octets.
pub fn check(input: &[u8]) {
    let Some(input) = Input::read(input) else { return };
    let whole = outline(&[input.octets]);
    assert_eq!(whole, outline(&input.pieces()), "the cut matters");
    assert_eq!(whole, outline(&input.octets.chunks(1).collect::<Vec<_>>()), "the cut matters");
    let header = HeaderBlock::read(input.octets).length();
    assert_eq!(whole.own_header, header, "header and body are parted elsewhere");
    assert_eq!(whole.octets, input.octets.len(), "octets were left out");
}
