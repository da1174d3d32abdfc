//! A stream of octets to a server, and the meaning of its failures.

use std::io;

use rustls_pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::classify::{Fault, TcpFault};

/// A connected stream of octets: TCP, TLS over TCP, or a pipe in tests.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// An encrypted stream and the server's certificate.
pub(in crate::upstream) struct Secured {
    pub(in crate::upstream) stream: Box<dyn Stream>,
    pub(in crate::upstream) certificate: Option<CertificateDer<'static>>,
}

/// Distinguishes a connection that ended from one that failed: servers close connections when they
/// want no more mail.
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
