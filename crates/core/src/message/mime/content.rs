//! What the header of a part says about its body (RFC 2045 5, RFC 2183).

use mail_parser::{ContentType, Message, MessageParser, MimeHeaders};

use crate::message::header::HeaderBlock;

/// What a part says it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::message) struct Content {
    pub(in crate::message) kind: Kind,
    /// As it is written, in small letters.
    pub(in crate::message) charset: Option<String>,
    /// Whether it is to be saved and not shown (RFC 2183 2.2).
    pub(in crate::message) attached: bool,
}

/// What kind of body follows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::message) enum Kind {
    /// `text/plain`, or no type (RFC 2045 5.2).
    Plain,
    /// `text/html`.
    Html,
    /// Another text.
    OtherText,
    /// Parts between lines with this boundary.
    Multipart { subtype: String, boundary: Vec<u8> },
    /// A whole message (RFC 2046 5.2.1).
    Message,
    /// A piece of a message, or a reference to one (RFC 2046 5.2.2, 5.2.3). It may not be encoded.
    Fragment,
    /// Signed or encrypted: a changed octet would break it (RFC 1847 2.1, RFC 8551).
    Sealed,
    /// A signature that stands beside what it signs.
    Signature,
    /// A multipart that does not say how its parts are told apart, or a header that is too long.
    Unreadable,
    /// Anything else.
    Document,
}

impl Content {
    /// What `header` says.
    pub(in crate::message) fn of(header: &HeaderBlock<'_>) -> Self {
        let block = header.only(&["Content-Type", "Content-Disposition"]);
        let parsed = MessageParser::default().parse_headers(&block);
        let content = parsed.as_ref().and_then(Message::content_type);
        let attached = parsed
            .as_ref()
            .and_then(|header| header.content_disposition())
            .is_some_and(ContentType::is_attachment);
        let charset = content
            .and_then(|content| content.attribute("charset"))
            .map(|charset| charset.trim().to_ascii_lowercase());
        Self { kind: kind(content), charset, attached }
    }

    /// Of a part whose header is not read.
    pub(in crate::message) const fn unreadable() -> Self {
        Self { kind: Kind::Unreadable, charset: None, attached: false }
    }
}

fn kind(content: Option<&ContentType<'_>>) -> Kind {
    let Some(content) = content else {
        return Kind::Plain;
    };
    let subtype = content.subtype().unwrap_or_default().to_ascii_lowercase();
    match (content.ctype().to_ascii_lowercase().as_str(), subtype.as_str()) {
        ("text", "plain" | "") => Kind::Plain,
        ("text", "html") => Kind::Html,
        ("text", _) => Kind::OtherText,
        ("multipart", "signed" | "encrypted")
        | ("application", "pkcs7-mime" | "x-pkcs7-mime" | "pgp" | "pgp-encrypted") => Kind::Sealed,
        ("application", "pkcs7-signature" | "x-pkcs7-signature" | "pgp-signature") => {
            Kind::Signature
        }
        ("multipart", _) => match content.attribute("boundary").map(str::trim_end) {
            None | Some("") => Kind::Unreadable,
            Some(boundary) => Kind::Multipart { subtype, boundary: boundary.as_bytes().to_vec() },
        },
        ("message", "rfc822") => Kind::Message,
        ("message", "partial" | "external-body") => Kind::Fragment,
        _ => Kind::Document,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_what_its_first_usable_type_says() {
        let check = |header: &str, expected: Kind| {
            let text = format!("{header}\r\n\r\n");
            assert_eq!(Content::of(&HeaderBlock::read(text.as_bytes())).kind, expected, "{header}");
        };
        let multipart = |subtype: &str| Kind::Multipart {
            subtype: subtype.to_owned(),
            boundary: b"a b".to_vec(),
        };
        check("Subject: x", Kind::Plain);
        check("Content-Type: text/HTML; charset=x", Kind::Html);
        check("Content-Type: text/calendar", Kind::OtherText);
        check("CONTENT-TYPE: Multipart/Mixed;\r\n BOUNDARY=\"a b\"", multipart("mixed"));
        check("Content-Type: multipart/x; boundary=\"a b\"", multipart("x"));
        check("Content-Type: multipart/mixed", Kind::Unreadable);
        check("Content-Type: multipart/mixed; boundary=\"\"", Kind::Unreadable);
        check("Content-Type: multipart/signed; boundary=x", Kind::Sealed);
        check("Content-Type: application/pkcs7-mime", Kind::Sealed);
        check("Content-Type: application/pgp-signature", Kind::Signature);
        check("Content-Type: message/rfc822", Kind::Message);
        check("Content-Type: message/partial", Kind::Fragment);
        check("Content-Type: message/delivery-status", Kind::Document);
        check("Content-Type: application/pdf\r\nContent-Type: text/html", Kind::Document);
        check("Content-Type:\r\nContent-Type: text/html", Kind::Html);
    }
}
