//! Whole messages through both passes, with mail-parser as the reader who looks for the footer.

use base64::{Engine, engine::general_purpose::STANDARD};
use mail_parser::{Message, MessageParser, MimeHeaders, PartType};
use proptest::prelude::*;

use crate::message::{
    codec::quoted_printable,
    footer::{Facts, Footer, FooterImage, FooterTemplate},
    plan::{EightBit, Planner, Rewriter},
};

const MARK: &str = "Gruß vom Büro";

fn footer(image: Option<FooterImage>) -> Footer {
    let template = FooterTemplate::new(
        &format!("{MARK}\n{{device}}"),
        Some(&format!("<p>{MARK}, {{device}}</p>")),
        image,
    )
    .unwrap();
    template.fill(&Facts {
        values: vec![("device", "mfp1".to_owned())],
        tag: "1jam4amj0000000000001".to_owned(),
    })
}

fn logo() -> Option<FooterImage> {
    Some(FooterImage {
        content_type: "image/png",
        name: "logo.png".to_owned(),
        octets: (0..=255).collect(),
    })
}

/// Sends a message through both readings, in chunks of `step`. Its header stays but for what the
/// footer asks for.
fn insert(text: &[u8], footer: &Footer, step: usize) -> Vec<u8> {
    let mut planner = Planner::default();
    text.chunks(step).for_each(|chunk| planner.read(chunk));
    let plan = planner.finish().plan_without_repairs(Some(footer), EightBit::Kept);
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

fn parse(text: &[u8]) -> Message<'_> {
    MessageParser::default().parse(text).unwrap()
}

/// Each text that a reader sees, decoded.
fn texts(message: &Message<'_>) -> Vec<String> {
    let text = |part: &mail_parser::MessagePart<'_>| match &part.body {
        PartType::Text(text) | PartType::Html(text) => {
            Some(text.replace("&#223;", "ß").replace("&#252;", "ü"))
        }
        PartType::Binary(_)
        | PartType::InlineBinary(_)
        | PartType::Message(_)
        | PartType::Multipart(_) => None,
    };
    message.parts.iter().filter_map(text).collect()
}

/// What is not text: octets of each, decoded.
fn documents(message: &Message<'_>) -> Vec<Vec<u8>> {
    let is_document = |part: &&mail_parser::MessagePart<'_>| {
        matches!(part.body, PartType::Binary(_) | PartType::InlineBinary(_))
    };
    message.parts.iter().filter(is_document).map(|part| part.contents().to_vec()).collect()
}

/// Every text has the footer once, at its end; what was there before is still there, and so is
/// every document.
#[track_caller]
fn check(text: &str, footed: usize) -> Vec<u8> {
    let (before, plain) = (parse(text.as_bytes()), footer(None));
    let whole = insert(text.as_bytes(), &plain, usize::MAX);
    for step in [1, 7, 1000] {
        assert!(insert(text.as_bytes(), &plain, step) == whole, "in chunks of {step}");
    }
    let after = parse(&whole);
    let seen = String::from_utf8_lossy(&whole);
    let marks: Vec<usize> = texts(&after).iter().map(|text| text.matches(MARK).count()).collect();
    assert_eq!(marks.iter().sum::<usize>(), footed, "{marks:?} in\n{seen}");
    assert!(marks.iter().all(|count| *count <= 1), "{seen}");
    for old in texts(&before) {
        let lower = old.to_lowercase();
        let end = lower.find("</body").or(lower.find("</html")).unwrap_or(old.len());
        let start = old.get(..end).unwrap().trim_end().to_owned();
        assert!(
            texts(&after).iter().any(|new| new.starts_with(&start)),
            "{old:?} is gone from\n{seen}"
        );
    }
    assert_eq!(documents(&after), documents(&before), "{seen}");
    whole
}

const HEAD: &str = "From: a@b.c\r\nTo: d@e.f\r\nMIME-Version: 1.0\r\n";

