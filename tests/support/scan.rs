//! Messages to hand in, and the proof that they arrived unchanged.
//!
//! Each message is made from its number and a seed alone, so that a failure can be repeated.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use mail_parser::MessageParser;
use rand::{Rng as _, RngCore as _, SeedableRng as _, rngs::StdRng};
use sha2::{Digest as _, Sha256};

/// The header field that tells messages apart wherever they turn up.
pub(crate) const MARK: &str = "X-Scan";

/// What is peculiar about a message, besides its size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// A text and a document, base64.
    Document,
    /// Two attachments.
    TwoDocuments,
    /// Lines of dots, some at the very start and end of the body.
    Dots,
    /// A header block and nothing else.
    Empty,
    /// UTF-8 as it is, `Content-Transfer-Encoding: 8bit`.
    EightBit,
    /// Every line as long as RFC 5322 2.1.1 allows: 998 octets.
    LongLines,
}

impl Kind {
    /// All of them; documents most often, as in an office.
    const MIX: [Self; 8] = [
        Self::Document,
        Self::Dots,
        Self::Document,
        Self::TwoDocuments,
        Self::Empty,
        Self::EightBit,
        Self::Document,
        Self::LongLines,
    ];

    /// The kind of the message of this number.
    pub(crate) fn of(number: usize) -> Self {
        Self::MIX[number % Self::MIX.len()]
    }
}

/// A message ready to hand in, lines ended by CRLF, without dot-stuffing and final dot.
pub(crate) struct Scan {
    /// Value of its [`MARK`].
    pub(crate) mark: String,
    /// Header block, empty line, body.
    pub(crate) text: Vec<u8>,
    /// What must arrive.
    pub(crate) proof: Proof,
}

/// What must arrive of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Proof {
    /// SHA-256 of everything after the header block.
    body: String,
    /// SHA-256 of each attachment, decoded.
    attachments: Vec<String>,
    /// Header fields, each with its value.
    fields: Vec<(String, String)>,
}

impl Scan {
    /// Makes a message of about `size` octets, sent by `from`.
    pub(crate) fn new(mark: String, kind: Kind, size: usize, from: &str) -> Self {
        let mut random = StdRng::seed_from_u64(u64::from_be_bytes(
            digest(mark.as_bytes())[..8].try_into().unwrap(),
        ));
        let mut head = format!(
            "From: \"Scanner, 2nd floor\" <{from}>\r\n\
             To: <archive@contoso.com>\r\n\
             Subject: Scan {mark}\r\n\
             Date: Mon, 23 Nov 2026 09:30:00 +0100\r\n\
             Message-ID: <{mark}@scanner.contoso.com>\r\n\
             MIME-Version: 1.0\r\n\
             X-Mailer: a scanner's own field;\r\n\tfolded\r\n\
             {MARK}: {mark}\r\n"
        );
        let mut attachments = Vec::new();
        let body = match kind {
            Kind::Document | Kind::TwoDocuments => {
                let count = if kind == Kind::Document { 1 } else { 2 };
                head.push_str("Content-Type: multipart/mixed; boundary=\"=_page\"\r\n");
                let (body, digests) = documents(count, size, &mut random);
                attachments = digests;
                body
            }
            Kind::Dots => lines(size, || {
                ".".repeat(random.random_range(1..6))
                    + ["", " ", "x", " .", "\t"][random.random_range(0..5)]
            }),
            Kind::Empty => Vec::new(),
            Kind::EightBit => {
                head.push_str(
                    "Content-Type: text/plain; \
                    charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n",
                );
                lines(size, || {
                    "Grüße aus dem Büro, 10 €, Ελληνικά, 日本語 "
                        .repeat(random.random_range(1..9))
                        .trim_end()
                        .to_owned()
                })
            }
            Kind::LongLines => {
                lines(size, || char::from(random.random_range(b'a'..=b'z')).to_string().repeat(998))
            }
        };
        let fields = ["From", "To", "Subject", "Date", "Message-ID", "X-Mailer", MARK];
        let fields = fields.map(|name| (name.to_owned(), field(&head, name).unwrap())).to_vec();
        let proof = Proof { body: hex(&digest(&body)), attachments, fields };
        let text = [head.as_bytes(), b"\r\n", &body].concat();
        Self { mark, text, proof }
    }

    /// The message with one more empty line at its end, which smtp-source adds to whatever it
    /// sends.
    pub(crate) fn with_empty_line(mut self) -> Self {
        self.text.extend_from_slice(b"\r\n");
        let body = self.text.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
        self.proof.body = hex(&digest(&self.text[body..]));
        self
    }

    /// The text as smtp-source takes it: lines ended by LF, without the empty line that it adds.
    pub(crate) fn for_smtp_source(&self) -> Vec<u8> {
        let text = self.text.strip_suffix(b"\r\n").unwrap();
        let mut file = Vec::with_capacity(text.len());
        for (at, octet) in text.iter().enumerate() {
            if *octet != b'\r' || text.get(at + 1) != Some(&b'\n') {
                file.push(*octet);
            }
        }
        file
    }

