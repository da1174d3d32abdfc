//! The first line of a message, where it would not stay what it is below our `Received:` field: a
//! folded line would become part of that field, and the separator of an mbox file would end the
//! header.
//!
//! Decided while the message is received, since this field is put before it then.

use crate::{message::header_lines::field_name, model::Quirk};

/// What some programs put before a text to tell its encoding: UTF-8, and UTF-8 read as Latin-1 and
/// written as UTF-8.
const MARKS: [&[u8]; 2] = [b"\xef\xbb\xbf", b"\xc3\xaf\xc2\xbb\xc2\xbf"];
/// Lines before the first field that are neither field nor text.
const ODD_LINES: usize = 4;

/// What has to be done to the beginning of a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FirstLine {
    /// The text begins as it should and stays as it is.
    Stays,
    /// These octets are left out: separators of mbox, blanks, or the mark of an encoding.
    Without(usize),
    /// An empty line is put before it: it is not a field, so there is no header.
    IsBody,
}

impl FirstLine {
    /// Judges a text by its first octets; a line that goes on beyond them is not a separator.
    #[must_use]
    pub fn of(text: &[u8]) -> Self {
        let mark = MARKS.iter().find_map(|mark| text.strip_prefix(*mark));
        let mut rest = mark.unwrap_or(text);
        for _ in 0..ODD_LINES {
            let line = rest.split_inclusive(|octet| *octet == b'\n').next().unwrap_or_default();
            let is_blank = line.ends_with(b"\n")
                && matches!(line.first(), Some(b' ' | b'\t'))
                && line.trim_ascii().is_empty();
            if !is_blank && !is_mbox_separator(line) {
                break;
            }
            rest = rest.get(line.len()..).unwrap_or_default();
        }
        let line = rest.split_inclusive(|octet| *octet == b'\n').next().unwrap_or_default();
        let field = line.trim_ascii_start();
        let odd = text.len() - rest.len() + line.len() - field.len();
        let blank = matches!(text.first(), Some(b' ' | b'\t'));
        match (field_name(field).is_some(), odd) {
            (true, 0) => Self::Stays,
            (true, odd) => Self::Without(odd),
            (false, _)
                if is_mbox_separator(
                    text.split_inclusive(|octet| *octet == b'\n').next().unwrap_or_default(),
                ) =>
            {
                Self::Without(text.len() - rest.len())
            }
            (false, _) if blank => Self::IsBody,
            (false, _) => Self::Stays,
        }
    }

    /// The text as it is stored: what is put before it, and what is kept of it.
    #[must_use]
    pub fn stored(self, text: &[u8]) -> (&'static [u8], &[u8]) {
        match self {
            Self::Stays => (b"", text),
            Self::Without(octets) => (b"", text.get(octets..).unwrap_or_default()),
            Self::IsBody => (b"\r\n", text),
        }
    }

    /// As what the device shows it.
    #[must_use]
    pub const fn quirk(self) -> Option<Quirk> {
        match self {
            Self::Stays => None,
            Self::Without(_) => Some(Quirk::OddFirstLine),
            Self::IsBody => Some(Quirk::NoHeader),
        }
    }
}

/// RFC 4155 A: `From scan@mfp Sun Mar 9 19:25:28 2025`, and the quoted form of it. Whoever writes
/// "From the desk of …" means text.
fn is_mbox_separator(line: &[u8]) -> bool {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let line = line.strip_prefix(b">").unwrap_or(line);
    let Some(rest) = line
        .strip_suffix(b"\n")
        .and_then(|line| line.strip_prefix(b"From "))
        .and_then(|rest| std::str::from_utf8(rest).ok())
    else {
        return false;
    };
    let words: Vec<&str> = rest.split_ascii_whitespace().collect();
    let is_time =
        |word: &&str| word.contains(':') && word.chars().all(|c| c.is_ascii_digit() || c == ':');
    let is_year = |word: &&str| word.len() == 4 && word.chars().all(|c| c.is_ascii_digit());
    // The sender, the day, month and date, then time, zone and year in any order.
    (5..=9).contains(&words.len())
        && words.iter().skip(1).take(1).any(|word| DAYS.contains(word))
        && words.iter().skip(4).any(is_time)
        && words.iter().skip(5).any(is_year)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::header::HeaderBlock;

    #[track_caller]
    fn check(text: &str, expected: FirstLine, header: &[&str]) {
        let first = FirstLine::of(text.as_bytes());
        assert_eq!(first, expected, "{text}");
        let (before, kept) = first.stored(text.as_bytes());
        let stored = String::from_utf8([before, kept].concat()).unwrap();
        let stored =
            format!("Received: by postroom;\r\n\tSun, 9 Mar 2025 19:25:28 +0000\r\n{stored}");
        let block = HeaderBlock::read(stored.as_bytes());
        let names: Vec<&str> = block.fields().map(crate::message::header::Field::name).collect();
        assert_eq!(names, [&["Received"], header].concat());
        assert_eq!(
            block.find("Received").unwrap().value(),
            "by postroom;\tSun, 9 Mar 2025 19:25:28 +0000"
        );
    }

    #[test]
    fn a_first_line_never_becomes_part_of_our_own_field() {
        check("Subject: scan\r\n\r\npage\r\n", FirstLine::Stays, &["Subject"]);
        check(" Subject: scan\r\nFrom: a@b.c\r\n\r\n", FirstLine::Without(1), &["Subject", "From"]);
        check("\t for <x@y.z>; yesterday\r\nFrom: a@b.c\r\n\r\n", FirstLine::IsBody, &[]);
        check("  \r\nHello\r\n", FirstLine::IsBody, &[]);
        check("", FirstLine::Stays, &[]);
    }

    #[test]
    fn what_is_neither_field_nor_text_does_not_hide_the_header() {
        let fields = "Subject: scan\r\n\r\n";
        for odd in [
            "\u{feff}",
            "  \r\n",
            "\u{feff}\t\r\n  \r\n",
            "From a@b.c Sun Mar  9 19:25:28 2025\r\n \r\n",
        ] {
            check(&format!("{odd}{fields}"), FirstLine::Without(odd.len()), &["Subject"]);
        }
        check("\u{feff}Hello\r\n", FirstLine::Stays, &[]);
        check(&format!("{}{fields}", " \r\n".repeat(100)), FirstLine::IsBody, &[]);
    }

    #[test]
    fn the_separator_of_an_mbox_does_not_hide_the_header() {
        for line in [
            "From scan@mfp Sun Mar  9 19:25:28 2025",
            "From MAILER-DAEMON Sun Mar 9 19:25:28 CET 2025",
            ">From scan@mfp Sun Mar  9 19:25 2025",
            "From - Sun Mar 09 19:25:28 2025 +0100",
        ] {
            check(
                &format!("{line}\r\nSubject: scan\r\n\r\n"),
                FirstLine::Without(line.len() + 2),
                &["Subject"],
            );
        }
        for line in [
            "From the desk of Anna, Monday",
            "From Anna Mon",
            "From: a@b.c",
            "From Monday to Friday at 12:00 in 2025 as ever",
        ] {
            assert_eq!(
                FirstLine::of(format!("{line}\r\nSubject: x\r\n\r\n").as_bytes()),
                FirstLine::Stays,
                "{line}"
            );
        }
    }
}
