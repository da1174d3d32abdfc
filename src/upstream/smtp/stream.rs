//! A stream of octets to a server, and what a failure of it means.

use std::io;

use rustls_pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::classify::{Fault, TcpFault};

/// A connected stream of octets: TCP, TLS over it, or a pipe of a test.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// An encrypted stream, and the certificate that the server has shown.
pub(in crate::upstream) struct Secured {
    pub(in crate::upstream) stream: Box<dyn Stream>,
    pub(in crate::upstream) certificate: Option<CertificateDer<'static>>,
}

/// A connection that ended is told apart from one that failed: the former is how servers say that
/// they have had enough.
pub(in crate::upstream) fn fault(error: &io::Error) -> Fault {
    use io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, TimedOut, UnexpectedEof,
    };

    let kind = error.kind();
    if [BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof].contains(&kind)
    {
        Fault::Closed
    } else if kind == TimedOut {
        Fault::TimedOut
    } else {
        TcpFault::Broken { kind, text: error.to_string() }.into()
    }
}
