//! The end of the text, and what a stored text can do at the next server.

use proptest::prelude::*;

use super::*;

/// Decodes `pieces` one after the other: text, how it ended, what was left.
fn decode(
    end_of_data: EndOfData,
    pieces: &[&[u8]],
) -> (Vec<u8>, Option<Ended>, Vec<u8>, BTreeSet<Quirk>) {
    let mut decoder = Decoder::new(end_of_data);
    let (mut text, mut output) = (Vec::new(), Vec::new());
    for (index, piece) in pieces.iter().enumerate() {
        let mut rest = *piece;
        loop {
            let (consumed, progress) = decoder.decode(rest, &mut output);
            assert!(output.len() <= CHUNK);
            text.append(&mut output);
            rest = &rest[consumed..];
            match progress {
                Progress::Ended(ended) => {
                    let left = [rest, &pieces[index + 1..].concat()].concat();
                    assert_eq!(usize::try_from(decoder.octets()).unwrap(), text.len());
                    return (text, Some(ended), left, decoder.quirks);
                }
                Progress::More if rest.is_empty() => break,
                Progress::More => assert!(consumed > 0),
            }
        }
    }
    (text, None, Vec::new(), decoder.quirks)
}

/// Whole, byte by byte, and split in two at every place: always the same.
fn check(end_of_data: EndOfData, input: &[u8], text: &[u8], ended: Option<Ended>, left: &[u8]) {
    let whole = decode(end_of_data, &[input]);
    assert_eq!(
        (whole.0.escape_ascii().to_string(), whole.1),
        (text.escape_ascii().to_string(), ended),
        "{}",
        input.escape_ascii()
    );
    assert_eq!(whole.2, left, "{}", input.escape_ascii());
    assert_eq!(
        decode(end_of_data, &input.chunks(1).collect::<Vec<_>>()),
        whole,
        "byte by byte: {}",
        input.escape_ascii()
    );
    for at in 0..=input.len() {
        let (one, two) = input.split_at(at);
        assert_eq!(
            decode(end_of_data, &[one, two]),
            whole,
            "split at {at}: {}",
            input.escape_ascii()
        );
    }
}

fn strict(input: &[u8], text: &[u8], left: &[u8]) {
    check(EndOfData::Strict, input, text, Some(Ended::Properly), left);
}

#[test]
fn lines_that_all_end_in_two_cr_and_a_lf_are_single_lines() {
    let single = |input: &[u8], text: &[u8]| {
        check(EndOfData::Strict, input, text, Some(Ended::Properly), b"");
    };
    single(b"A: b\r\r\nC: d\r\r\n\r\r\ntext\r\r\n.\r\n", b"A: b\r\nC: d\r\n\r\ntext\r\n");
    single(b"A: b\r\r\n.\r\n", b"A: b\r\n");
    // From the first one on, or not at all.
    single(b"A: b\r\nC: d\r\r\n.\r\n", b"A: b\r\nC: d\r\n\r\n");
    single(b"A: b\r\r\nC: d\r\nE\r\r\n.\r\n", b"A: b\r\nC: d\r\nE\r\n\r\n");
    single(b"A\r\rB\r\n.\r\n", b"A\r\n\r\nB\r\n");
}

#[test]
fn crlf_dot_crlf_ends_the_text() {
    strict(b"hi\r\n.\r\nQUIT\r\n", b"hi\r\n", b"QUIT\r\n");
    strict(b".\r\nRSET\r\n", b"", b"RSET\r\n");
    strict(b"\r\n.\r\n", b"\r\n", b"");
    strict(b"a\r\n\r\n..\r\n...b\r\n.c\r\n.\r\n", b"a\r\n\r\n.\r\n..b\r\nc\r\n", b"");
}

