//! What must hold of everything that a stranger's octets reach first, whatever the octets.
//!
//! Each module has one `check`, which panics when something does not hold. libFuzzer calls them
//! (`make fuzz`), and so does an ordinary test with a simple mutator (`tests/checks/fuzz.rs`). An
//! input begins with a few octets that say how the rest is cut and what the settings are; see
//! [`Input`].

pub mod body;
pub mod header;
pub mod hello;
pub mod line;
pub mod mime;
pub mod plan;
pub mod pop;
pub mod session;

/// An input, taken apart.
pub struct Input<'a> {
    /// Settings, bit by bit; each target has its own meaning for them.
    pub options: u8,
    /// The lengths of the pieces, in turn.
    lengths: &'a [u8],
    /// What the client says.
    pub octets: &'a [u8],
}

impl<'a> Input<'a> {
    /// One octet of options, four of lengths, and the rest.
    pub fn read(input: &'a [u8]) -> Option<Self> {
        let (options, rest) = input.split_first()?;
        let (lengths, octets) = rest.split_at_checked(4)?;
        Some(Self { options: *options, lengths, octets })
    }

    /// The octets in the pieces in which they come.
    pub fn pieces(&self) -> Vec<&'a [u8]> {
        let mut pieces = Vec::new();
        let mut rest = self.octets;
        for length in self.lengths.iter().cycle() {
            // Mostly short, so that the pieces' borders meet everything; sometimes as long as a
            // read.
            let length = if *length < 128 {
                usize::from(*length) + 1
            } else {
                (usize::from(*length) - 127) * 64
            };
            let (piece, after) = rest.split_at(length.min(rest.len()));
            pieces.push(piece);
            rest = after;
            if rest.is_empty() {
                return pieces;
            }
        }
        pieces
    }

    /// A chunk size.
    pub fn step(&self) -> usize {
        self.lengths.first().map_or(1, |length| usize::from(*length) + 1)
    }

    /// True when the bit is set.
    pub fn option(&self, bit: u8) -> bool {
        self.options & (1 << bit) != 0
    }
}

/// How often `needle` occurs, overlaps included.
pub(crate) fn count(haystack: &[u8], needle: &[u8]) -> usize {
    haystack.windows(needle.len()).filter(|window| *window == needle).count()
}

/// Panics unless every line end is CRLF and there is no NUL: what may be stored and passed on.
pub(crate) fn assert_clean(text: &[u8]) {
    let (crlf, cr, lf) = (count(text, b"\r\n"), count(text, b"\r"), count(text, b"\n"));
    assert!(cr == crlf && lf == crlf && !text.contains(&0), "{}", text.escape_ascii());
}
