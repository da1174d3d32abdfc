//! The plan of a message, with and without a footer: what goes out is legal, has the size that was
//! computed, and does not depend on the cut.

use postroom_core::{
    fuzzing::{Wanted, planned},
    message::header::{HeaderBlock, LINE_LIMIT},
};

use super::{Input, assert_clean, header};

/// Plans and rewrites the octets as a message that was stored.
pub fn check(input: &[u8]) {
    let Some(input) = Input::read(input) else { return };
    let text = header::stored(input.octets);
    let edits = header::edits(&input);
    let wanted = Wanted { footer: input.option(4), seven_bit: input.option(5) };
    let sent = planned(&text, &edits, wanted, input.step());
    assert_eq!(sent, planned(&text, &edits, wanted, usize::MAX), "the cut matters");
    assert!(sent.size.is_none_or(|size| size == sent.text.len()), "{:?}", sent.size);
    assert_clean(&sent.text);
    let lower = text.to_ascii_lowercase();
    let has = |word: &str| lower.windows(word.len()).any(|window| window == word.as_bytes());
    let sealed = ["signature", "pkcs7", "signed", "encrypted", "pgp", "partial", "external-body"];
    if sealed.iter().any(|word| has(word)) {
        return;
    }
    for line in sent.text.split(|octet| *octet == b'\n') {
        let length = line.strip_suffix(b"\r").unwrap_or(line).len();
        assert!(length <= LINE_LIMIT, "a line of {length} octets");
    }
    if wanted.seven_bit && !has("multipart") {
        let body = sent.text.get(HeaderBlock::read(&sent.text).length()..).unwrap_or_default();
        assert!(body.is_ascii(), "octets above 127 are left");
    }
}
