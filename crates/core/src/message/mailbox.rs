//! Mailboxes in `From:` and `Reply-To:` (RFC 5322 3.4): told right from wrong, read when wrong,
//! written right.

use std::collections::HashSet;

use crate::{
    message::{encoded_word::encoded_words, work},
    model::Address,
};

/// A display name and an address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mailbox {
    /// Display name, decoded from its quotes; an encoded word (RFC 2047) is kept as it is.
    pub name: Option<String>,
    /// The address of the mailbox.
    pub address: Address,
}

/// True when a field's value is exactly one mailbox that every server reads in the same way.
#[must_use]
pub fn is_well_formed(value: &str) -> bool {
    work::looks_at(value);
    let Some((name, rest)) = value.rsplit_once('<') else {
        return is_legal_address(value) && !ends_in_a_dot(value);
    };
    let Some(address) = rest.strip_suffix('>') else {
        return false;
    };
    is_legal_address(address) && !ends_in_a_dot(address) && is_phrase(name.trim())
}

/// A domain with a dot at its end is understood, and written without it.
fn ends_in_a_dot(address: &str) -> bool {
    address.ends_with('.')
}

/// RFC 5322 3.4.1, as far as a list can be taken apart by it: nothing in it that means something
/// else, unless quoted. Beyond ASCII (RFC 6531) there is no other form.
fn is_legal_address(text: &str) -> bool {
    work::looks_at(text);
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let plain =
        |text: &str, special: &str| !text.chars().any(|c| c.is_control() || special.contains(c));
    let quoted = local
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .is_some_and(is_quoted_content);
    let legal = (quoted || plain(local, " \"(),:;<>@[]\\")) && plain(domain, " \"(),;<>@\\");
    legal && text.parse::<Address>().is_ok()
}

/// Reads one mailbox out of what a device wrote, however wrong: the last thing in angle brackets,
/// else the first word with an `@`; whatever stands before it is the name. None when there is no
/// address, or no telling which.
#[must_use]
pub fn read(value: &str) -> Option<Mailbox> {
    work::looks_at(value);
    if let Some(open) = value.rfind('<') {
        let inside = value.get(open + 1..)?;
        let inside = inside.split('>').next().unwrap_or(inside);
        let address = clean_address(inside)?;
        return Some(Mailbox { name: clean_name(value.get(..open)?), address });
    }
    let words: Vec<&str> =
        value.split([' ', '\t', ',', ';']).filter(|word| word.contains('@')).collect();
    let word = words.first()?;
    let (before, after) = value.split_once(*word)?;
    let name = |text: &str| clean_name(text.trim_matches([' ', '\t', ',', ';']));
    // Behind the address, unless another one is there: then there is no telling whose name it is.
    let behind = || if words.len() == 1 { name(after) } else { None };
    Some(Mailbox { name: name(before).or_else(behind), address: clean_address(word)? })
}

/// Reads every mailbox of a list, each once; in any case of letters it is the same. A header has
/// room for tens of thousands.
#[must_use]
pub fn read_list(value: &str) -> Vec<Mailbox> {
    let mut known = HashSet::new();
    pieces(value)
        .into_iter()
        .filter_map(read)
        .filter(|mailbox| known.insert(mailbox.address.as_str().to_ascii_lowercase()))
        .collect()
}

/// A list of recipients as it was meant, when it is none that every server reads: `John
/// b@contoso.com`. None when it is right. Groups and comments (RFC 5322 3.4, 3.2.2) are right, and
/// stay. What has no address at all becomes an empty group of that name.
#[must_use]
pub(super) fn mended_list(value: &str) -> Option<String> {
    work::looks_at(value);
    // As it is judged on its way: what an encoded word hides makes neither a group nor a comment.
    let encoded = encode_names(value).replace("\r\n", "");
    let is_group = encoded.contains(':') && encoded.contains(';');
    if encoded.is_empty() || is_group || encoded.contains(['(', ')']) {
        return None;
    }
    if pieces(&encoded).iter().all(|piece| is_well_formed(piece.trim())) {
        return None;
    }
    let parted = if value.contains('"') { value.to_owned() } else { value.replace(';', ",") };
    // What cannot be written so that everybody reads the same is left out: the envelope says who
    // gets it.
    let members: Vec<String> = read_list(&parted)
        .iter()
        .map(Mailbox::render)
        .filter(|member| is_well_formed(member))
        .collect();
    let list = if members.is_empty() {
        format!("{}:;", render_name(&clean_name(value)?))
    } else {
        members.join(", ")
    };
    Some(list)
}

/// A list with the 8-bit text in its names encoded (RFC 2047 5). An address beyond ASCII has no
/// other form, and stays.
#[must_use]
pub(super) fn encode_names(value: &str) -> String {
    let mut list = value.to_owned();
    // A stray quote in a name hides where members end; once it is encoded they show.
    for _ in 0..ENCODINGS {
        match encode_members(&list) {
            Some(encoded) => list = encoded,
            None => return list,
        }
    }
    value.to_owned()
}