    /// The text as swaks takes it when it is told to change nothing: it adds the last line end by
    /// itself.
    pub(crate) fn for_swaks(&self) -> Vec<u8> {
        let mut wire = self.stuffed();
        wire.truncate(wire.len() - 2);
        wire
    }

    /// The text as it goes over the wire after `DATA` (RFC 5321 4.5.2), with the final dot.
    pub(crate) fn stuffed(&self) -> Vec<u8> {
        let mut wire = Vec::with_capacity(self.text.len() + 64);
        for line in self.text.split_inclusive(|octet| *octet == b'\n') {
            if line.starts_with(b".") {
                wire.push(b'.');
            }
            wire.extend_from_slice(line);
        }
        wire.extend_from_slice(b".\r\n");
        wire
    }
}

/// A multipart body of about `size` octets with `count` attachments, and the digest of each.
fn documents(count: usize, size: usize, random: &mut StdRng) -> (Vec<u8>, Vec<String>) {
    let mut digests = Vec::new();
    let mut body =
        "--=_page\r\nContent-Type: text/plain\r\n\r\nThe scan is attached.\r\n".to_owned();
    for n in 0..count {
        // Base64 in lines of 76: 78 octets carry 57.
        let mut content = vec![0; (size / count).saturating_sub(600) * 57 / 78];
        random.fill_bytes(&mut content);
        digests.push(hex(&digest(&content)));
        write!(
            body,
            "--=_page\r\nContent-Type: application/pdf; \
            name=\"scan{n}.pdf\"\r\nContent-Disposition: attachment; \
            filename=\"scan{n}.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        )
        .unwrap();
        push_base64(&mut body, &content);
    }
    body.push_str("--=_page--\r\n");
    (body.into_bytes(), digests)
}

impl Proof {
    /// What is wrong with a message as it arrived; nothing when it is the one that was handed in.
    pub(crate) fn faults(&self, arrived: &[u8]) -> Vec<String> {
        let end = arrived
            .windows(4)
            .position(|w| w == b"\r\n\r\n")
            .unwrap_or(arrived.len().saturating_sub(4));
        let head = String::from_utf8_lossy(&arrived[..end + 2]).into_owned();
        let body = &arrived[end + 4..];
        let mut faults = Vec::new();
        let mut compare = |what: &str, expected: &str, seen: &str| {
            if expected != seen {
                faults.push(format!("{what}: handed in {expected:?}, arrived {seen:?}"));
            }
        };
        for (name, value) in &self.fields {
            compare(name, value, &field(&head, name).unwrap_or_default());
        }
        compare("SHA-256 of the body", &self.body, &hex(&digest(body)));
        let message = MessageParser::default().parse(arrived).unwrap();
        let attachments: Vec<String> =
            message.attachments().map(|part| hex(&digest(part.contents()))).collect();
        compare("SHA-256 of the attachments", &self.attachments.join(" "), &attachments.join(" "));
        if !head.starts_with("Received: ") {
            faults.push(format!(
                "no trace at the top (RFC 5321 4.4): {}",
                head.lines().next().unwrap_or_default()
            ));
        }
        faults
    }
}

/// The value of a header field, unfolded (RFC 5322 2.2.3).
pub(crate) fn field(head: &str, name: &str) -> Option<String> {
    let unfolded = head.replace("\r\n\t", "\t").replace("\r\n ", " ");
    let value = |line: &str| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    };
    unfolded.split("\r\n").find_map(value)
}

/// The mark of a message as it arrived.
pub(crate) fn mark(arrived: &[u8]) -> Option<String> {
    let head = arrived
        .windows(4)
        .position(|w| w == b"\r\n\r\n")
        .map_or(arrived, |end| &arrived[..end + 2]);
    field(&String::from_utf8_lossy(head), MARK)
}

/// Sizes spread evenly over the orders of magnitude between two bounds, both included.
pub(crate) fn sizes(count: usize, smallest: f64, largest: f64) -> Vec<usize> {
    let step = |n: usize| {
        f64::from(u32::try_from(n).unwrap()) / f64::from(u32::try_from(count.max(2) - 1).unwrap())
    };
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "sizes are positive and far below 2^53"
    )]
    let sizes =
        (0..count).map(|n| (smallest * (largest / smallest).powf(step(n))) as usize).collect();
    sizes
}

fn lines(size: usize, mut line: impl FnMut() -> String) -> Vec<u8> {
    let mut body = Vec::with_capacity(size + 1100);
    while body.len() < size {
        body.extend_from_slice(line().as_bytes());
        body.extend_from_slice(b"\r\n");
    }
    body
}

fn push_base64(into: &mut String, content: &[u8]) {
    for line in content.chunks(57) {
        STANDARD.encode_string(line, into);
        into.push_str("\r\n");
    }
}

fn digest(octets: &[u8]) -> [u8; 32] {
    Sha256::digest(octets).into()
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        write!(text, "{octet:02x}").unwrap();
        text
    })
}