fn pdf() -> String {
    let lines: Vec<String> = (0..=255u8)
        .cycle()
        .take(5000)
        .collect::<Vec<_>>()
        .chunks(57)
        .map(|line| STANDARD.encode(line))
        .collect();
    format!(
        "Content-Type: application/pdf; name=\"scan.pdf\"\r\nContent-Transfer-Encoding: \
        base64\r\n\r\n{}\r\n",
        lines.join("\r\n")
    )
}

fn mixed(parts: &[&str]) -> String {
    let parts: String = parts.iter().map(|part| format!("--xyz\r\n{part}")).collect();
    format!(
        "{HEAD}Content-Type: multipart/mixed; \
        boundary=xyz\r\n\r\npreamble\r\n{parts}--xyz--\r\nepilogue\r\n"
    )
}

#[test]
fn a_plain_text_alone_gets_the_footer_whatever_its_encoding() {
    for (fields, body) in [
        ("", "Toner low\r\n"),
        ("Content-Type: text/plain\r\n", "Toner low"),
        (
            "Content-Type: text/plain; charset=us-ascii; \
            format=flowed\r\nContent-Transfer-Encoding: 7bit\r\n",
            "Toner low\r\n",
        ),
        (
            "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n",
            "Grüße\r\n",
        ),
        (
            "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: \
            quoted-printable\r\n",
            "Gr=C3=BC=C3=9Fe =\r\nan alle=\r\n",
        ),
        (
            "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n",
            "R3LDvMOfZSBhbiBhbGxl\r\n",
        ),
        (
            "Content-Type: text/plain; charset=iso-8859-2\r\nContent-Transfer-Encoding: \
            quoted-printable\r\n",
            "za=BF=F3=B3=E6\r\n",
        ),
    ] {
        let whole = check(&format!("{HEAD}{fields}\r\n{body}"), 1);
        assert!(whole.ends_with(b"\r\n"));
    }
    // A device without a header, which gets one later.
    let whole = insert(b"Just a line of text.\r\n", &footer(None), 3);
    let message = parse(&whole);
    assert_eq!(
        message.body_text(0).unwrap(),
        format!("Just a line of text.\r\n\r\n{MARK}\r\nmfp1\r\n")
    );
}

#[test]
fn html_gets_the_footer_before_the_end_of_its_body() {
    for (encoding, body) in [
        ("7bit", "<html><body><p>x</p></BODY></html>\r\n"),
        ("quoted-printable", "<html><body class=3D\"a\"><p>x</p></bo=\r\ndy></html>\r\n"),
        ("base64", "PGh0bWw+PGJvZHk+PHA+eDwvcD48L2JvZHk+PC9odG1sPg==\r\n"),
        ("7bit", "<html><p>x</p></HTML>\r\n"),
        ("7bit", "<p>x\r\n"),
        ("quoted-printable", "<p>h=3D</p>=\r\n"),
        ("quoted-printable", "<p>h=3D</p>="),
        ("quoted-printable", "<p>h=3D</p>"),
    ] {
        let head = format!(
            "{HEAD}Content-Type: text/html; charset=us-ascii\r\nContent-Transfer-Encoding: \
            {encoding}\r\n\r\n"
        );
        let whole = check(&format!("{head}{body}"), 1);
        let html = texts(&parse(&whole)).remove(0).to_lowercase();
        assert!(
            html.find("gruß").unwrap()
                < html.find("</body").or(html.find("</html")).unwrap_or(html.len()),
            "{html}"
        );
    }
}

