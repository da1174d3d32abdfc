//! A look at the beginning of a message while it is received: what is odd about its header is noted
//! for the device, and mended on the way out (`edit`). Nothing is changed here.

use std::collections::BTreeSet;

use crate::{
    message::{
        header::{Field, HeaderBlock},
        repair,
    },
    model::Quirk,
};

/// Octets of a message that are looked at. A longer header is delivered as any other, but nothing
/// is noted of it.
const HEAD_LIMIT: usize = 16 * 1024;

/// Fields whose absence from the header, and presence in the text's first lines, shows an empty
/// line in the wrong place.
const TELLTALES: [&str; 8] = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
];

/// Keeps the beginning of one message.
#[derive(Default)]
pub struct Inspection {
    head: Vec<u8>,
}

impl Inspection {
    /// Takes stored text, in chunks of any size.
    pub fn read(&mut self, text: &[u8]) {
        let room = HEAD_LIMIT.saturating_sub(self.head.len()).min(text.len());
        self.head.extend_from_slice(text.get(..room).unwrap_or_default());
    }

    /// The message has ended: what was odd about its header.
    #[must_use]
    pub fn quirks(&self) -> BTreeSet<Quirk> {
        let mut header = HeaderBlock::read(&self.head);
        if self.head.len() >= HEAD_LIMIT && !header.is_whole() {
            return BTreeSet::new();
        }
        let mut faults = repair::structural_faults(&header);
        faults.iter().for_each(|fault| repair::mend_structure(&mut header, *fault));
        faults.extend(repair::faults(&header));
        let mut quirks: BTreeSet<Quirk> = faults.into_iter().map(repair::Repair::quirk).collect();
        if !header.is_ended(&self.head) {
            quirks.insert(Quirk::NoHeader);
        }
        match header.find("Content-Type").map(|field| Content::of(&field.value())) {
            Some(Content::PartialMessage) => {
                quirks.insert(Quirk::PartialMessage);
            }
            // What follows is a header indeed.
            Some(Content::Message) => {}
            Some(Content::Other) | None if self.is_broken(&header) => {
                quirks.insert(Quirk::BrokenHeader);
            }
            Some(Content::Other) | None => {}
        }
        quirks
    }

    /// The text begins with fields that the header lacks. Somebody's own words may look like that,
    /// so this is noted and not mended.
    fn is_broken(&self, header: &HeaderBlock<'_>) -> bool {
        let body = self.head.get(header.length()..).unwrap_or_default();
        let inside = HeaderBlock::read(body.strip_prefix(b"\r\n").unwrap_or(body));
        let missing = |field: &Field<'_>| {
            TELLTALES.iter().any(|name| field.is(name) && header.find(name).is_none())
        };
        header.length() > 2 && inside.fields().any(missing)
    }
}

/// What a message says it is, as far as it matters here.
enum Content {
    /// RFC 2046 5.2.2.
    PartialMessage,
    /// RFC 2046 5.2: another message.
    Message,
    Other,
}

impl Content {
    fn of(field: &str) -> Self {
        let kind = field.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match kind.split_once('/') {
            Some(("message", "partial")) => Self::PartialMessage,
            Some(("message", _)) => Self::Message,
            Some(_) | None => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "From: a@b.c\r\nTo: d@e.f\r\nDate: Sun, 9 Mar 2025 19:25:28 \
        +0000\r\nMessage-ID: <1@b.c>\r\n";

    #[track_caller]
    fn check(text: &str, expected: &[Quirk]) {
        for step in [1, 7, 100_000] {
            let mut inspection = Inspection::default();
            text.as_bytes().chunks(step).for_each(|chunk| inspection.read(chunk));
            assert!(inspection.head.len() <= HEAD_LIMIT);
            assert_eq!(
                inspection.quirks().into_iter().collect::<Vec<_>>(),
                expected,
                "{}",
                &text[..text.len().min(300)]
            );
        }
    }

    #[test]
    fn a_sound_header_has_no_quirk() {
        check(&format!("{WHOLE}\r\nText.\r\n"), &[]);
        check(
            &format!(
                "{WHOLE}Subject: x\r\n\r\nFrom: Anna\r\nSubject: a forwarded mail\r\n\r\nText.\r\n"
            ),
            &[],
        );
    }

    #[test]
    fn an_empty_line_inside_the_header_is_seen() {
        check(&format!("{WHOLE}\r\nSubject: x\r\n\r\nText.\r\n"), &[Quirk::BrokenHeader]);
        check(
            &format!("{WHOLE}\r\n\r\nContent-Type: text/html\r\n\r\nText.\r\n"),
            &[Quirk::BrokenHeader],
        );
        check(
            "Subject: x\r\n\r\nFrom: a@b.c\r\n\r\nText.\r\n",
            &[Quirk::MissingFields, Quirk::BrokenHeader],
        );
    }

    #[test]
    fn each_fault_is_told_by_its_name() {
        check("TONER LOW\r\n", &[Quirk::NoHeader, Quirk::MissingFields]);
        check(WHOLE, &[Quirk::NoHeader]);
        check(
            &format!("{WHOLE}Content-Type: Message/Partial; number=1\r\nMIME-Version: 1.0\r\n\r\n"),
            &[Quirk::PartialMessage],
        );
        check(
            &WHOLE.replace("a@b.c\r", "a@b.c <a@b.c>\r").replace("\n\r\n", "\n").add_end(),
            &[Quirk::MalformedFrom],
        );
        check(&WHOLE.replace("a@b.c\r", "a@b.c, x@y.z\r").add_end(), &[Quirk::SeveralFrom]);
        check(
            &WHOLE.replace("Sun, 9 Mar 2025 19:25:28 +0000", "gestern").add_end(),
            &[Quirk::MalformedFields],
        );
        check(
            &format!(
                "{WHOLE}Content-Type: message/rfc822\r\nMIME-Version: 1.0\r\n\r\nSubject: x\r\n\r\n"
            ),
            &[],
        );
        check(&format!("{WHOLE}Subject: Büro\r\n\r\n"), &[Quirk::EightBitHeader]);
    }

    #[test]
    fn a_header_beyond_the_bound_is_not_judged() {
        check(&format!("X: {}\r\n{WHOLE}\r\n", "x".repeat(HEAD_LIMIT)), &[]);
    }

    trait AddEnd {
        fn add_end(&self) -> String;
    }

    impl AddEnd for str {
        fn add_end(&self) -> String {
            format!("{self}\r\n")
        }
    }
}
