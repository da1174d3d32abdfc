//! Header repair and long lines: what goes out is legal, the same for every cut, and says what came
//! in.

use postroom_core::{
    fuzzing::edited,
    message::{
        Edits, Identity, edit,
        header::{HeaderBlock, LINE_LIMIT},
    },
    model::{MessageId, Timestamp},
    smtp::{
        EndOfData,
        body::{Decoder, Progress},
    },
};

use super::{Input, assert_clean};

/// Edits the octets as a message that was stored.
pub fn check(input: &[u8]) {
    let Some(input) = Input::read(input) else { return };
    let text = stored(input.octets);
    let edits = edits(&input);
    let sent = edited(&text, &edits, input.step());
    assert_eq!(sent, edited(&text, &edits, usize::MAX), "the cut matters");
    assert_clean(&sent);
    check_header(&text, &edits);
    // A word that no line could hold has been broken: what it says has changed, and so may what is
    // found wrong with it.
    if longest_header_line(&text) <= LINE_LIMIT {
        let again = edited(&sent, &edits, usize::MAX);
        assert_eq!(
            again.escape_ascii().to_string(),
            sent.escape_ascii().to_string(),
            "a second time changes it again"
        );
    }
    check_body(&text, &sent);
}

fn longest_header_line(text: &[u8]) -> usize {
    let header = text.get(..HeaderBlock::read(text).length()).unwrap_or_default();
    header.split(|octet| *octet == b'\n').map(<[u8]>::len).max().unwrap_or(0)
}

/// As the spool has it.
pub(crate) fn stored(octets: &[u8]) -> Vec<u8> {
    let mut decoder = Decoder::new(EndOfData::Strict);
    let (mut text, mut output, mut rest) = (Vec::new(), Vec::new(), octets);
    while !rest.is_empty() {
        let (used, progress) = decoder.decode(rest, &mut output);
        text.append(&mut output);
        match progress {
            Progress::More => rest = &rest[used..],
            Progress::Ended(_) => break,
        }
    }
    text
}

pub(crate) fn edits(input: &Input<'_>) -> Edits {
    let address = |text: &str| text.parse().expect("an address");
    let identity = Identity {
        address: address("scanner@contoso.com"),
        name: input.option(2).then(|| "Büro, Erdgeschoß".to_owned()),
        reply_to: input.option(3).then(|| address("help@contoso.com")),
    };
    Edits {
        id: MessageId::new(Timestamp::ZERO, 1),
        received: Timestamp::ZERO,
        hostname: "postroom.example".to_owned(),
        fallback: input.option(0).then(|| address("mfp1@contoso.com")),
        sender: None,
        identity: input.option(1).then_some(identity),
    }
}

fn check_header(text: &[u8], edits: &Edits) {
    let edited = edit(text, edits);
    assert_eq!(edited.replaces, HeaderBlock::read(text).length());
    for line in edited.header.split(|octet| *octet == b'\n') {
        assert!(line.len() <= LINE_LIMIT + 1, "a header line of {} octets", line.len());
    }
    let block = HeaderBlock::read(&edited.header);
    assert_eq!(
        block.length(),
        edited.header.len(),
        "the block ends early: {}",
        edited.header.escape_ascii()
    );
    for name in ["Date", "Message-ID"] {
        assert!(block.find(name).is_some(), "no {name}");
    }
    assert!(["To", "Cc", "Bcc"].iter().any(|name| block.find(name).is_some()), "no recipient");
    if edits.fallback.is_some() || edits.identity.is_some() {
        assert!(block.find("From").is_some(), "no From");
    }
    if let Some(identity) = &edits.identity {
        assert_eq!(
            postroom_core::message::author(&edited.header).as_ref(),
            Some(&identity.address)
        );
    }
}

/// Only what has lines that are too long is changed, and then it has none, but for what must not be
/// touched.
fn check_body(text: &[u8], sent: &[u8]) {
    let body = text.get(HeaderBlock::read(text).length()..).unwrap_or_default();
    let sent_body = sent.get(HeaderBlock::read(sent).length()..).unwrap_or_default();
    let is_long = |line: &[u8]| line.strip_suffix(b"\r").unwrap_or(line).len() > LINE_LIMIT;
    let lower = text.to_ascii_lowercase();
    let has = |word: &str| lower.windows(word.len()).any(|window| window == word.as_bytes());
    let sealed = HeaderBlock::read(text).find("DKIM-Signature").is_some();
    let has_long_line = text.split(|octet| *octet == b'\n').any(is_long);
    // The headers of parts become ASCII.
    if sealed || (!has_long_line && (body.is_ascii() || !has("content-"))) {
        assert_eq!(body, sent_body, "a body with legal lines was changed");
    } else if !has("content-") {
        assert!(!sent_body.split(|octet| *octet == b'\n').any(is_long), "a line is still too long");
        let meant = |text: &[u8]| mail_text(text);
        assert_eq!(meant(sent), mail_text(text), "the reader sees something else");
    }
}

fn mail_text(text: &[u8]) -> Vec<u8> {
    let body = text.get(HeaderBlock::read(text).length()..).unwrap_or_default();
    let quoted = HeaderBlock::read(text).find("Content-Transfer-Encoding").is_some();
    if !quoted { body.to_vec() } else { unquote(body) }
}

/// RFC 2045 6.7, the reader's side.
fn unquote(body: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut rest = body;
    while let Some((octet, after)) = rest.split_first() {
        rest = after;
        match (octet, after) {
            (b'=', [b'\r', b'\n', after @ ..]) => rest = after,
            (b'=', [high, low, after @ ..]) => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).expect("ASCII");
                text.push(u8::from_str_radix(digits, 16).expect("two hexadecimal digits"));
                rest = after;
            }
            _ => text.push(*octet),
        }
    }
    text
}