/// A list that shows more members after so many times is not a device's, and stays: what is encoded
/// again and again would grow.
const ENCODINGS: usize = 4;

/// None when there is nothing to encode.
fn encode_members(value: &str) -> Option<String> {
    work::looks_at(value);
    let is_encodable = |piece: &str| {
        piece.rsplit_once('<').is_some_and(|(name, address)| !name.is_ascii() && address.is_ascii())
    };
    let pieces = pieces(value);
    if !pieces.iter().any(|piece| is_encodable(piece)) {
        return None;
    }
    let encode = |piece: &str| match piece.rsplit_once('<') {
        Some((name, address)) if is_encodable(piece) => {
            // Of control characters alone nothing is left.
            let name = render_name(&clean_name(name).unwrap_or_default());
            if name.is_empty() { format!("<{address}") } else { format!("{name} <{address}") }
        }
        Some(_) | None => piece.to_owned(),
    };
    Some(pieces.into_iter().map(|piece| encode(piece.trim())).collect::<Vec<_>>().join(", "))
}

/// A list's members: parted at commas that are neither quoted nor inside brackets. A name with a
/// comma in it that somebody forgot to quote belongs to the address that follows.
fn pieces(value: &str) -> Vec<&str> {
    work::looks_at(value);
    let mut pieces = Vec::new();
    let (mut start, mut quoted, mut escaped, mut bracketed) = (0, false, false, false);
    // Noted in passing: to look back at each comma would cost the square of the length.
    let mut has_address = false;
    for (place, c) in value.char_indices() {
        has_address |= c == '@';
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '<' if !quoted => bracketed = true,
            '>' if !quoted => bracketed = false,
            ',' if !quoted && !bracketed && has_address => {
                pieces.push(value.get(start..place).unwrap_or_default());
                (start, has_address) = (place + 1, false);
            }
            _ => {}
        }
    }
    let rest = value.get(start..).unwrap_or_default();
    if !rest.trim().is_empty() {
        pieces.push(rest);
    }
    pieces
}

impl Mailbox {
    /// As a field's value: quoted or encoded where it must be.
    #[must_use]
    pub fn render(&self) -> String {
        match &self.name {
            None => self.address.to_string(),
            Some(name) => format!("{} <{}>", render_name(name), self.address),
        }
    }
}

fn clean_address(text: &str) -> Option<Address> {
    work::looks_at(text);
    let mail_to = text.trim().trim_start_matches("mailto:");
    let address = mail_to.trim_matches(['\'', '"', '(', ')', '<', '>', ' ', '\t', ',', ';']);
    let address: Address =
        if is_legal_address(address) { address.parse().ok()? } else { return None };
    // A domain of dots alone is none.
    (!ends_in_a_dot(address.as_str())).then_some(address)
}

fn clean_name(text: &str) -> Option<String> {
    work::looks_at(text);
    let trimmed = text.trim().trim_end_matches('<').trim();
    let unquoted = match trimmed.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inside) => inside.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => trimmed.to_owned(),
    };
    let name = unquoted.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

fn render_name(name: &str) -> String {
    work::looks_at(name);
    if is_phrase(name) {
        return name.to_owned();
    }
    if name.is_ascii() && !name.chars().any(char::is_control) {
        return format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""));
    }
    encoded_words(name)
}

/// RFC 5322 3.2.5: nothing, words of atom characters, or one quoted string.
fn is_phrase(text: &str) -> bool {
    work::looks_at(text);
    let quoted = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match quoted {
        Some(inside) => is_quoted_content(inside),
        None => text.split([' ', '\t']).all(|word| word.bytes().all(is_atom_character)),
    }
}

fn is_quoted_content(text: &str) -> bool {
    work::looks_at(text);
    let mut escaped = false;
    for octet in text.bytes() {
        match octet {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return false,
            b'\t' | 32..=126 => {}
            _ => return false,
        }
    }
    !escaped
}

