//! One text part that gets the footer: what is found while its body passes, and the edits that
//! follow from it.

use std::ops::Range;

use encoding_rs::Encoding as Charset;
use mail_parser::{Message, MimeHeaders};

use crate::message::{
    footer::{
        codec::{Decoder, quoted_printable},
        footer_inserter::gap,
        plan::{Edit, Encoding, FooterPlace, Recoding, With},
        template::Footer,
    },
    header::HeaderBlock,
};

/// What begins the end of an HTML text. The footer goes before the last one.
const BODY: &[u8] = b"</body";
/// The same in a text that leaves `</body>` out (HTML 4 7.5.1 lets it).
const PAGE: &[u8] = b"</html";
/// What begins a text signed or encrypted in place (RFC 9580 6.2).
const ARMOR: &[u8] = b"-----BEGIN PGP ";

/// Which text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Plain,
    Html,
}

/// Where a part stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Stand {
    /// It is the message.
    Alone,
    /// In a multipart that is not a `related`.
    Inside,
    /// The root of a `multipart/related` with this boundary: an image can stand beside it.
    Root(Vec<u8>),
}

/// A text part, read up to here.
pub(super) struct Target {
    header: Range<u64>,
    block: Vec<u8>,
    kind: Kind,
    stand: Stand,
    encoding: Encoding,
    charset: Option<String>,
    decoder: Decoder,
    seen: Seen,
    /// The last raw octets: the line end before a boundary, and three before it.
    tail: [u8; 5],
    length: u64,
}

/// A tag that is looked for in any letter case, and where it was seen last.
#[derive(Default)]
struct Tag {
    matched: usize,
    begins: u64,
    last: Option<u64>,
}

impl Tag {
    fn take(&mut self, tag: &[u8], octet: u8, offset: u64) {
        if octet == b'<' {
            (self.matched, self.begins) = (1, offset);
        } else if self.matched > 0 && tag.get(self.matched) == Some(&octet.to_ascii_lowercase()) {
            self.matched += 1;
            if self.matched == tag.len() {
                (self.last, self.matched) = (Some(self.begins), 0);
            }
        } else {
            self.matched = 0;
        }
    }
}

/// What the decoded text has shown.
#[derive(Default)]
struct Seen {
    high: u64,
    body: Tag,
    page: Tag,
    /// Octets of this line that are the armour's; none when the line is another.
    armor: Option<usize>,
    armored: bool,
}

impl Target {
    pub(super) fn new(
        header: Range<u64>,
        block: Vec<u8>,
        parsed: Option<&Message<'_>>,
        kind: Kind,
        encoding: Encoding,
        stand: Stand,
    ) -> Self {
        let charset = parsed.and_then(|header| {
            header.content_type()?.attribute("charset").map(str::to_ascii_lowercase)
        });
        let seen = Seen { armor: Some(0), ..Seen::default() };
        Self {
            header,
            block,
            kind,
            stand,
            encoding,
            charset,
            decoder: Decoder::new(encoding),
            seen,
            tail: [0; 5],
            length: 0,
        }
    }

    /// Reads on in the body.
    pub(super) fn read(&mut self, piece: &[u8]) {
        let Self { decoder, seen, tail, length, header, .. } = self;
        for octet in piece {
            decoder
                .push(*octet, header.end + *length, &mut |octet, offset| seen.take(octet, offset));
            let [_, a, b, c, d] = *tail;
            *tail = [a, b, c, d, *octet];
            *length += 1;
        }
    }

    /// Whether the text is signed or encrypted in place.
    pub(super) const fn is_armored(&self) -> bool {
        self.seen.armored
    }

    /// The edits that put the footer in, when the body ends at `end`.
    pub(super) fn edits(mut self, end: u64, footer: &Footer, nth: usize) -> Vec<Edit> {
        let Self { decoder, seen, .. } = &mut self;
        decoder.finish(&mut |octet, offset| seen.take(octet, offset));
        let end = end.max(self.header.end);
        // The line end before a boundary is the boundary's (RFC 2046 5.1.1).
        let behind =
            usize::try_from((self.header.end + self.length).saturating_sub(end)).unwrap_or(0);
        self.tail.rotate_right(behind.min(2));
        self.length = end - self.header.end;
        match self.kind {
            Kind::Plain => self.plain(end, footer),
            Kind::Html => self.html(end, footer, nth),
        }
    }

