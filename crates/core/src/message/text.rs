//! A message's text on its way out: read in chunks, never whole in memory.

use std::{future::Future, io};

/// Where the text of a message comes from. The queue joins the spool file and the edits of delivery
/// behind it.
pub trait Text: Send {
    /// Octets in all, after every edit.
    fn size(&self) -> u64;

    /// True when the text may have octets above 127 (RFC 6152).
    fn is_eight_bit(&self) -> bool {
        false
    }

    /// Encodes octets above 127 from now on, where no seal forbids it: the server does not take
    /// them. Only before the first read.
    fn encode_eight_bit(&mut self) {}

    /// Replaces the content of `buffer` with the next chunk of at most 64 KiB; leaves it empty at
    /// the end. Lines are ended by CRLF; nothing is dot-stuffed.
    ///
    /// # Errors
    /// When the disk refuses: the attempt is then broken off before end of data.
    fn read(&mut self, buffer: &mut Vec<u8>) -> impl Future<Output = io::Result<()>> + Send;
}