/// RFC 5322 3.2.3 `atext`, with the dot of `obs-phrase`, which everyone reads.
fn is_atom_character(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&octet)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(value: &str, repaired: Option<&str>) {
        assert_eq!(read(value).map(|mailbox| mailbox.render()).as_deref(), repaired, "{value}");
        if let Some(repaired) = repaired {
            assert!(is_well_formed(&repaired.replace("\r\n", "")), "{repaired} is still malformed");
        }
    }

    #[test]
    fn what_devices_write_becomes_one_legal_mailbox() {
        // Microsoft names the unquoted "@" in the display name as a printer's defect that breaks
        // submission.
        check(
            "scan@contoso.com <scan@contoso.com>",
            Some("\"scan@contoso.com\" <scan@contoso.com>"),
        );
        check(
            "Copier, 2nd floor <scan@contoso.com>",
            Some("\"Copier, 2nd floor\" <scan@contoso.com>"),
        );
        check("Copier scan@contoso.com", Some("Copier <scan@contoso.com>"));
        check("scan@contoso.com Copier", Some("Copier <scan@contoso.com>"));
        check("<<scan@contoso.com>>", Some("scan@contoso.com"));
        check("<'scan@contoso.com'>", Some("scan@contoso.com"));
        check("a@contoso.com, b@contoso.com", Some("a@contoso.com"));
        check("\"Büro\" <scan@contoso.com>", Some("=?utf-8?B?QsO8cm8=?= <scan@contoso.com>"));
        check("Say \"hi\" <scan@contoso.com>", Some("\"Say \\\"hi\\\"\" <scan@contoso.com>"));
        check("\"Smith \\\"J\\\"\" <j@contoso.com>", Some("\"Smith \\\"J\\\"\" <j@contoso.com>"));
        check(
            "=?utf-8?B?QsO8cm8=?= <scan@contoso.com>",
            Some("=?utf-8?B?QsO8cm8=?= <scan@contoso.com>"),
        );
        check("r@contoso.com.", Some("r@contoso.com"));
        check("Copier <r@contoso.com.>", Some("Copier <r@contoso.com>"));
        check("scanner", None);
        check("", None);
        check("<>", None);
    }

    #[test]
    fn a_list_is_parted_between_its_addresses_only() {
        let addresses = |value: &str| {
            read_list(value)
                .iter()
                .map(|mailbox| mailbox.address.to_string())
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(addresses("A <a@x.y>, B <b@x.y>"), "a@x.y b@x.y");
        assert_eq!(addresses("Copier, 2nd floor <a@x.y>"), "a@x.y");
        assert_eq!(addresses("\"a@x.y, b\" <a@x.y>, a@X.Y"), "a@x.y");
        assert_eq!(addresses("a@x.y <a@x.y>"), "a@x.y");
        assert_eq!(addresses("undisclosed-recipients:;"), "");
    }

    #[test]
    fn a_list_of_recipients_that_is_none_is_written_as_it_was_meant() {
        let check = |value: &str, expected: Option<&str>| {
            let mended = mended_list(value);
            assert_eq!(mended.as_deref(), expected, "{value}");
            if let Some(mended) = mended {
                assert_eq!(mended_list(&mended), None, "{mended} is still malformed");
            }
        };
        check("John b@contoso.com", Some("John <b@contoso.com>"));
        check("b@contoso.com John", Some("John <b@contoso.com>"));
        check("a@contoso.com, John b@contoso.com", Some("a@contoso.com, John <b@contoso.com>"));
        check("a@contoso.com; b@contoso.com", Some("a@contoso.com, b@contoso.com"));
        check("b@contoso.com <b@contoso.com>", Some("\"b@contoso.com\" <b@contoso.com>"));
        check("Anna, Accounting", Some("\"Anna, Accounting\":;"));
        check("John x@contoso.com, f\"a@b.c", Some("John <x@contoso.com>"));
        for right in [
            "",
            "a@contoso.com",
            "a@contoso.com, John <b@contoso.com>",
            "undisclosed-recipients:;",
            "Team: a@contoso.com, b@contoso.com;",
            "a@contoso.com (John)",
            "Büro <a@contoso.com>",
            "\"Smith, John\" <a@contoso.com>",
        ] {
            check(right, None);
        }
    }

    #[test]
    fn what_is_right_is_told_from_what_is_wrong() {
        for right in [
            "scan@contoso.com",
            "Scanner <scan@contoso.com>",
            "\"A, B\" <scan@contoso.com>",
            "<scan@contoso.com>",
            "Scan <bü@contoso.com>",
        ] {
            assert!(is_well_formed(right), "{right}");
        }
        for wrong in [
            "scan@contoso.com <scan@contoso.com>",
            "A, B <a@b>",
            "a@b, c@d",
            "scanner",
            "<a@b",
            "Büro <a@b>",
            "a@b (x)",
            "Scan <a@b.c.>",
            "a@b.c.",
        ] {
            assert!(!is_well_formed(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_name_cannot_smuggle_a_field() {
        let mailbox =
            Mailbox { name: Some("A\r\nBcc: x@y.z".into()), address: "a@b.c".parse().unwrap() };
        assert!(!mailbox.render().contains('\n'), "{}", mailbox.render());
    }

    #[test]
    fn a_long_name_is_encoded_in_pieces_that_fit() {
        let mailbox = Mailbox { name: Some("ä".repeat(60)), address: "a@b.c".parse().unwrap() };
        let rendered = mailbox.render();
        assert!(
            rendered.split("\r\n ").all(|line| line.split(' ').all(|word| word.len() <= 75)),
            "{rendered}"
        );
    }

    proptest! {
        #[test]
        fn whatever_can_be_read_is_written_well_formed(value in "\\PC{0,40}(<[a-z@.'<> \
            ]{0,20}>?)?") {
            if let Some(mailbox) = read(&value) {
                prop_assert!(is_well_formed(&mailbox.render().replace("\r\n", "")) || mailbox.address.needs_smtputf8() , "{}", mailbox.render());
            }
        }
    }
}
