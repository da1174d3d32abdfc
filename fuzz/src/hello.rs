//! ClientHello sniffing: a decision once made stands whatever follows, and nobody is waited for
//! without end.

use postroom_core::fuzzing::{HELLO_LIMIT, Opening, opening};

/// Reads every beginning of the octets, as they would come in.
pub fn check(input: &[u8]) {
    let mut decided = None;
    // Every length at first, where the fields are; then now and then.
    let lengths =
        (0..input.len().min(700)).chain((700..input.len()).step_by(97)).chain([input.len()]);
    for length in lengths {
        let seen = opening(&input[..length]);
        match (&decided, seen) {
            (None, Opening::Incomplete) => {
                assert!(length < HELLO_LIMIT, "{length} octets are still not enough");
            }
            (None, seen) => decided = Some(seen),
            (Some(before), seen) => {
                assert_eq!(*before, seen, "another opinion after {length} octets");
            }
        }
    }
}
