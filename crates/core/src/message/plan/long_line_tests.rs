//! Lines over 998 octets become legal, and a reader sees the same.

use mail_parser::{MessageParser, MimeHeaders};
use proptest::prelude::*;

use crate::message::{
    header::{HeaderBlock, LINE_LIMIT},
    plan::{EightBit, Planner, Rewriter},
};

/// Sends a message through both readings, in chunks of `step`.
fn fold(text: &[u8], step: usize) -> Vec<u8> {
    let mut planner = Planner::default();
    text.chunks(step).for_each(|chunk| planner.read(chunk));
    let plan = planner.finish().plan_without_repairs(None, EightBit::Kept);
    let size = plan.size(u64::try_from(text.len()).unwrap());
    let (mut rewriter, mut output) = (Rewriter::new(plan), Vec::new());
    text.chunks(step).for_each(|chunk| rewriter.push(chunk, &mut output));
    rewriter.finish(&mut output);
    assert!(
        size.is_none_or(|size| usize::try_from(size).unwrap() == output.len()),
        "{size:?} {}",
        output.len()
    );
    output
}

#[track_caller]
fn check_legal(text: &[u8]) {
    for line in text.split(|octet| *octet == b'\n') {
        assert!(line.len() <= LINE_LIMIT + 1, "a line of {} octets", line.len());
    }
}

/// What a reader sees of each part.
fn contents(text: &[u8]) -> Vec<Vec<u8>> {
    MessageParser::default()
        .parse(text)
        .unwrap()
        .parts
        .iter()
        .map(|part| part.contents().to_vec())
        .collect()
}

fn multipart(encoding: &str, body: &str) -> Vec<u8> {
    format!(
        "From: a@b.c\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; \
        boundary=\"xyz\"\r\n\r\npreamble\r\n--xyz\r\nContent-Type: \
        text/plain\r\n\r\nshort\r\n--xyz\r\nContent-Type: application/pdf; \
        name=\"scan.pdf\"\r\nContent-Transfer-Encoding: \
        {encoding}\r\n\r\n{body}\r\n--xyz--\r\nepilogue\r\n"
    )
    .into_bytes()
}

#[test]
fn base64_in_one_line_is_folded_and_decodes_to_the_same() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let scan: Vec<u8> = (0..=250u8).cycle().take(60_000).collect();
    let text = multipart("base64", &STANDARD.encode(&scan));
    for step in [1, 77, 4096, 1 << 20] {
        let mended = fold(&text, step);
        check_legal(&mended);
        let parsed = MessageParser::default().parse(&mended).unwrap();
        assert_eq!(parsed.attachments().next().unwrap().contents(), scan);
        assert_eq!(parsed.attachments().next().unwrap().attachment_name(), Some("scan.pdf"));
    }
}

#[test]
fn base64_with_an_odd_label_is_folded_too() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let scan: Vec<u8> = (0..=250u8).cycle().take(6000).collect();
    let content = format!("{}\r\n", STANDARD.encode(&scan));
    for label in ["base64;", "\"base64\"", "base64 (scan)"] {
        let mended = String::from_utf8(fold(&multipart(label, &content), 100)).unwrap();
        check_legal(mended.as_bytes());
        let label = format!("Content-Transfer-Encoding: {label}\r\n");
        assert!(mended.contains(&label), "{label} is still there");
        let (_, body) = mended.split_once(&label).unwrap();
        let (body, _) = body.split_once("--xyz--").unwrap();
        let octets: String = body.split_whitespace().collect();
        assert_eq!(STANDARD.decode(octets).unwrap(), scan);
    }
}

#[test]
fn a_seal_of_arc_is_not_broken() {
    let text = format!("ARC-Message-Signature: i=1\r\n\r\n{}\r\n", "x".repeat(5000));
    assert_eq!(fold(text.as_bytes(), 4096), text.as_bytes());
}

#[test]
fn a_paragraph_in_one_line_becomes_quoted_printable_and_reads_the_same() {
    let paragraph = "Größe = 5, ".repeat(300);
    let text = format!(
        "From: a@b.c\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{paragraph}\r\nlast \
        line \r\n"
    );
    for step in [1, 3, 1000, 1 << 20] {
        let mended = fold(text.as_bytes(), step);
        check_legal(&mended);
        assert_eq!(contents(&mended), contents(text.as_bytes()), "in steps of {step}");
    }
}

#[test]
fn a_quoted_printable_line_gets_soft_breaks_between_its_tokens() {
    let text = multipart("quoted-printable", &"a=3Db=C3=BC ".repeat(200));
    for step in [1, 5, 1 << 20] {
        let mended = fold(&text, step);
        check_legal(&mended);
        assert_eq!(contents(&mended), contents(&text));
    }
}

