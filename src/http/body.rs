//! Request bodies. Each has a known length, so a request has a `Content-Length` and is never sent
//! in chunks.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http_body_util::{BodyExt, Empty, Full, combinators::UnsyncBoxBody};
use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use tokio::io::{AsyncRead, ReadBuf};

/// What a request carries.
pub type Body = UnsyncBoxBody<Bytes, io::Error>;

/// How many octets are read at once from the source of a body.
const CHUNK: usize = 16 * 1024;

/// No body.
#[must_use]
pub fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// A body that is in memory.
#[must_use]
pub fn whole(octets: impl Into<Bytes>) -> Body {
    Full::new(octets.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A body of `length` octets that are read while they are sent, for instance a range of a file.
/// What the source has beyond them is not read. The request fails when the source ends early.
pub fn streamed(source: impl AsyncRead + Send + 'static, length: u64) -> Body {
    Streamed { source: Box::pin(source), left: length }.boxed_unsync()
}

struct Streamed {
    source: Pin<Box<dyn AsyncRead + Send>>,
    left: u64,
}

impl HttpBody for Streamed {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let wanted = usize::try_from(self.left).map_or(CHUNK, |left| left.min(CHUNK));
        let mut chunk = vec![0; wanted];
        let mut buffer = ReadBuf::new(&mut chunk);
        if let Err(error) = ready!(self.source.as_mut().poll_read(context, &mut buffer)) {
            return Poll::Ready(Some(Err(error)));
        }
        let read = buffer.filled().len();
        if read == 0 {
            return Poll::Ready(Some(Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!("the source of the body ended {} octets too early", self.left),
            ))));
        }
        chunk.truncate(read);
        self.left = self.left.saturating_sub(u64::try_from(read).unwrap_or(u64::MAX));
        Poll::Ready(Some(Ok(Frame::data(chunk.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
