//! Buffered input and output of a client, with limits on length and time.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::watch,
    time::timeout,
};

use crate::{Timing, stop::Stop};

/// RFC 4954 4: AUTH lines may have 12,288 octets, because tokens are long.
const LINE_LIMIT: usize = 12_288;
/// The size of a read and of a write to a file.
const READ_SIZE: usize = 64 * 1024;

/// The result of a read.
pub(crate) enum Filled {
    Octets,
    End,
    Idle,
    Stop,
}

/// A line without its line end.
pub(crate) enum WireLine {
    Whole(Vec<u8>),
    TooLong,
}

/// Whether the rest of an over-long line is being discarded.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Skipping {
    No,
    ToLineEnd,
}

/// The unread input and the unsent output of a client.
pub(crate) struct Wire {
    pub(crate) input: Vec<u8>,
    pub(crate) output: Vec<u8>,
    skipping: Skipping,
    timing: Timing,
    stop: watch::Receiver<Stop>,
}

impl Wire {
    pub(crate) const fn new(timing: Timing, stop: watch::Receiver<Stop>) -> Self {
        Self { input: Vec::new(), output: Vec::new(), skipping: Skipping::No, timing, stop }
    }

    /// Returns the next whole line; none while it is incomplete.
    pub(crate) fn take_line(&mut self) -> Option<WireLine> {
        let end = self.input.iter().position(|octet| *octet == b'\n');
        match (end, self.skipping) {
            (Some(end), Skipping::ToLineEnd) => {
                self.input.drain(..=end);
                self.skipping = Skipping::No;
                Some(WireLine::TooLong)
            }
            (Some(end), Skipping::No) => {
                let mut line: Vec<u8> = self.input.drain(..=end).collect();
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                Some(if line.len() > LINE_LIMIT {
                    WireLine::TooLong
                } else {
                    WireLine::Whole(line)
                })
            }
            (None, skipping) => {
                if skipping == Skipping::ToLineEnd || self.input.len() > LINE_LIMIT {
                    self.input.clear();
                    self.skipping = Skipping::ToLineEnd;
                }
                None
            }
        }
    }

    /// Sends the pending output, then reads more input.
    pub(crate) async fn fill<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
    ) -> io::Result<Filled> {
        self.flush(stream).await?;
        self.input.reserve(READ_SIZE);
        let idle = self.timing.idle;
        tokio::select! {
            read = timeout(idle, stream.read_buf(&mut self.input)) => match read {
                Ok(Ok(0)) => Ok(Filled::End),
                Ok(Ok(_)) => Ok(Filled::Octets),
                Ok(Err(error)) => Err(error),
                Err(_elapsed) => Ok(Filled::Idle),
            },
            _ = self.stop.wait_for(|stop| *stop == Stop::Now) => Ok(Filled::Stop),
        }
    }

    /// Sends the pending output.
    pub(crate) async fn flush<S: AsyncWrite + Unpin>(&mut self, stream: &mut S) -> io::Result<()> {
        if self.output.is_empty() {
            return Ok(());
        }
        let output = std::mem::take(&mut self.output);
        let written = async {
            stream.write_all(&output).await?;
            stream.flush().await
        };
        timeout(self.timing.idle, written).await?
    }

    /// Sends this text one octet at a time.
    pub(crate) async fn drip<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        text: &str,
    ) -> io::Result<()> {
        for octet in text.as_bytes() {
            self.output.push(*octet);
            self.flush(stream).await?;
            self.wait(self.timing.drip).await;
        }
        Ok(())
    }

    /// Waits for `pause`, or until the sandbox stops.
    pub(crate) async fn wait(&mut self, pause: Duration) {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = self.stop.wait_for(|stop| *stop == Stop::Now) => {}
        }
    }
}