#[test]
fn a_message_without_a_header_is_mended_too() {
    let text = "x ".repeat(1500);
    for text in [
        text.clone(),
        format!("Subject: x\r\n{text}\r\n"),
        format!(" {text}\r\nSubject: y\r\n\r\n"),
    ] {
        let header = HeaderBlock::read(text.as_bytes()).length();
        for step in [1, 1000, 1 << 20] {
            let mended = fold(text.as_bytes(), step);
            check_legal(&mended);
            let parsed = MessageParser::default().parse(&mended).unwrap();
            assert_eq!(parsed.body_text(0).unwrap(), &text[header..]);
        }
    }
}

#[test]
fn what_is_signed_is_not_touched() {
    let long = "x".repeat(5000);
    let text = format!(
        "Content-Type: multipart/signed; boundary=s; \
        protocol=\"application/pkcs7-signature\"\r\n\r\n--s\r\nContent-Type: \
        text/plain\r\n\r\n{long}\r\n--s\r\nContent-Type: \
        application/pkcs7-signature\r\n\r\nabc\r\n--s--\r\n"
    );
    assert_eq!(fold(text.as_bytes(), 4096), text.as_bytes());
}

#[test]
fn a_message_with_legal_lines_has_nothing_to_mend() {
    let text = |length| multipart("base64", &format!("{}\r\n", "A".repeat(length)));
    assert_eq!(fold(&text(LINE_LIMIT), 4096), text(LINE_LIMIT));
    assert_ne!(fold(&text(LINE_LIMIT + 1), 4096), text(LINE_LIMIT + 1));
}

#[test]
fn the_last_line_counts_without_its_end_too() {
    for length in [LINE_LIMIT, LINE_LIMIT + 1, LINE_LIMIT + 2] {
        check_legal(&fold(format!("Subject: x\r\n\r\n{}", "y".repeat(length)).as_bytes(), 100));
    }
}

#[test]
fn a_message_inside_a_message_is_mended_in_its_own_parts() {
    let inner = String::from_utf8(multipart("base64", &"QUJD".repeat(1000))).unwrap();
    let text = format!(
        "Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: \
        message/rfc822\r\n\r\n{inner}\r\n--o--\r\n"
    );
    check_legal(&fold(text.as_bytes(), 512));
}

#[test]
fn a_long_line_is_legal_wherever_it_stands() {
    let (long, name) = ("x ".repeat(800), format!("{}.pdf", "scan ".repeat(300)));
    for text in [
        format!(
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n{long}\r\n--b\r\nContent-Type: \
            application/pdf;\r\n name=\"{name}\"\r\n\r\none\r\n--b--\r\n{long}\r\n"
        ),
        format!(
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: \
            multipart/mixed; boundary=c\r\nX: {long}\r\n\r\n--c\r\n\r\ntext\r\n--c--\r\n\
            {long}\r\n--b--\r\n"
        ),
    ] {
        for step in [1, 100, 1 << 20] {
            let mended = fold(text.as_bytes(), step);
            check_legal(&mended);
            let leaves = |text: &[u8]| {
                let mut leaves = contents(text);
                leaves.retain(|leaf| !leaf.is_empty() && leaf.len() < 100);
                leaves
            };
            assert_eq!(leaves(&mended), leaves(text.as_bytes()));
        }
    }
}

#[test]
fn a_message_inside_that_is_encoded_decodes_to_the_same() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let inner = format!("Subject: inside\r\n\r\n{}", "text\r\n".repeat(300));
    let encoded = STANDARD.encode(&inner);
    let text = format!(
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: \
        message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n{encoded}\r\n--b--\r\n"
    );
    let mended = String::from_utf8(fold(text.as_bytes(), 100)).unwrap();
    check_legal(mended.as_bytes());
    let (_, body) = mended.split_once("base64\r\n\r\n").unwrap();
    let (body, _) = body.split_once("\r\n--b--").unwrap();
    let octets: String = body.split_whitespace().collect();
    assert_eq!(STANDARD.decode(octets).unwrap(), inner.as_bytes());
}

proptest! {
    #[test]
    fn whatever_the_text_what_a_reader_sees_stays(
        lines in proptest::collection::vec("[ -~äö=\t]{0,1500}", 1..6),
        step in 1usize..3000,
    ) {
        let lines = lines.join("\r\n");
        let text = format!("Content-Type: text/plain; charset=utf-8\r\n\r\n{lines}\r\n");
        let mended = fold(text.as_bytes(), step);
        check_legal(&mended);
        prop_assert_eq!(contents(&mended), contents(text.as_bytes()));
    }

    #[test]
    fn no_octets_panic(
        text in proptest::collection::vec(any::<u8>(), 0..3000),
        step in 1usize..500,
    ) {
        let _mended = fold(&text, step);
    }
}
