//! The byte stream below a session, plain or encrypted, in one type.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a connection can run over: a socket, or in tests a pipe.
pub(super) trait Transport: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Transport for T {}

/// A transport whose first octets have been inspected already. They are read again.
pub(super) struct Replay<IO> {
    seen: Vec<u8>,
    replayed: usize,
    io: IO,
}

impl<IO> Replay<IO> {
    pub(super) const fn new(seen: Vec<u8>, io: IO) -> Self {
        Self { seen, replayed: 0, io }
    }
}

impl<IO: Transport> AsyncRead for Replay<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let rest = this.seen.get(this.replayed..).unwrap_or_default();
        if rest.is_empty() {
            this.seen = Vec::new();
            this.replayed = 0;
            return Pin::new(&mut this.io).poll_read(cx, buffer);
        }
        let part = rest.get(..buffer.remaining()).unwrap_or(rest);
        buffer.put_slice(part);
        this.replayed += part.len();
        Poll::Ready(Ok(()))
    }
}

impl<IO: Transport> AsyncWrite for Replay<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// The stream of a connection.
pub(super) enum Wire<IO> {
    /// The stream in clear.
    Plain(IO),
    /// The stream inside TLS, whichever library does it.
    Tls(Box<dyn Transport>),
    /// No stream: a handshake has taken it, and is under way or has failed.
    Closed,
}

impl<IO> Wire<IO> {
    /// Takes the transport out for a handshake. None when there is TLS already.
    pub(super) fn take_plain(&mut self) -> Option<IO> {
        match std::mem::replace(self, Self::Closed) {
            Self::Plain(io) => Some(io),
            Self::Tls(_) | Self::Closed => None,
        }
    }
}

fn closed<T>() -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::ErrorKind::NotConnected.into()))
}

impl<IO: Transport> AsyncRead for Wire<IO> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(io) => Pin::new(io).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_read(cx, buffer),
            Self::Closed => closed(),
        }
    }
}

impl<IO: Transport> AsyncWrite for Wire<IO> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(io) => Pin::new(io).poll_write(cx, octets),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_write(cx, octets),
            Self::Closed => closed(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(io) => Pin::new(io).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
            Self::Closed => closed(),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(io) => Pin::new(io).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(cx),
            Self::Closed => closed(),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn what_was_looked_at_is_read_again_before_what_follows() {
        let (mut client, server) = tokio::io::duplex(64);
        client.write_all(b"world").await.unwrap();
        drop(client);
        let mut replay = Replay::new(b"hello ".to_vec(), server);
        let mut first = [0; 4];
        replay.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"hell");
        let mut rest = Vec::new();
        replay.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"o world");
    }
}
