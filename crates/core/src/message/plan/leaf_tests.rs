//! Whatever the structure of a message, a reader sees the same leaves before and after its edits, and
//! what goes out is legal.

use base64::{Engine, engine::general_purpose::STANDARD};
use mail_parser::{MessageParser, MimeHeaders, PartType};
use proptest::prelude::*;

use crate::{
    message::{
        Edits,
        codec::quoted_printable,
        header::LINE_LIMIT,
        plan::{EightBit, Planner, Rewriter},
    },
    model::{MessageId, Timestamp},
};

#[derive(Clone, Debug)]
enum Tree {
    Leaf(String),
    Multipart(&'static str, Vec<Tree>),
    Message(Box<Tree>),
}

impl Tree {
    fn render(&self, number: &mut usize) -> String {
        match self {
            Self::Leaf(text) => text.clone(),
            Self::Multipart(subtype, children) => {
                *number += 1;
                let boundary = format!("=_{number}_");
                let mut text = format!(
                    "Content-Type: multipart/{subtype}; boundary=\"{boundary}\"\r\n\r\npreamble"
                );
                for child in children {
                    text.push_str(&format!("\r\n--{boundary}\r\n{}", child.render(number)));
                }
                text.push_str(&format!("\r\n--{boundary}--\r\n"));
                text
            }
            Self::Message(inner) => format!(
                "Content-Type: message/rfc822\r\n\r\nSubject: inside\r\nMIME-Version: 1.0\r\n{}",
                inner.render(number)
            ),
        }
    }
}

/// A part with its header, in any encoding, with lines of any length.
fn leaf() -> impl Strategy<Value = Tree> {
    let line = prop_oneof!["[ -~äö€=\t]{0,90}", "[ -~äö€=\t]{900,1300}", "[a-z]{2000,2100}"];
    let body = proptest::collection::vec(line, 1..4).prop_map(|lines| lines.join("\r\n"));
    (body, 0_u8..5, proptest::collection::vec(any::<u8>(), 0..1500)).prop_map(
        |(text, form, octets)| {
            let text_part = |encoding: &str, body: &str| {
                format!(
                    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: \
                    {encoding}\r\n\r\n{body}"
                )
            };
            Tree::Leaf(match form {
                0 => text_part("8bit", &text),
                1 => text_part("base64", &STANDARD.encode(&text)),
                2 => text_part("quoted-printable", &quoted_printable(text.as_bytes())),
                // RFC 2045 6.7: blanks at the end of a line are not text.
                3 => {
                    let lines: Vec<String> =
                        text.lines().map(|line| line.trim_end().replace('=', "=3D")).collect();
                    text_part("quoted-printable", &lines.join("\r\n"))
                }
                _ => format!(
                    "Content-Type: application/pdf; name=\"scan.pdf\"\r\nContent-Disposition: \
                    attachment; filename=\"scan.pdf\"\r\nContent-Transfer-Encoding: \
                    base64\r\n\r\n{}",
                    STANDARD.encode(octets)
                ),
            })
        },
    )
}

fn tree() -> impl Strategy<Value = Tree> {
    leaf().prop_recursive(3, 10, 3, |inner| {
        let subtypes = prop_oneof![Just("mixed"), Just("alternative"), Just("related")];
        prop_oneof![
            3 => (subtypes, proptest::collection::vec(inner.clone(), 1..4))
                .prop_map(|(subtype, children)| Tree::Multipart(subtype, children)),
            1 => inner.prop_map(|inner| Tree::Message(Box::new(inner))),
        ]
    })
}

/// Type, name and octets of each leaf, of attached messages, too.
fn leaves(text: &[u8]) -> Vec<(String, Option<String>, Vec<u8>)> {
    let message = MessageParser::default().parse(text).unwrap();
    let mut found = Vec::new();
    let mut open = vec![&message];
    while let Some(message) = open.pop() {
        for part in &message.parts {
            match &part.body {
                PartType::Multipart(_) => {}
                PartType::Message(inner) => open.push(inner),
                PartType::Text(_)
                | PartType::Html(_)
                | PartType::Binary(_)
                | PartType::InlineBinary(_) => {
                    let kind = part.content_type().map(|kind| {
                        format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default())
                    });
                    let name = part.attachment_name().map(str::to_owned);
                    found.push((kind.unwrap_or_default(), name, part.contents().to_vec()));
                }
            }
        }
    }
    found
}

fn send(text: &[u8], eight_bit: EightBit, step: usize) -> Vec<u8> {
    let edits = Edits {
        id: MessageId::new(Timestamp::from_millis(1_763_900_000_000), 1),
        received: Timestamp::from_millis(1_741_548_328_000),
        hostname: "postroom.contoso.lan".into(),
        fallback: None,
        identity: None,
        sender: None,
    };
    let mut planner = Planner::default();
    text.chunks(step).for_each(|chunk| planner.read(chunk));
    let plan = planner.finish().plan(&edits, None, eight_bit);
    let size = plan.size(u64::try_from(text.len()).unwrap());
    let (mut rewriter, mut sent) = (Rewriter::new(plan), Vec::new());
    text.chunks(step).for_each(|chunk| rewriter.push(chunk, &mut sent));
    rewriter.finish(&mut sent);
    assert!(size.is_none_or(|size| usize::try_from(size).unwrap() == sent.len()));
    sent
}

proptest! {
    #[test]
    fn a_reader_sees_the_same_leaves(tree in tree(), step in 1usize..5000) {
        let text = format!(
            "From: a@b.c\r\nTo: d@e.f\r\nDate: Sun, 9 Mar 2025 19:25:28 +0000\r\nMessage-ID: \
            <1@b.c>\r\nMIME-Version: 1.0\r\n{}",
            tree.render(&mut 0)
        );
        let before = leaves(text.as_bytes());
        for eight_bit in [EightBit::Kept, EightBit::Encoded] {
            let sent = send(text.as_bytes(), eight_bit, step);
            prop_assert_eq!(&send(text.as_bytes(), eight_bit, usize::MAX), &sent);
            prop_assert_eq!(&leaves(&sent), &before, "{}", text);
            for line in sent.split(|octet| *octet == b'\n') {
                prop_assert!(line.len() <= LINE_LIMIT + 1, "a line of {} octets", line.len());
            }
            prop_assert!(eight_bit == EightBit::Kept || sent.is_ascii());
        }
    }
}