#[test]
fn what_merely_looks_like_the_end_of_data_is_text() {
    // Each of these has been taken for an end of data by some server (CVE-2023-51764 and its
    // kin).
    for (fake, stored) in [
        (b"\n.\n".as_slice(), b"\r\n.\r\n".as_slice()),
        (b"\r.\r", b"\r\n.\r\n"),
        (b"\n.\r\n", b"\r\n.\r\n"),
        (b"\r\n.\n", b"\r\n.\r\n"),
        (b"\r\n.\r", b"\r\n.\r\n"),
        (b"\r.\r\n", b"\r\n.\r\n"),
        (b"\r\n\0.\r\n", b"\r\n.\r\n"),
        (b"\r\n.\0\r\n", b"\r\n\r\n"),
        (b"\r\n.\r\0\n", b"\r\n.\r\n\r\n"),
        (b"\r\n.\r\r\n", b"\r\n.\r\n\r\n"),
        (b"\r\0\n.\r\n", b"\r\n\r\n.\r\n"),
        (b"\r\r\n.\n\r\n", b"\r\n.\r\n\r\n"),
    ] {
        let input = [b"a", fake, b"MAIL FROM:<evil@example.com>\r\n.\r\nQUIT\r\n"].concat();
        let text = [b"a", stored, b"MAIL FROM:<evil@example.com>\r\n"].concat();
        strict(&input, &text, b"QUIT\r\n");
    }
}

#[test]
fn lf_dot_lf_ends_the_text_where_it_is_allowed_to() {
    let lone = |input: &[u8], text: &[u8], ended, left: &[u8]| {
        check(EndOfData::LoneLfThenClose, input, text, Some(ended), left);
    };
    lone(b"a\nb\n.\nQUIT\n", b"a\r\nb\r\n", Ended::ByLoneLf, b"QUIT\n");
    lone(b".\n", b"", Ended::ByLoneLf, b"");
    lone(b"a\r\n.\r\nQUIT\r\n", b"a\r\n", Ended::Properly, b"QUIT\r\n");
    lone(b"a\nb\n.\r\nQUIT\r\n", b"a\r\nb\r\n", Ended::ByLoneLf, b"QUIT\r\n");
    lone(b"a\r\n.\nb\n.\r\nc\r\n.\r\n", b"a\r\n.\r\nb\r\n", Ended::ByLoneLf, b"c\r\n.\r\n");
    check(EndOfData::Strict, b"a\n.\nQUIT\n", b"a\r\n.\r\nQUIT\r\n", None, b"");
}

#[test]
fn a_text_that_resembles_an_end_is_told_from_others() {
    for (input, expected) in [
        (b"a\n.\n".as_slice(), true),
        (b"a\n.\r\n", true),
        (b".\n", true),
        (b"a\n.\nb", false),
        (b"a\n.\n\n", false),
        (b"a\r\n.\n", false),
        (b"a\n..\n", false),
        (b"a\r\n", false),
    ] {
        for size in [1, input.len()] {
            let mut decoder = Decoder::new(EndOfData::Strict);
            for piece in input.chunks(size) {
                decoder.decode(piece, &mut Vec::new());
            }
            assert_eq!(decoder.resembles_an_end(), expected, "{}", input.escape_ascii());
        }
    }
}

#[test]
fn what_was_odd_is_noted() {
    let quirks =
        |input: &[u8]| decode(EndOfData::Strict, &[input]).3.into_iter().collect::<Vec<_>>();
    assert_eq!(quirks(b"fine\r\n.\r\n"), []);
    assert_eq!(quirks(b"a\nb\r\n.\r\n"), [Quirk::BareLineEnd]);
    assert_eq!(quirks(b"a\rb\r\n.\r\n"), [Quirk::BareLineEnd]);
    assert_eq!(quirks(b"a\0b\r\n.\r\n"), [Quirk::NulInText]);
    let line = |length| [vec![b'x'; length], b"\r\n.\r\n".to_vec()].concat();
    assert_eq!(quirks(&line(998)), []);
    assert_eq!(quirks(&line(999)), [Quirk::LongLine]);
}

