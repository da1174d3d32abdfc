//! Parameters of a field with text beyond ASCII, such as the name of a file (RFC 2231).

use crate::message::work;

/// Octets of a piece of a value (RFC 2231 3), so that its line is short.
const PIECE: usize = 60;

/// A value with its parameters beyond ASCII encoded. What is beyond ASCII elsewhere means nothing, and
/// becomes question marks. The rest stays as it is.
pub(super) fn encoded(value: &str) -> String {
    work::looks_at(value);
    let mut pieces = pieces(value).into_iter();
    let mut text = in_ascii(pieces.next().unwrap_or_default());
    for piece in pieces {
        text.push(';');
        match piece.split_once('=') {
            Some((name, content)) if !piece.is_ascii() && is_name(name.trim()) => {
                text.push_str(&extended(name.trim(), &unquoted(content.trim())));
            }
            Some(_) | None => text.push_str(&in_ascii(piece)),
        }
    }
    text
}

fn in_ascii(text: &str) -> String {
    text.chars()
        .map(
            |character| {
                if character.is_ascii() && character != '\u{1b}' { character } else { '?' }
            },
        )
        .collect()
}

/// What semicolons part that are not quoted.
fn pieces(value: &str) -> Vec<&str> {
    let (mut pieces, mut start) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (place, character) in value.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ';' if !quoted => {
                pieces.push(value.get(start..place).unwrap_or_default());
                start = place + 1;
            }
            _ => {}
        }
    }
    pieces.push(value.get(start..).unwrap_or_default());
    pieces
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
}

fn unquoted(content: &str) -> String {
    let Some(inside) = content.strip_prefix('"') else {
        return content.to_owned();
    };
    let inside = inside.strip_suffix('"').unwrap_or(inside);
    let (mut text, mut escaped) = (String::with_capacity(inside.len()), false);
    let mut rest = inside.chars().peekable();
    while let Some(character) = rest.next() {
        // A backslash before anything but a quote or another one is part of a path.
        if !escaped && character == '\\' && matches!(rest.peek(), Some('"' | '\\')) {
            escaped = true;
        } else {
            escaped = false;
            text.push(character);
        }
    }
    text
}

/// RFC 2231 4, in pieces if it is long (3).
fn extended(name: &str, content: &str) -> String {
    let mut pieces = vec![String::from("utf-8''")];
    for character in content.chars().filter(|character| !character.is_control()) {
        let token = if character.is_ascii_alphanumeric() || "-._~".contains(character) {
            character.to_string()
        } else {
            let mut octets = [0; 4];
            let octets = character.encode_utf8(&mut octets).bytes();
            octets.map(|octet| format!("%{octet:02X}")).collect()
        };
        // A character is never divided: some readers decode piece by piece.
        if pieces.last().is_some_and(|piece| piece.len() + token.len() > PIECE) {
            pieces.push(String::new());
        }
        if let Some(piece) = pieces.last_mut() {
            piece.push_str(&token);
        }
    }
    if let [only] = pieces.as_slice() {
        return format!("\r\n {name}*={only}");
    }
    let lines: Vec<String> = pieces
        .iter()
        .enumerate()
        .map(|(number, piece)| format!("\r\n {name}*{number}*={piece}"))
        .collect();
    lines.join(";")
}

#[cfg(test)]
mod tests {
    use mail_parser::{MessageParser, MimeHeaders};

    use super::*;

    #[test]
    fn a_file_name_beyond_ascii_is_read_the_same() {
        for name in ["Rechnung Büro.pdf", &format!("{}.pdf", "ü".repeat(100)), "a;ü\\b.pdf"] {
            let value = format!("attachment; filename=\"{name}\"; size=12");
            let field = format!("Content-Disposition: {}\r\n\r\n", encoded(&value));
            assert!(field.is_ascii() && field.lines().all(|line| line.len() <= 76), "{field}");
            let parsed = MessageParser::default().parse(field.as_bytes()).unwrap();
            assert_eq!(parsed.attachment_name(), Some(name));
        }
    }

    #[test]
    fn what_means_nothing_becomes_ascii() {
        assert_eq!(encoded("text/plän; ü; chärset=x"), "text/pl?n; ?; ch?rset=x");
    }

    #[test]
    fn what_is_ascii_stays() {
        for value in ["text/plain; charset=utf-8", "a/b;name=\"x;y\" ; z", "text/plain;"] {
            assert_eq!(encoded(value), value);
        }
    }
}
