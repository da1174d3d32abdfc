//! What is done to one part: its new header, and the edits of its body.

use crate::message::{
    codec::Encoding,
    header::{Field, HeaderBlock},
    plan::edit_list::Edit,
};

/// What is done to a part.
#[derive(Default)]
pub(super) struct LeafEdits {
    /// Its new header.
    pub(super) header: Option<Vec<u8>>,
    /// In the order of their ranges.
    pub(super) body: Vec<Edit>,
}

/// The header of a part with another charset or encoding.
pub(super) fn restated(
    block: &[u8],
    charset: Option<&'static str>,
    encoding: Option<Encoding>,
    is_whole: bool,
) -> Vec<u8> {
    let mut header = HeaderBlock::read(block);
    if let Some(charset) = charset {
        let value =
            header.find("Content-Type").map_or_else(|| "text/plain".to_owned(), Field::value);
        let kept = value
            .split(';')
            .map(str::trim)
            .filter(|part| !part.is_empty() && !part.to_ascii_lowercase().starts_with("charset"));
        let value = kept.collect::<Vec<_>>().join("; ");
        header.replace("Content-Type", format!("Content-Type: {value}; charset={charset}\r\n"));
    }
    if let Some(encoding) = encoding {
        let line = format!("Content-Transfer-Encoding: {}\r\n", encoding.name());
        header.replace("Content-Transfer-Encoding", line);
    }
    // RFC 2045 4: without it a reader need not decode anything.
    if is_whole && header.find("MIME-Version").is_none() {
        header.replace("MIME-Version", "MIME-Version: 1.0\r\n".to_owned());
    }
    header.render()
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