    fn plain(self, end: u64, footer: &Footer) -> Vec<Edit> {
        let Some(wording) = self.wording(&footer.text) else {
            return Vec::new();
        };
        let mut edits = Vec::new();
        let bare =
            self.encoding == Encoding::Identity && !wording.text.is_ascii() && self.seen.high == 0;
        let to = if bare { Encoding::QuotedPrintable } else { self.encoding };
        if bare || wording.charset.is_some() {
            edits.push(Edit {
                range: self.header.clone(),
                with: With::Text(self.restated(wording.charset, to)),
            });
        }
        let with = if bare || self.encoding == Encoding::Base64 {
            let recoding = Recoding {
                from: self.encoding,
                to,
                footer: wording.text,
                place: FooterPlace::End,
                ending: self.ending(to),
            };
            edits.push(Edit { range: self.header.end..end, with: With::Recoded(recoding) });
            return edits;
        } else if self.encoding == Encoding::QuotedPrintable {
            With::Text(
                [self.gap(), quoted_printable(&wording.text).as_bytes(), self.last_line_end()]
                    .concat(),
            )
        } else {
            With::Text([self.gap(), &wording.text, self.last_line_end()].concat())
        };
        edits.push(Edit { range: end..end, with });
        edits
    }

    fn html(self, end: u64, footer: &Footer, nth: usize) -> Vec<Edit> {
        let fragment = format!("{}\r\n", footer.html);
        let mut edits = Vec::new();
        let image = footer.image_part();
        let boundary = footer.boundary(&format!("image{nth}"));
        if image.is_some() && !matches!(self.stand, Stand::Root(_)) {
            let start = format!(
                "Content-Type: multipart/related; boundary=\"{boundary}\"; type=\"text/html\"\r\n"
            );
            edits.push(Edit {
                range: self.header.clone(),
                with: With::Text(wrapped(&self.block, &start, &boundary, b"")),
            });
        }
        let close = self.seen.body.last.or(self.seen.page.last);
        let place = close.unwrap_or(end);
        match self.encoding {
            Encoding::Identity => {
                edits.push(Edit { range: place..place, with: With::Text(fragment.into_bytes()) });
            }
            Encoding::QuotedPrintable => {
                // In the middle of a line: soft breaks around it keep both within their length.
                let (before, after) = match close {
                    Some(_) => ("=\r\n", "=\r\n"),
                    None => (self.soft_break(), ""),
                };
                let text = format!("{before}{}{after}", quoted_printable(fragment.as_bytes()));
                edits.push(Edit { range: place..place, with: With::Text(text.into_bytes()) });
            }
            Encoding::Base64 => {
                let place = close.map_or(FooterPlace::End, FooterPlace::At);
                let (to, ending) = (Encoding::Base64, self.ending(Encoding::Base64));
                let recoding = Recoding {
                    from: Encoding::Base64,
                    to,
                    footer: fragment.into_bytes(),
                    place,
                    ending,
                };
                edits.push(Edit { range: self.header.end..end, with: With::Recoded(recoding) });
            }
        }
        if let Some(image) = image {
            let text = match &self.stand {
                Stand::Root(boundary) => [b"\r\n--", boundary.as_slice(), b"\r\n", &image].concat(),
                Stand::Alone | Stand::Inside => {
                    let last: &[u8] = if self.stand == Stand::Alone { b"\r\n" } else { b"" };
                    [
                        format!("\r\n--{boundary}\r\n").as_bytes(),
                        &image,
                        format!("\r\n--{boundary}--").as_bytes(),
                        last,
                    ]
                    .concat()
                }
            };
            edits.push(Edit { range: end..end, with: With::Text(text) });
        }
        edits
    }

    /// The footer in the part's charset.
    fn wording(&self, text: &str) -> Option<Wording> {
        if text.is_ascii() {
            // True in every charset in which mail is written but UTF-16 and its like.
            let fits = self
                .charset
                .as_deref()
                .is_none_or(|name| !name.starts_with("utf-16") && !name.starts_with("utf-32"));
            return fits.then(|| Wording { text: text.as_bytes().to_vec(), charset: None });
        }
        let lossy = || {
            text.chars()
                .map(|c| if c.is_ascii() { c } else { '?' })
                .collect::<String>()
                .into_bytes()
        };
        match self.charset.as_deref() {
            None | Some("us-ascii" | "ascii") if self.seen.high == 0 => {
                Some(Wording { text: text.as_bytes().to_vec(), charset: Some("utf-8") })
            }
            // Nobody knows how the text is meant.
            None | Some("us-ascii" | "ascii") => Some(Wording { text: lossy(), charset: None }),
            Some(name) => match Charset::for_label(name.as_bytes()) {
                Some(charset)
                    if charset.is_ascii_compatible() || charset == encoding_rs::ISO_2022_JP =>
                {
                    Some(Wording { text: encoded(charset, text), charset: None })
                }
                Some(_utf_16) => None,
                None => Some(Wording { text: lossy(), charset: None }),
            },
        }
    }