#[test]
fn a_footer_made_from_the_text_is_not_glued_to_the_last_line() {
    let template = FooterTemplate::new("Scanned by {device}", None, None).unwrap();
    let footer =
        template.fill(&Facts { values: vec![("device", "mfp1".to_owned())], tag: "1".to_owned() });
    for (body, expected) in [
        ("<body>Toner low</body>\r\n", "<body>Toner low<p>Scanned by mfp1</p>\r\n</body>\r\n"),
        ("Toner low", "Toner low<p>Scanned by mfp1</p>\r\n"),
    ] {
        let whole =
            insert(format!("{HEAD}Content-Type: text/html\r\n\r\n{body}").as_bytes(), &footer, 3);
        assert!(whole.ends_with(expected.as_bytes()), "{}", String::from_utf8_lossy(&whole));
    }
    let plain = insert(format!("{HEAD}\r\nToner low").as_bytes(), &footer, 3);
    assert!(
        plain.ends_with(b"\r\n\r\nToner low\r\n\r\nScanned by mfp1\r\n"),
        "{}",
        String::from_utf8_lossy(&plain)
    );
}

#[test]
fn a_soft_line_break_at_the_end_of_html_stays_one() {
    let html = "Content-Type: text/html\r\nContent-Transfer-Encoding: \
        quoted-printable\r\n\r\n<p>h=3D</p>=";
    for part in [format!("{html}\r\n"), format!("{html}\r\n\r\n")] {
        let whole = insert(mixed(&[&part]).as_bytes(), &footer(None), 3);
        let text = String::from_utf8_lossy(&whole);
        assert!(!text.contains("=="), "{text}");
        assert!(texts(&parse(&whole)).remove(0).starts_with("<p>h=</p>"), "{text}");
        assert!(!texts(&parse(&whole)).remove(0).trim_end().ends_with('='), "{text}");
    }
}

#[test]
fn an_alternative_gets_it_in_both_and_a_scan_beside_it_stays() {
    let alternative = "Content-Type: multipart/alternative; \
        boundary=alt\r\n\r\n--alt\r\nContent-Type: \
        text/plain\r\n\r\nplain\r\n--alt\r\nContent-Type: \
        text/html\r\n\r\n<body>html</body>\r\n--alt--\r\n";
    check(&format!("{HEAD}{alternative}"), 2);
    check(&mixed(&[alternative, &pdf()]), 2);
    check(
        &mixed(&[
            "\r\nThe scan is attached.\r\n",
            &pdf(),
            "Content-Type: text/plain\r\n\r\nlast\r\n",
        ]),
        1,
    );
    check(
        &mixed(&[
            "Content-Type: text/csv\r\nContent-Disposition: attachment\r\n\r\na,b\r\n",
            "\r\ntext\r\n",
        ]),
        1,
    );
    check(
        &mixed(&[
            "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\nYWJj\r\n",
            &pdf(),
        ]),
        1,
    );
}

#[test]
fn a_scan_without_a_text_gets_one() {
    let whole = check(&format!("{HEAD}{}", pdf()), 2);
    assert_eq!(parse(&whole).attachments().next().unwrap().attachment_name(), Some("scan.pdf"));
    check(&mixed(&[&pdf()]), 2);
}

#[test]
fn what_is_signed_encrypted_or_a_piece_goes_out_as_it_came() {
    let signed = "Content-Type: multipart/signed; boundary=s; \
        protocol=\"application/pkcs7-signature\"\r\n\r\n--s\r\nContent-Type: \
        text/plain\r\n\r\nx\r\n--s\r\nContent-Type: \
        application/pkcs7-signature\r\n\r\nabc\r\n--s--\r\n";
    for text in [
        format!("{HEAD}{signed}"),
        mixed(&["\r\ntext\r\n", signed]),
        format!(
            "{HEAD}Content-Type: multipart/encrypted; boundary=e\r\n\r\n--e\r\n\r\nx\r\n--e--\r\n"
        ),
        format!(
            "{HEAD}Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n\r\nMIIB\r\n"
        ),
        format!("{HEAD}Content-Type: message/partial; id=\"1\"; number=1; total=2\r\n\r\nx\r\n"),
        format!(
            "{HEAD}Content-Type: multipart/report; boundary=r; \
            report-type=delivery-status\r\n\r\n--r\r\n\r\nx\r\n--r--\r\n"
        ),
        format!("DKIM-Signature: v=1; a=rsa-sha256\r\n{HEAD}\r\ntext\r\n"),
        format!("{HEAD}\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\ntext\r\n"),
        format!(
            "{HEAD}Content-Type: text/plain; charset=utf-16\r\nContent-Transfer-Encoding: \
            base64\r\n\r\nYQBiAA==\r\n"
        ),
    ] {
        for step in [1, usize::MAX] {
            assert_eq!(
                String::from_utf8_lossy(&insert(text.as_bytes(), &footer(logo()), step)),
                text
            );
        }
    }
}

