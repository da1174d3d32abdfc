//! The footer as the config has it, and as one message gets it.

use std::{fmt::Write as _, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use thiserror::Error;

use crate::message::codec::quoted_printable;

/// The placeholders, and what each stands for.
pub const PLACEHOLDERS: &[(&str, &str)] = &[
    ("device", "the device's name in the config"),
    ("sender", "the address that the device gave as its sender"),
    ("account", "the account's name in the config"),
    ("date", "the day on which the message was handed in, as 2027-05-01, in UTC"),
    ("time", "the time of day at which it was handed in, as 14:05, in UTC"),
    ("hostname", "`hostname` of the config"),
    ("id", "the message's id in the queue"),
    ("image", "in HTML: the address of the image, for `<img src=\"{image}\">`"),
];

/// A placeholder that does not exist.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("there is no placeholder {{{0}}}")]
pub struct UnknownPlaceholder(pub String);

/// An image shown by the HTML footer.
#[derive(Clone, PartialEq, Eq)]
pub struct FooterImage {
    /// `image/png` and the like.
    pub content_type: &'static str,
    /// Its name without folders.
    pub name: String,
    /// What it consists of.
    pub octets: Vec<u8>,
}

/// What an account puts at the end of each message.
#[derive(Clone, PartialEq, Eq)]
pub struct FooterTemplate {
    text: Vec<Piece>,
    html: Option<Vec<Piece>>,
    image: Option<Arc<FooterImage>>,
}

#[derive(Clone, PartialEq, Eq)]
enum Piece {
    Words(String),
    Place(&'static str),
}

/// What placeholders are filled with.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Value of each placeholder but `image`.
    pub values: Vec<(&'static str, String)>,
    /// Tells this message's boundaries and image from others'; the same at each attempt.
    pub tag: String,
}

/// A footer for one message. Line ends are CRLF; the last line has none.
#[derive(Clone, PartialEq, Eq)]
pub struct Footer {
    pub(in crate::message) text: String,
    /// ASCII: what is not stands as a character reference, so that it fits into every charset.
    pub(in crate::message) html: String,
    /// Whether a message without any text gets HTML beside plain text.
    pub(in crate::message) rich: Rich,
    pub(in crate::message) image: Option<Arc<FooterImage>>,
    pub(in crate::message) tag: String,
}

/// Whether the config has more than plain text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::message) enum Rich {
    Yes,
    No,
}

impl std::fmt::Debug for FooterTemplate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FooterTemplate")
    }
}

impl FooterTemplate {
    /// Understands the texts.
    ///
    /// # Errors
    /// With the first placeholder that does not exist.
    pub fn new(
        text: &str,
        html: Option<&str>,
        image: Option<FooterImage>,
    ) -> Result<Self, UnknownPlaceholder> {
        let html = html.map(pieces).transpose()?;
        Ok(Self { text: pieces(text)?, html, image: image.map(Arc::new) })
    }

    /// The footer of one message.
    #[must_use]
    pub fn fill(&self, facts: &Facts) -> Footer {
        let text = join(&self.text, facts, str::to_owned);
        let cid = format!("footer-{}@postroom", facts.tag);
        let shown = format!("<br><img src=\"cid:{cid}\" alt=\"\">");
        // A block of its own: whatever stands before it, even text without any markup, is not
        // joined to it.
        let (open, mut html, close) = match &self.html {
            Some(pieces) => (
                "<div>",
                join(pieces, facts, |value| {
                    if value == IMAGE { format!("cid:{cid}") } else { escaped(value) }
                }),
                "</div>",
            ),
            None => ("<p>", escaped(text.trim_end()).replace('\n', "<br>\n"), "</p>"),
        };
        if self.image.is_some() && !html.contains(&cid) {
            html.push_str(&shown);
        }
        let html = format!("{open}{}{close}", html.trim_end());
        let rich = if self.html.is_some() || self.image.is_some() { Rich::Yes } else { Rich::No };
        Footer {
            text: crlf(&text.replace(IMAGE, "")),
            html: ascii(&crlf(&html)),
            rich,
            image: self.image.clone(),
            tag: facts.tag.clone(),
        }
    }
}

/// Stands for the image until it is known what kind of text it is in. No fact contains a control
/// character.
const IMAGE: &str = "\u{1}";

fn pieces(text: &str) -> Result<Vec<Piece>, UnknownPlaceholder> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let name = after.split_once('}').map(|(name, _)| name).filter(|name| is_name(name));
        pieces.push(Piece::Words(before.to_owned()));
        match name {
            Some(name) => {
                let known = PLACEHOLDERS.iter().find(|(known, _)| *known == name);
                let (known, _) = known.ok_or_else(|| UnknownPlaceholder(name.to_owned()))?;
                pieces.push(Piece::Place(known));
                rest = after.get(name.len() + 1..).unwrap_or_default();
            }
            // A style sheet's brace, for example.
            None => {
                pieces.push(Piece::Words("{".to_owned()));
                rest = after;
            }
        }
    }
    pieces.push(Piece::Words(rest.to_owned()));
    Ok(pieces)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_lowercase() || octet == b'_')
}