    /// The part's header with another charset or encoding.
    fn restated(&self, charset: Option<&'static str>, to: Encoding) -> Vec<u8> {
        let mut header = HeaderBlock::read(&self.block);
        if let Some(charset) = charset {
            let value = header
                .find("Content-Type")
                .map_or_else(|| "text/plain".to_owned(), crate::message::header::Field::value);
            let kept = value.split(';').map(str::trim).filter(|part| {
                !part.is_empty() && !part.to_ascii_lowercase().starts_with("charset")
            });
            let value = kept.collect::<Vec<_>>().join("; ");
            header.replace("Content-Type", format!("Content-Type: {value}; charset={charset}\r\n"));
        }
        if to == Encoding::QuotedPrintable {
            header.replace(
                "Content-Transfer-Encoding",
                "Content-Transfer-Encoding: quoted-printable\r\n".to_owned(),
            );
        }
        header.render()
    }

    fn gap(&self) -> &'static [u8] {
        let [_, _, c, d, e] = self.tail;
        match self.encoding {
            // A soft line break at the end would join the footer to the last line.
            Encoding::QuotedPrintable if e == b'=' => b"\r\n\r\n\r\n",
            Encoding::QuotedPrintable if [c, d, e] == *b"=\r\n" => b"\r\n\r\n",
            Encoding::Identity | Encoding::QuotedPrintable | Encoding::Base64 => {
                gap(self.length, [d, e])
            }
        }
    }

    /// What makes a soft line break of the end of a quoted-printable text, where it has not one
    /// already.
    fn soft_break(&self) -> &'static str {
        match self.tail {
            [_, _, _, _, b'='] => "\r\n",
            [_, _, b'=', b'\r', b'\n'] => "",
            _ => "=\r\n",
        }
    }

    fn last_line_end(&self) -> &'static [u8] {
        match self.stand {
            Stand::Alone => b"\r\n",
            Stand::Inside | Stand::Root(_) => b"",
        }
    }

    fn ending(&self, to: Encoding) -> &'static [u8] {
        match to {
            // Its text ends with a line end already.
            Encoding::QuotedPrintable | Encoding::Identity => b"",
            Encoding::Base64 => self.last_line_end(),
        }
    }
}

struct Wording {
    text: Vec<u8>,
    /// What the part's charset becomes.
    charset: Option<&'static str>,
}

impl Seen {
    fn take(&mut self, octet: u8, offset: u64) {
        self.high += u64::from(octet >= 0x80);
        self.body.take(BODY, octet, offset);
        self.page.take(PAGE, octet, offset);
        self.armor = match self.armor {
            _ if octet == b'\n' => Some(0),
            Some(matched) if ARMOR.get(matched) == Some(&octet) => Some(matched + 1),
            Some(_) | None => None,
        };
        self.armored |= self.armor == Some(ARMOR.len());
    }
}

/// What the charset has no character for becomes a question mark.
fn encoded(charset: &'static Charset, text: &str) -> Vec<u8> {
    let fits = |character: &char| {
        let mut buffer = [0; 4];
        let (_, _, unmappable) = charset.encode(character.encode_utf8(&mut buffer));
        !unmappable
    };
    let text: String =
        text.chars().map(|character| if fits(&character) { character } else { '?' }).collect();
    charset.encode(&text).0.into_owned()
}

/// A header whose `Content-…` fields go into a part of a new multipart: `start` says which,
/// `before` stands ahead of that part.
pub(super) fn wrapped(block: &[u8], start: &str, boundary: &str, before: &[u8]) -> Vec<u8> {
    let (outer, inner) = HeaderBlock::read(block).without_content();
    [
        &outer,
        start.as_bytes(),
        b"\r\n",
        before,
        b"--",
        boundary.as_bytes(),
        b"\r\n",
        &inner,
        b"\r\n",
    ]
    .concat()
}
