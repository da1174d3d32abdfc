//! The text after DATA: one end, the same for every cut, and nothing stored that the next server
//! could take for an end.

use postroom_core::{
    fuzzing::stuffed,
    smtp::{
        EndOfData, Quirk,
        body::{CHUNK, Decoder, Ended, Progress},
    },
};

use super::{Input, assert_clean};

/// What some server has taken for the end of data (CVE-2023-51764, CVE-2023-51765, CVE-2023-51766,
/// CVE-2024-27305, and kin).
const LENIENT_ENDS: [&[u8]; 9] = [
    b"\r\n.\r\n",
    b"\n.\n",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r.\r",
    b"\r.\r\n",
    b"\r\n.\r",
    b"\n.\r",
    b"\r.\n",
];

#[derive(PartialEq, Eq, Debug)]
struct Outcome {
    text: Vec<u8>,
    ended: Option<Ended>,
    used: usize,
    quirks: Vec<Quirk>,
}

/// Decodes the octets, with an end after them.
pub fn check(input: &[u8]) {
    let Some(input) = Input::read(input) else { return };
    let wire = [input.octets, b"\r\n.\r\n"].concat();
    let end_of_data = if input.option(0) { EndOfData::LoneLfThenClose } else { EndOfData::Strict };
    let whole = decode(end_of_data, &[&wire]);
    let pieces: Vec<&[u8]> =
        input.pieces().into_iter().chain([&b"\r"[..], b"\n.", b"\r\n"]).collect();
    assert_eq!(whole, decode(end_of_data, &pieces), "the cut matters");
    assert_eq!(whole, decode(end_of_data, &wire.chunks(1).collect::<Vec<_>>()), "the cut matters");
    assert_clean(&whole.text);
    // DATA was ended by CRLF, so the end may follow at once.
    let sent = [b"\r\n", wire.as_slice()].concat();
    let end = sent.windows(5).position(|window| window == b"\r\n.\r\n").map(|place| place + 5 - 2);
    match whole.ended {
        Some(Ended::Properly) => {
            assert_eq!(Some(whole.used), end, "an end where there is none");
            if end_of_data == EndOfData::Strict {
                assert_eq!(whole.text, meant(&wire[..whole.used - 3]));
            }
        }
        Some(Ended::ByLoneLf) => {
            assert_eq!(end_of_data, EndOfData::LoneLfThenClose);
            let used = &wire[..whole.used];
            assert!(used.ends_with(b".\n") || used.ends_with(b"\n.\r\n"));
            assert!(Some(whole.used) < end);
        }
        None => panic!("the end was not seen: {}", wire.escape_ascii()),
    }
    check_next_hop(&whole.text, input.step());
}

fn decode(end_of_data: EndOfData, pieces: &[&[u8]]) -> Outcome {
    let mut decoder = Decoder::new(end_of_data);
    let (mut text, mut output, mut used) = (Vec::new(), Vec::new(), 0);
    let mut ended = None;
    for piece in pieces {
        let mut rest = *piece;
        while ended.is_none() && !rest.is_empty() {
            let (consumed, progress) = decoder.decode(rest, &mut output);
            assert!(output.len() <= CHUNK && (consumed > 0 || !output.is_empty()));
            text.append(&mut output);
            used += consumed;
            rest = &rest[consumed..];
            ended = match progress {
                Progress::More => None,
                Progress::Ended(ended) => Some(ended),
            };
        }
    }
    assert_eq!(u64::try_from(text.len()).ok(), Some(decoder.octets()));
    Outcome { text, ended, used, quirks: decoder.quirks().iter().copied().collect() }
}

/// What the client means, by the letter: every CR LF, CR or LF ends a line, and every CR CR LF, if
/// all lines up to there end so; a leading dot with
/// anything after it goes, NULs go.
fn meant(wire: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut rest = wire;
    // From the first line on, and as long as all lines end so.
    let mut doubled = true;
    while !rest.is_empty() {
        let end = rest.iter().position(|octet| b"\r\n".contains(octet)).unwrap_or(rest.len());
        let (line, after) = rest.split_at(end);
        doubled &= after.starts_with(b"\r\r\n");
        let after = if doubled { after.get(1..).unwrap_or_default() } else { after };
        let line = if line.len() > 1 { line.strip_prefix(b".").unwrap_or(line) } else { line };
        text.extend(line.iter().filter(|octet| **octet != 0));
        text.extend_from_slice(b"\r\n");
        rest = after.strip_prefix(b"\r\n").or_else(|| after.get(1..)).unwrap_or_default();
    }
    text
}

/// What goes out ends once, in the eyes of any server.
fn check_next_hop(text: &[u8], step: usize) {
    let wire = stuffed(text, step);
    assert_eq!(wire, stuffed(text, usize::MAX));
    let seen = [b"\r\n", wire.as_slice()].concat();
    let (inside, end) = seen.split_at(seen.len() - 3);
    assert_eq!(end, b".\r\n");
    for lenient in LENIENT_ENDS {
        assert!(
            !inside.windows(lenient.len()).any(|window| window == lenient),
            "{} in {}",
            lenient.escape_ascii(),
            inside.escape_ascii()
        );
    }
}
