//! The subject of a message, in the form in which people read it.

use mail_parser::MessageParser;

use crate::model::is_invisible;

/// The longest subject that is kept, in characters.
const LONGEST: usize = 200;

/// Reads the subject of a header. Encoded words are decoded (RFC 2047), and characters that are
/// invisible or break lines become blanks.
pub(super) fn read(header: &[u8]) -> Option<String> {
    let message = MessageParser::default().parse_headers(header)?;
    let visible = |c: char| if c.is_control() || is_invisible(c) { ' ' } else { c };
    Some(message.subject()?.chars().map(visible).take(LONGEST).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_readable_short_and_in_one_line() {
        let read = |subject: &str| read(format!("Subject: {subject}\r\n\r\n").as_bytes());
        assert_eq!(read("Scan from mfp1").as_deref(), Some("Scan from mfp1"));
        assert_eq!(
            read("=?UTF-8?Q?Faktura_z=C5=82o=C5=BCona?=").as_deref(),
            Some("Faktura złożona")
        );
        assert_eq!(read("two\r\n lines").as_deref(), Some("two lines"));
        assert_eq!(read("=?UTF-8?Q?a=0A=E2=80=AEb?=").as_deref(), Some("a  b"));
        assert_eq!(read(&"x".repeat(900)).map(|subject| subject.len()), Some(LONGEST));
        assert_eq!(super::read(b"To: anna@contoso.com\r\n\r\n"), None);
    }
}