/// What a line-minded client means by its text: every kind of line end is one, NUL is nothing.
fn normalise(text: &[u8]) -> Vec<u8> {
    lines(text)
        .into_iter()
        .flat_map(|(line, end)| {
            [line.as_slice(), if end.is_empty() { b"" } else { b"\r\n" }].concat()
        })
        .filter(|b| *b != 0)
        .collect()
}

/// As a client sends its text (RFC 5321 4.5.2), whatever it believes a line end to be.
fn stuff(text: &[u8]) -> Vec<u8> {
    let stuffed = |(line, end): (Vec<u8>, Vec<u8>)| {
        [if line.starts_with(b".") { b"." } else { b"".as_slice() }, &line, &end].concat()
    };
    let mut wire: Vec<u8> = lines(text).into_iter().flat_map(stuffed).collect();
    wire.extend_from_slice(b".\r\n");
    wire
}

fn lines(text: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let (mut lines, mut line, mut rest) = (Vec::new(), Vec::new(), text);
    while let Some((byte, tail)) = rest.split_first() {
        let end = match (byte, tail.first()) {
            (b'\r', Some(b'\n')) => 2,
            (b'\r' | b'\n', _) => 1,
            _ => 0,
        };
        if end == 0 {
            line.push(*byte);
            rest = tail;
        } else {
            lines.push((std::mem::take(&mut line), rest[..end].to_vec()));
            rest = &rest[end..];
        }
    }
    if !line.is_empty() {
        lines.push((line, Vec::new()));
    }
    lines
}

/// Text made of what matters, ended by CRLF as a client ends it.
fn nasty_text() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"\r\n".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"\n".to_vec()),
        Just(b".".to_vec()),
        Just(b"\0".to_vec()),
        Just(b"a".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..40),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| {
        let mut text = pieces.concat();
        if !text.is_empty() {
            text.extend_from_slice(b"\r\n");
        }
        text
    })
}

/// A text whose first lines end in CR CR LF, with CRLF there.
fn single(text: &[u8]) -> Vec<u8> {
    let (mut single, mut rest) = (Vec::new(), text);
    while let Some(end) = rest.iter().position(|octet| b"\r\n".contains(octet)) {
        let (line, after) = rest.split_at(end);
        let Some(after) = after.strip_prefix(b"\r\r\n") else { break };
        single.extend_from_slice(line);
        single.extend_from_slice(b"\r\n");
        rest = after;
    }
    [single.as_slice(), rest].concat()
}

proptest! {
    #[test]
    fn decoding_undoes_stuffing_for_every_split(text in nasty_text()) {
        let wire = stuff(&text);
        strict(&wire, &normalise(&single(&text)), b"");
    }

    #[test]
    fn nothing_stored_can_end_data_at_the_next_server(
        wire in nasty_text(),
        cut in any::<prop::sample::Index>(),
    ) {
        let (one, two) = wire.split_at(cut.index(wire.len() + 1));
        for end_of_data in [EndOfData::Strict, EndOfData::LoneLfThenClose] {
            let (stored, ..) = decode(end_of_data, &[one, two]);
            let bare = lines(&stored).into_iter().any(|(_, end)| end.len() == 1);
            prop_assert!(!bare && !stored.contains(&0), "{}", stored.escape_ascii());
        }
    }
}

#[test]
fn a_large_text_comes_in_bounded_chunks() {
    let text = b"TWFuIGlzIGRpc3Rpbmd1aXNoZWQsIG5vdCBvbmx5IGJ5IGhpcyByZWFzb24sIGJ1dCBieSB0aGlz\r\n"
        .repeat(10_000);
    let wire = stuff(&text);
    assert_eq!(decode(EndOfData::Strict, &[&wire]).0, text);
    let bare = "\n".repeat(200_000);
    assert_eq!(
        decode(EndOfData::Strict, &[bare.as_bytes()]).0,
        "\r\n".repeat(200_000).into_bytes()
    );
}
