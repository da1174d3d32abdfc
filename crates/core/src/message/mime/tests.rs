//! The walker over generated messages: it finds the parts they were made of, wherever it is cut.

use proptest::prelude::*;

use crate::message::{
    header::HeaderBlock,
    mime::{Event, Kind, Listener, Walker},
};

/// A message, or a part of one.
#[derive(Clone, Debug)]
enum Tree {
    Leaf { kind: &'static str, body: String },
    Multipart { subtype: &'static str, children: Vec<Tree> },
    Message(Box<Tree>),
}

impl Tree {
    /// Its text. `number` makes each boundary another.
    fn render(&self, number: &mut usize, text: &mut String) {
        match self {
            Self::Leaf { kind, body } => {
                text.push_str(&format!("Content-Type: {kind}\r\n\r\n{body}"));
            }
            Self::Multipart { subtype, children } => {
                *number += 1;
                let boundary = format!("=_{number}");
                text.push_str(&format!(
                    "Content-Type: multipart/{subtype};\r\n boundary=\"{boundary}\"\r\n\r\npreamble"
                ));
                for child in children {
                    text.push_str(&format!("\r\n--{boundary}\r\n"));
                    child.render(number, text);
                }
                text.push_str(&format!("\r\n--{boundary}--\r\nepilogue"));
            }
            Self::Message(inner) => {
                text.push_str("Content-Type: message/rfc822\r\n\r\nSubject: inside\r\n");
                inner.render(number, text);
            }
        }
    }

    fn leaves(&self, found: &mut Vec<(String, String)>) {
        match self {
            Self::Leaf { kind, body } => found.push(((*kind).to_owned(), body.clone())),
            Self::Multipart { children, .. } => {
                children.iter().for_each(|child| child.leaves(found));
            }
            Self::Message(inner) => inner.leaves(found),
        }
    }
}

fn tree() -> impl Strategy<Value = Tree> {
    let kinds = prop_oneof![Just("text/plain"), Just("text/html"), Just("application/pdf")];
    let line =
        prop_oneof!["[ -~]{0,20}", Just("--=_1x".to_owned()), Just("--".to_owned()), "x{300}"];
    let body = proptest::collection::vec(line, 0..4).prop_map(|lines| lines.join("\r\n"));
    let leaf = (kinds, body).prop_map(|(kind, body)| Tree::Leaf { kind, body });
    leaf.prop_recursive(4, 16, 4, |inner| {
        let subtypes = prop_oneof![Just("mixed"), Just("alternative"), Just("related")];
        prop_oneof![
            (subtypes, proptest::collection::vec(inner.clone(), 1..4))
                .prop_map(|(subtype, children)| Tree::Multipart { subtype, children }),
            inner.prop_map(|inner| Tree::Message(Box::new(inner))),
        ]
    })
}

/// Collects what it hears.
#[derive(Default, PartialEq, Eq, Debug)]
struct Heard {
    /// Type and body of each leaf.
    leaves: Vec<(String, Vec<u8>)>,
    in_leaf: bool,
    own_header: Option<u64>,
    /// Where each body ended.
    ends: Vec<u64>,
    /// Everything that was told or stands between, put together again.
    octets: u64,
}

impl Listener for Heard {
    fn hear(&mut self, event: Event<'_>) {
        match event {
            Event::Begins(part) => {
                self.own_header.get_or_insert(part.header.end);
                assert_eq!(part.header.end - part.header.start, length(part.block));
                self.in_leaf = part.is_leaf();
                if self.in_leaf {
                    let kind = if part.content.kind == Kind::Plain {
                        "text/plain"
                    } else if part.content.kind == Kind::Html {
                        "text/html"
                    } else {
                        "application/pdf"
                    };
                    self.leaves.push((kind.to_owned(), Vec::new()));
                }
                self.octets = part.header.end;
            }
            Event::Text { octets } | Event::LineEnd { ending: octets } => {
                self.octets += length(octets);
                if let Some((_, body)) = self.leaves.last_mut().filter(|_| self.in_leaf) {
                    body.extend_from_slice(octets);
                }
            }
            Event::Ends { at } => {
                assert_eq!(at, self.octets, "octets were left out");
                self.in_leaf = false;
                self.ends.push(at);
            }
            Event::Boundary { line, .. } => {
                self.octets = line.end;
            }
        }
    }
}

fn length(octets: &[u8]) -> u64 {
    u64::try_from(octets.len()).unwrap()
}

fn walk(text: &[u8], step: usize) -> Heard {
    let (mut walker, mut heard) = (Walker::default(), Heard::default());
    text.chunks(step).for_each(|chunk| walker.read(chunk, &mut heard));
    walker.finish(&mut heard);
    heard
}

#[track_caller]
fn check(text: &str, leaves: &[(&str, &str)]) {
    let heard = walk(text.as_bytes(), usize::MAX);
    let seen: Vec<(&str, &str)> = heard
        .leaves
        .iter()
        .map(|(kind, body)| (kind.as_str(), std::str::from_utf8(body).unwrap()))
        .collect();
    assert_eq!(seen, leaves);
    assert_eq!(heard, walk(text.as_bytes(), 1));
}

#[test]
fn a_message_without_parts_is_one_leaf() {
    check("Subject: x\r\n\r\nHello\r\n", &[("text/plain", "Hello\r\n")]);
    check("Hello\r\nthere", &[("text/plain", "Hello\r\nthere")]);
    check("Subject: x\r\nHello\r\n\r\nthere\r\n", &[("text/plain", "Hello\r\n\r\nthere\r\n")]);
    check("Subject: x\r\n", &[("text/plain", "")]);
    check("", &[("text/plain", "")]);
}

#[test]
fn a_part_without_an_empty_line_or_an_end_is_a_part() {
    let head = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
    check(
        &format!("{head}--b\r\nContent-Type: text/html\r\n--b\r\nHello\r\n--b  \r\n\r\nlast"),
        &[("text/html", ""), ("text/plain", "Hello"), ("text/plain", "last")],
    );
    check(
        &format!("{head}--b\r\nContent-Type: message/rfc822\r\n\r\n--b\r\n\r\nx\r\n--b--\r\ny\r\n"),
        &[("text/plain", ""), ("text/plain", "x")],
    );
}

#[test]
fn a_message_that_is_encoded_is_a_leaf() {
    check(
        "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: \
        base64;\r\n\r\nU3ViamVjdA==\r\n",
        &[("application/pdf", "U3ViamVjdA==\r\n")],
    );
}

#[test]
fn a_boundary_of_an_outer_multipart_ends_the_inner_one() {
    check(
        "Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: multipart/mixed; \
        boundary=i\r\n\r\n--i\r\n\r\none\r\n--o\r\n\r\n--i\r\ntwo\r\n--o--\r\n",
        &[("text/plain", "one"), ("text/plain", "--i\r\ntwo")],
    );
}

proptest! {
    #[test]
    fn every_leaf_is_found_whole_wherever_the_text_is_cut(tree in tree(), step in 1usize..400) {
        let mut text = String::from("From: a@b.c\r\n");
        tree.render(&mut 0, &mut text);
        let mut expected = Vec::new();
        tree.leaves(&mut expected);
        let heard = walk(text.as_bytes(), usize::MAX);
        let seen: Vec<(String, String)> = heard
            .leaves
            .iter()
            .map(|(kind, body)| (kind.clone(), String::from_utf8(body.clone()).unwrap()))
            .collect();
        prop_assert_eq!(seen, expected, "{}", text);
        prop_assert_eq!(heard, walk(text.as_bytes(), step));
    }

    #[test]
    fn header_and_body_are_parted_where_the_header_is_read(
        text in "([A-Za-z-]{1,9}: ?[ -~]{0,9}\r\n|From: x\r\n|Date: x\r\n|junk\r\n| x\r\n|\
            \r\n){0,9}\
            (x|Date: y)?",
        step in 1usize..40,
    ) {
        let heard = walk(text.as_bytes(), step);
        let header = u64::try_from(HeaderBlock::read(text.as_bytes()).length()).unwrap();
        prop_assert_eq!(heard.own_header, Some(header));
        prop_assert_eq!(heard.octets, length(text.as_bytes()));
    }

    #[test]
    fn no_octets_panic(
        text in proptest::collection::vec(any::<u8>(), 0..400),
        step in 1usize..400,
    ) {
        prop_assert_eq!(walk(&text, step), walk(&text, usize::MAX));
    }
}
