//! The octets that were read from a client and not yet consumed. The buffer is small while the
//! client is silent, and larger while it sends a text.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// The room that each connection keeps: enough for a batch of commands, or for a small message in
/// two reads.
const SMALL: usize = 4 * 1024;
/// The room for a text that arrives faster than small reads take it. It is freed with the message.
const LARGE: usize = 64 * 1024;

/// The octets read ahead.
#[derive(Default)]
pub(super) struct Input {
    octets: Vec<u8>,
    used: usize,
    /// Whether the last read filled the room, so that more is waiting.
    filled: bool,
}

impl Input {
    pub(super) const fn new(octets: Vec<u8>) -> Self {
        Self { octets, used: 0, filled: false }
    }

    pub(super) fn unused(&self) -> &[u8] {
        self.octets.get(self.used..).unwrap_or_default()
    }

    pub(super) fn use_up(&mut self, octets: usize) {
        self.used = self.octets.len().min(self.used + octets);
        if self.used == self.octets.len() {
            self.octets.clear();
            self.used = 0;
        }
    }

    /// Forgets everything that came before the handshake (RFC 3207 4.2).
    pub(super) fn forget(&mut self) {
        self.octets.clear();
        self.used = 0;
    }

    /// Frees the room that a large message needed.
    pub(super) fn shrink(&mut self) {
        self.filled = false;
        self.octets.shrink_to(SMALL);
    }

    /// Reads once, and returns the number of octets read, 0 at the end. Cancelling the read loses
    /// nothing.
    pub(super) async fn read(&mut self, from: &mut (impl AsyncRead + Unpin)) -> io::Result<usize> {
        if self.used > 0 {
            self.octets.drain(..self.used);
            self.used = 0;
        }
        let room = if self.filled { LARGE } else { SMALL };
        // The session machine leaves at most part of a line, so the buffer never holds more than
        // that part and one read.
        self.octets.reserve(room);
        let read =
            from.take(u64::try_from(room).unwrap_or(u64::MAX)).read_buf(&mut self.octets).await?;
        self.filled = read == room;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_buffer_grows_with_the_text_and_shrinks_after_it() {
        let text = vec![b'x'; 3 * LARGE];
        let mut source = text.as_slice();
        let mut input = Input::default();
        let mut total = 0;
        loop {
            let read = input.read(&mut source).await.unwrap();
            if read == 0 {
                break;
            }
            total += read;
            input.use_up(read);
            assert!(input.octets.capacity() <= 2 * LARGE);
        }
        assert_eq!(total, text.len());
        input.shrink();
        assert!(input.octets.capacity() <= SMALL);
    }

    #[tokio::test]
    async fn what_was_not_used_up_is_offered_again_with_what_follows() {
        let mut source: &[u8] = b"QUIT\r\n";
        let mut input = Input::new(b"NOOP\r\nRS".to_vec());
        input.use_up(6);
        assert_eq!(input.unused(), b"RS");
        input.read(&mut source).await.unwrap();
        assert_eq!(input.unused(), b"RSQUIT\r\n");
    }
}
