//! 8-bit text in a header block, where RFC 5322 2.2 wants ASCII: written as encoded words (RFC
//! 2047), which every reader shows as what was meant.

use crate::message::{encoded_word::encoded_words, header::Field, mailbox, parameters, work};

/// Octets of a word of text that is sure to fit into a line, with the field's name before it.
const WORD_LIMIT: usize = 900;

/// Fields that are text as a whole (RFC 5322 3.6.5, and what mail programs add).
const TEXTS: [&str; 5] =
    ["Subject", "Comments", "Organization", "Thread-Topic", "Content-Description"];
/// Fields that are lists of mailboxes, whose names may be encoded.
const LISTS: [&str; 6] = ["From", "Sender", "Reply-To", "To", "Cc", "Bcc"];

/// The field with its 8-bit text encoded; none if there is nothing to do, or no way to do it (an
/// address of RFC 6532).
pub(super) fn encoded(field: &Field<'_>) -> Option<String> {
    if field.is_ascii() {
        return None;
    }
    let value = field.value();
    let name = field.name();
    let is = |known: &&&str| name.eq_ignore_ascii_case(known);
    let encoded = if LISTS.iter().find(is).is_some() {
        mailbox::encode_names(&value)
    } else if TEXTS.iter().find(is).is_some()
        || name.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("X-"))
    {
        encode_text(&value, |word| !word.is_ascii())
    } else if name.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("Content-")) {
        parameters::encoded(&value)
    } else {
        return None;
    };
    (encoded != value).then(|| format!("{name}: {encoded}\r\n"))
}

/// A field of text with the words that no line could hold encoded, so that they can go on the next
/// line without a blank in them. None if there is no such word, or it is one that means something
/// to a program: there a break with a blank has to do.
pub(super) fn without_long_words(field: &Field<'_>) -> Option<String> {
    // One that has been encoded already would show what it is made of.
    let is_long = |word: &str| word.len() > WORD_LIMIT && !word.starts_with("=?");
    if !field.has_long_line() || !TEXTS.iter().any(|name| field.is(name)) {
        return None;
    }
    let value = field.value();
    let long = value.split([' ', '\t']).any(is_long);
    long.then(|| {
        format!(
            "{}: {}\r\n",
            field.name(),
            encode_text(&value, |word| !word.is_ascii() || is_long(word))
        )
    })
}

/// Words that are to be encoded become encoded words, one after the other; the others stay as they
/// are.
fn encode_text(value: &str, is_to_be_encoded: impl Fn(&str) -> bool) -> String {
    work::looks_at(value);
    let mut text = String::with_capacity(value.len() * 2);
    let mut pending = String::new();
    let mut after_encoded = false;
    for word in value.split([' ', '\t']).filter(|word| !word.is_empty()) {
        if is_to_be_encoded(word) {
            // RFC 2047 6.2: the blank between two encoded words is not shown, so it goes inside.
            if !pending.is_empty() || after_encoded {
                pending.push(' ');
            }
            pending.push_str(word);
            after_encoded = false;
            continue;
        }
        put(&mut text, &encoded_words(&std::mem::take(&mut pending)));
        put(&mut text, word);
        after_encoded = word.starts_with("=?");
    }
    put(&mut text, &encoded_words(&pending));
    text
}

fn put(text: &mut String, word: &str) {
    if !text.is_empty() && !word.is_empty() {
        text.push(' ');
    }
    text.push_str(word);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::header::HeaderBlock;

    #[track_caller]
    fn check(line: &[u8], expected: Option<&str>) {
        let text = [line, b"\r\n\r\n"].concat();
        let block = HeaderBlock::read(&text);
        let seen = block.fields().next().and_then(encoded);
        assert_eq!(seen.as_deref(), expected.map(|line| format!("{line}\r\n")).as_deref());
        if let Some(seen) = seen {
            let shown = |text: &[u8]| {
                let message = mail_parser::MessageParser::default().parse(text).unwrap();
                (message.subject().map(str::to_owned), message.to().map(|to| format!("{to:?}")))
            };
            let meant =
                format!("{}\r\n\r\n", line.iter().copied().map(char::from).collect::<String>());
            let meant = if std::str::from_utf8(line).is_ok() { text } else { meant.into_bytes() };
            assert_eq!(shown(format!("{seen}\r\n").as_bytes()), shown(&meant));
        }
    }

    #[test]
    fn eight_bit_text_becomes_encoded_words_and_reads_the_same() {
        check(b"Subject: Scan 1", None);
        check(
            "Subject: Scan für Büro 1".as_bytes(),
            Some("Subject: Scan =?utf-8?B?ZsO8ciBCw7xybw==?= 1"),
        );
        check(b"Subject: B\xfcro", Some("Subject: =?utf-8?B?QsO8cm8=?="));
        check("X-Gerät: Büro".as_bytes(), None);
        check("X-Device: Büro".as_bytes(), Some("X-Device: =?utf-8?B?QsO8cm8=?="));
        check(
            "Content-Type: text/plain; name=\"ü\"".as_bytes(),
            Some("Content-Type: text/plain;\r\n name*=utf-8\'\'%C3%BC"),
        );
    }

    #[test]
    fn names_in_lists_are_encoded_and_addresses_are_not() {
        check(
            "To: Büro <a@b.c>, x@y.z".as_bytes(),
            Some("To: =?utf-8?B?QsO8cm8=?= <a@b.c>, x@y.z"),
        );
        check(
            "To: \"Büro, unten\" <a@b.c>".as_bytes(),
            Some("To: =?utf-8?B?QsO8cm8sIHVudGVu?= <a@b.c>"),
        );
        check("To: bü@b.c".as_bytes(), None);
        check("To: Bü <bü@b.c>".as_bytes(), None);
    }
}