fn join(pieces: &[Piece], facts: &Facts, render: impl Fn(&str) -> String) -> String {
    let value = |name: &str| {
        let known = facts.values.iter().find(|(known, _)| *known == name);
        known.map_or_else(|| IMAGE.to_owned(), |(_, value)| value.replace(char::is_control, " "))
    };
    pieces
        .iter()
        .map(|piece| match piece {
            Piece::Words(words) => words.clone(),
            Piece::Place(name) => render(&value(name)),
        })
        .collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// HTML 4 5.3.1: a character may be written as its number.
fn ascii(html: &str) -> String {
    html.chars().fold(String::with_capacity(html.len()), |mut text, character| {
        if character.is_ascii() {
            text.push(character);
        } else {
            // Writing to a String cannot fail.
            write!(text, "&#{};", u32::from(character)).unwrap_or_default();
        }
        text
    })
}

fn crlf(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n").trim_end().replace('\n', "\r\n")
}

impl Footer {
    /// A boundary of this message's own.
    pub(in crate::message) fn boundary(&self, which: &str) -> String {
        format!("=_footer_{which}_{}", self.tag)
    }

    /// A part for a message that has no text: header, empty line, body without its last line end.
    pub(in crate::message) fn whole_part(&self) -> Vec<u8> {
        let plain = format!(
            "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: \
            quoted-printable\r\n\r\n{}",
            quoted_printable(self.text.as_bytes())
        );
        match self.rich {
            Rich::No => plain.into_bytes(),
            Rich::Yes => {
                let boundary = self.boundary("alternative");
                let html = String::from_utf8_lossy(&self.html_part()).into_owned();
                let head =
                    format!("Content-Type: multipart/alternative; boundary=\"{boundary}\"\r\n\r\n");
                format!("{head}--{boundary}\r\n{plain}\r\n--{boundary}\r\n{html}\r\n--{boundary}--")
                    .into_bytes()
            }
        }
    }

    fn html_part(&self) -> Vec<u8> {
        let page = format!("<html><body>{}</body></html>", self.html);
        let html = format!(
            "Content-Type: text/html; charset=us-ascii\r\nContent-Transfer-Encoding: \
            quoted-printable\r\n\r\n{}",
            quoted_printable(page.as_bytes())
        );
        let Some(image) = self.image_part() else {
            return html.into_bytes();
        };
        let boundary = self.boundary("new");
        let head = format!(
            "Content-Type: multipart/related; boundary=\"{boundary}\"; \
            type=\"text/html\"\r\n\r\n--{boundary}\r\n"
        );
        [
            head.as_bytes(),
            html.as_bytes(),
            format!("\r\n--{boundary}\r\n").as_bytes(),
            &image,
            format!("\r\n--{boundary}--").as_bytes(),
        ]
        .concat()
    }

    /// RFC 2392: what `cid:` refers to.
    pub(in crate::message) fn image_part(&self) -> Option<Vec<u8>> {
        let FooterImage { content_type, name, octets } = self.image.as_deref()?;
        let mut part = format!(
            "Content-Type: {content_type}; name=\"{name}\"\r\nContent-Transfer-Encoding: \
            base64\r\nContent-ID: <footer-{}@postroom>\r\nContent-Disposition: inline; \
            filename=\"{name}\"\r\n",
            self.tag
        );
        for line in octets.chunks(57) {
            part.push_str("\r\n");
            STANDARD.encode_string(line, &mut part);
        }
        Some(part.into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            values: vec![("device", "<Büro> 1".to_owned()), ("date", "2027-05-01".to_owned())],
            tag: "t1".to_owned(),
        }
    }

    #[test]
    fn placeholders_are_filled_and_escaped_in_html() {
        let template = FooterTemplate::new(
            "Scan by {device}\non {date}\n",
            Some("<style>p {color:red}</style><p>{device}</p>"),
            None,
        )
        .unwrap();
        let footer = template.fill(&facts());
        assert_eq!(footer.text, "Scan by <Büro> 1\r\non 2027-05-01");
        assert_eq!(
            footer.html,
            "<div><style>p {color:red}</style><p>&lt;B&#252;ro&gt; 1</p></div>"
        );
    }

    #[test]
    fn an_unknown_placeholder_is_named() {
        assert_eq!(
            FooterTemplate::new("{devise}", None, None),
            Err(UnknownPlaceholder("devise".into()))
        );
        assert!(FooterTemplate::new("{ device } {} {Device} {", None, None).is_ok());
    }

    #[test]
    fn html_is_made_from_the_text_when_there_is_none_and_shows_the_image() {
        let image = FooterImage {
            content_type: "image/png",
            name: "logo.png".into(),
            octets: vec![1, 2, 3],
        };
        let footer =
            FooterTemplate::new("a & b\nc", None, Some(image.clone())).unwrap().fill(&facts());
        assert_eq!(
            footer.html,
            "<p>a &amp; b<br>\r\nc<br><img src=\"cid:footer-t1@postroom\" alt=\"\"></p>"
        );
        let footer = FooterTemplate::new("x{image}", Some("<img src=\"{image}\">"), Some(image))
            .unwrap()
            .fill(&facts());
        assert_eq!(
            (footer.text.as_str(), footer.html.as_str()),
            ("x", "<div><img src=\"cid:footer-t1@postroom\"></div>")
        );
    }
}
