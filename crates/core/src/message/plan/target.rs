//! One text part that gets the footer: what is found while its body passes, and the edits that
//! follow from it.

use std::ops::Range;

use encoding_rs::Encoding as Charset;

use crate::message::{
    codec::{Decoder, Encoding, base64_octets, quoted_printable},
    footer::Footer,
    plan::{
        edit_list::{Edit, FooterPlace, Insertion, Recoding, With},
        part_edits::{LeafEdits, restated, wrapped},
        rewriter::gap,
    },
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
#[derive(Clone)]
pub(super) struct Target {
    kind: Kind,
    stand: Stand,
    encoding: Encoding,
    charset: Option<String>,
    decoder: Decoder,
    seen: Seen,
    body: Range<u64>,
    /// The last raw octets.
    tail: [u8; 5],
}

/// Where something stands in a text: in the message, and in the decoded body.
#[derive(Clone, Copy)]
struct Place {
    raw: u64,
    decoded: u64,
}

/// A tag that is looked for in any letter case, and where it was seen last.
#[derive(Clone, Default)]
struct Tag {
    matched: usize,
    begins: Option<Place>,
    last: Option<Place>,
}

impl Tag {
    fn take(&mut self, tag: &[u8], octet: u8, place: Place) {
        if octet == b'<' {
            (self.matched, self.begins) = (1, Some(place));
        } else if self.matched > 0 && tag.get(self.matched) == Some(&octet.to_ascii_lowercase()) {
            self.matched += 1;
            if self.matched == tag.len() {
                (self.last, self.matched) = (self.begins, 0);
            }
        } else {
            self.matched = 0;
        }
    }
}

/// What the decoded text has shown.
#[derive(Clone, Default)]
struct Seen {
    octets: u64,
    tail: [u8; 2],
    high: u64,
    body: Tag,
    page: Tag,
    /// Octets of this line that are the armour's; none when the line is another.
    armor: Option<usize>,
    armored: bool,
}

impl Target {
    pub(super) fn new(
        body: u64,
        kind: Kind,
        encoding: Encoding,
        charset: Option<String>,
        stand: Stand,
    ) -> Self {
        let seen = Seen { armor: Some(0), ..Seen::default() };
        let decoder = Decoder::new(encoding);
        Self { kind, stand, encoding, charset, decoder, seen, body: body..body, tail: [0; 5] }
    }

    /// Reads on in the body.
    pub(super) fn read(&mut self, piece: &[u8]) {
        let Self { decoder, seen, tail, body, .. } = self;
        for octet in piece {
            decoder.push(*octet, body.end, &mut |octet, offset| seen.take(octet, offset));
            let [_, a, b, c, d] = *tail;
            *tail = [a, b, c, d, *octet];
            body.end += 1;
        }
    }

    /// The body has ended.
    pub(super) fn end(&mut self) {
        let Self { decoder, seen, .. } = self;
        decoder.finish(&mut |octet, offset| seen.take(octet, offset));
    }

    /// Whether the text is signed or encrypted in place.
    pub(super) const fn is_armored(&self) -> bool {
        self.seen.armored
    }

    /// The edits that put the footer in. `block` is the header of the part; `anew` is how the body
    /// has to be encoded for reasons of its own.
    pub(super) fn edits(
        &self,
        block: &[u8],
        footer: &Footer,
        nth: usize,
        anew: Option<Encoding>,
    ) -> LeafEdits {
        match self.kind {
            Kind::Plain => self.plain(block, footer, anew),
            Kind::Html => self.html(block, footer, nth, anew),
        }
    }

    /// True when the footer can be written in the charset of the part.
    pub(super) fn takes(&self, footer: &Footer) -> bool {
        self.kind == Kind::Html || self.wording(&footer.text).is_some()
    }

    fn plain(&self, block: &[u8], footer: &Footer, anew: Option<Encoding>) -> LeafEdits {
        let Some(wording) = self.wording(&footer.text) else {
            return LeafEdits::default();
        };
        let bare =
            self.encoding == Encoding::Identity && !wording.text.is_ascii() && self.seen.high == 0;
        let to = anew.or(bare.then_some(Encoding::QuotedPrintable)).unwrap_or(self.encoding);
        let header = (to != self.encoding || wording.charset.is_some()).then(|| {
            let encoding = (to != self.encoding).then_some(to);
            restated(block, wording.charset, encoding, self.stand == Stand::Alone)
        });
        let end = self.body.end;
        if bare || anew.is_some() || self.encoding == Encoding::Base64 {
            let edit = self.recoded(to, wording.text, FooterPlace::End);
            return LeafEdits { header, body: vec![edit] };
        }
        let text = if self.encoding == Encoding::QuotedPrintable {
            quoted_printable(&wording.text).into_bytes()
        } else {
            wording.text
        };
        let text = [self.gap(), &text, self.last_line_end()].concat();
        LeafEdits { header, body: vec![Edit { range: end..end, with: With::Text(text) }] }
    }

    /// The body in another encoding, with the footer inside.
    fn recoded(&self, to: Encoding, footer: Vec<u8>, place: FooterPlace) -> Edit {
        let ending = self.ending(to);
        let length = |octets: usize| u64::try_from(octets).unwrap_or(u64::MAX);
        let octets = (to == Encoding::Base64).then(|| {
            let around = match place {
                FooterPlace::At(_) => 0,
                // An empty line before it, and a line end after it.
                FooterPlace::End => gap(self.seen.octets, self.seen.tail).len() + 2,
            };
            let decoded = self.seen.octets + length(footer.len() + around);
            base64_octets(decoded) + length(ending.len())
        });
        let insertion = Some(Insertion { footer, place });
        let recoding = Recoding { from: self.encoding, to, insertion, ending, octets };
        Edit { range: self.body.clone(), with: With::Recoded(recoding) }
    }

    fn html(&self, block: &[u8], footer: &Footer, nth: usize, anew: Option<Encoding>) -> LeafEdits {
        let fragment = format!("{}\r\n", footer.html);
        let end = self.body.end;
        let close = self.seen.body.last.or(self.seen.page.last);
        let place = close.map_or(end, |close| close.raw);
        let mut header = None;
        let text = match self.encoding {
            _ if anew.is_some() => None,
            Encoding::Base64 => None,
            Encoding::Identity => Some(fragment.clone()),
            Encoding::QuotedPrintable => {
                // In the middle of a line: soft breaks around it keep both within their length.
                let (before, after) = match close {
                    Some(_) => ("=\r\n", "=\r\n"),
                    None => (self.soft_break(), ""),
                };
                Some(format!("{before}{}{after}", quoted_printable(fragment.as_bytes())))
            }
        };
        let edit = if let Some(text) = text {
            Edit { range: place..place, with: With::Text(text.into_bytes()) }
        } else {
            let place = close.map_or(FooterPlace::End, |close| FooterPlace::At(close.decoded));
            let to = anew.unwrap_or(self.encoding);
            if to != self.encoding {
                header = Some(restated(block, None, Some(to), self.stand == Stand::Alone));
            }
            self.recoded(to, fragment.into_bytes(), place)
        };
        let mut edits = LeafEdits { header, body: vec![edit] };
        if let Some(image) = footer.image_part() {
            self.add_image(block, &image, &footer.boundary(&format!("image{nth}")), &mut edits);
        }
        edits
    }

    /// Puts an image beside the text: in the `related` that it stands in, else in a new one.
    fn add_image(&self, block: &[u8], image: &[u8], boundary: &str, edits: &mut LeafEdits) {
        let text = match &self.stand {
            Stand::Root(boundary) => [b"\r\n--", boundary.as_slice(), b"\r\n", image].concat(),
            Stand::Alone | Stand::Inside => {
                let start = format!(
                    "Content-Type: multipart/related; boundary=\"{boundary}\"; \
                    type=\"text/html\"\r\n"
                );
                let block = edits.header.as_deref().unwrap_or(block);
                edits.header = Some(wrapped(block, &start, boundary, b""));
                let last: &[u8] = if self.stand == Stand::Alone { b"\r\n" } else { b"" };
                let (before, after) =
                    (format!("\r\n--{boundary}\r\n"), format!("\r\n--{boundary}--"));
                [before.as_bytes(), image, after.as_bytes(), last].concat()
            }
        };
        let end = self.body.end;
        edits.body.push(Edit { range: end..end, with: With::Text(text) });
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

    fn gap(&self) -> &'static [u8] {
        let [_, _, c, d, e] = self.tail;
        match self.encoding {
            // A soft line break at the end would join the footer to the last line.
            Encoding::QuotedPrintable if e == b'=' => b"\r\n\r\n\r\n",
            Encoding::QuotedPrintable if [c, d, e] == *b"=\r\n" => b"\r\n\r\n",
            Encoding::Identity | Encoding::QuotedPrintable | Encoding::Base64 => {
                gap(self.body.end - self.body.start, [d, e])
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
    fn take(&mut self, octet: u8, raw: u64) {
        let place = Place { raw, decoded: self.octets };
        self.octets += 1;
        self.tail = [self.tail[1], octet];
        self.high += u64::from(octet >= 0x80);
        self.body.take(BODY, octet, place);
        self.page.take(PAGE, octet, place);
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
