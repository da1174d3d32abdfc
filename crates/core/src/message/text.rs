//! A message's text on its way out: read in chunks, never whole in memory.

use std::{future::Future, io};

/// Where the text of a message comes from. The queue joins the spool file and the edits of delivery
/// behind it.
pub trait Text: Send {
    /// Octets in all, after every edit.
    fn size(&self) -> u64;

    /// Replaces the content of `buffer` with the next chunk of at most 64 KiB; leaves it empty at
    /// the end. Lines are ended by CRLF; nothing is dot-stuffed.
    ///
    /// # Errors
    /// When the disk refuses: the attempt is then broken off before end of data.
    fn read(&mut self, buffer: &mut Vec<u8>) -> impl Future<Output = io::Result<()>> + Send;
}