#[test]
fn the_image_stands_beside_the_html_that_shows_it() {
    let related = "Content-Type: multipart/related; boundary=rel\r\n\r\n--rel\r\nContent-Type: \
        text/html\r\n\r\n<body>x</body>\r\n--rel\r\nContent-Type: image/gif\r\nContent-ID: \
        <a@b>\r\nContent-Transfer-Encoding: base64\r\n\r\nR0lG\r\n--rel--\r\n";
    let html = "Content-Type: text/html; charset=us-ascii\r\n\r\n<body>x</body>\r\n";
    for (text, documents_before) in [
        (format!("{HEAD}{html}"), 0),
        (format!("{HEAD}{related}"), 1),
        (mixed(&[html, &pdf()]), 1),
        (format!("{HEAD}{}", pdf()), 1),
    ] {
        let footer = footer(logo());
        let whole = insert(text.as_bytes(), &footer, usize::MAX);
        assert!(insert(text.as_bytes(), &footer, 3) == whole);
        let message = parse(&whole);
        let seen = String::from_utf8_lossy(&whole);
        assert_eq!(documents(&message).len(), documents_before + 1, "{seen}");
        assert!(documents(&message).contains(&(0..=255).collect()), "{seen}");
        let image = message
            .parts
            .iter()
            .find(|part| part.content_id() == Some("footer-1jam4amj0000000000001@postroom"))
            .unwrap();
        assert!(image.is_content_type("image", "png"));
        assert!(
            texts(&message)
                .iter()
                .any(|html| html.contains("cid:footer-1jam4amj0000000000001@postroom")),
            "{seen}"
        );
    }
}

#[test]
fn a_message_without_text_is_told_apart_from_one_with_an_empty_text() {
    let whole = check(&format!("{HEAD}Content-Type: text/plain; charset=utf-8\r\n\r\n"), 1);
    assert!(parse(&whole).body_text(0).unwrap().starts_with(MARK), "no empty lines before it");
}

proptest! {
    #[test]
    fn the_footer_appears_once_and_all_else_stays(
        lines in proptest::collection::vec("[ -~]{0,100}", 0..6),
        encoding in 0usize..3,
        with_scan in any::<bool>(),
        step in 1usize..200,
    ) {
        let body = lines.join("\r\n");
        let (name, body) = match encoding {
            0 => ("7bit", format!("{}\r\n", body.replace("-----BEGIN", ""))),
            1 => ("quoted-printable", format!("{}\r\n", quoted_printable(body.as_bytes()))),
            _ => ("base64", format!("{}\r\n", STANDARD.encode(&body))),
        };
        let part = format!("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: \
            {name}\r\n\r\n{body}");
        let text = if with_scan { mixed(&[&part, &pdf()]) } else { format!("{HEAD}{part}") };
        let whole = insert(text.as_bytes(), &footer(None), usize::MAX);
        prop_assert!(insert(text.as_bytes(), &footer(None), step) == whole);
        let (before, after) = (parse(text.as_bytes()), parse(&whole));
        prop_assert_eq!(documents(&before), documents(&after));
        let (old, new) = (texts(&before).remove(0), texts(&after).remove(0));
        prop_assert_eq!(new.matches(MARK).count(), 1);
        prop_assert!(new.starts_with(old.trim_end()), "{:?} {:?}", old, new);
    }

    #[test]
    fn no_octets_panic(
        text in proptest::collection::vec(any::<u8>(), 0..2000),
        step in 1usize..300,
    ) {
        let _woven = insert(&text, &footer(logo()), step);
    }
}
