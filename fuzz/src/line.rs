//! Lines: the same for every cut, within their bound, none lost.

use postroom_core::fuzzing::{FuzzedLine, LINE_LIMIT, lines};

use super::Input;

/// Reads the octets as lines.
pub fn check(input: &[u8]) {
    let Some(input) = Input::read(input) else { return };
    let read = lines(&input.pieces());
    assert_eq!(read, lines(&[input.octets]), "the cut matters");
    assert_eq!(read.len(), input.octets.iter().filter(|octet| **octet == b'\n').count());
    for (line, sent) in read.iter().zip(input.octets.split(|octet| *octet == b'\n')) {
        let bare = sent.iter().rposition(|octet| *octet != b'\r').map_or(0, |last| last + 1);
        match line {
            FuzzedLine::Crlf(text) => assert!(sent.ends_with(b"\r") && *text == sent[..bare]),
            FuzzedLine::BareLf(text) => assert!(!sent.ends_with(b"\r") && text == sent),
            FuzzedLine::TooLong => {
                assert!(sent.len() > 4096, "a line of {} octets was refused", sent.len());
            }
        }
        if let FuzzedLine::Crlf(text) | FuzzedLine::BareLf(text) = line {
            assert!(text.len() <= LINE_LIMIT);
        }
    }
}
