//! Octets out, replies in: the client's side of a connection, with a limit on every wait and every
//! length.
//!
//! # Failure
//! Every method returns a [`Fault`]; none logs. After any fault but a reply the connection is in an
//! unknown state and must not be used again.

use std::{
    future::poll_fn,
    io,
    task::{Context, Poll},
    time::Duration,
};

use bytes::BytesMut;
use rustls_pki_types::CertificateDer;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf},
    time::timeout,
};

use crate::{
    classify::{Fault, SmtpFault, TlsFault},
    model::{EnhancedCode, Reply},
    upstream::smtp::stream::{Secured, Stream, fault},
};

/// Largest reply read, all its lines together. Exchange Online has sent refusals of more than 2 KB;
/// beyond this it is not a reply.
const REPLY_LIMIT: usize = 64 * 1024;

/// Room for one read: a whole pipelined batch of replies fits.
const READ_SIZE: usize = 4096;

/// How long to wait for the rest of what a server began to say unasked, and for the answer to QUIT:
/// nothing hangs on either.
const COURTESY: Duration = Duration::from_secs(5);

/// A stream and what was read ahead of it.
pub(in crate::upstream) struct Wire {
    stream: Box<dyn Stream>,
    /// The server's, when the stream is encrypted.
    certificate: Option<CertificateDer<'static>>,
    input: BytesMut,
}

impl Wire {
    pub(in crate::upstream) fn new(stream: Box<dyn Stream>) -> Self {
        Self { stream, certificate: None, input: BytesMut::with_capacity(READ_SIZE) }
    }

    /// After a handshake.
    pub(in crate::upstream) fn secured(Secured { stream, certificate }: Secured) -> Self {
        Self { certificate, ..Self::new(stream) }
    }

    /// What the server has shown in the handshake.
    pub(in crate::upstream) const fn certificate(&self) -> Option<&CertificateDer<'static>> {
        self.certificate.as_ref()
    }

    /// Writes all of it and flushes. When the server has closed meanwhile, its last words, if it
    /// left any, are the fault.
    pub(in crate::upstream) async fn write(
        &mut self,
        octets: &[u8],
        within: Duration,
    ) -> Result<(), Fault> {
        let writing = async {
            self.stream.write_all(octets).await?;
            self.stream.flush().await
        };
        match timeout(within, writing).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => match self.unasked().await {
                Some(Fault::Reply(reply)) => Err(Fault::Reply(reply)),
                Some(Fault::Closed | Fault::TimedOut | Fault::Local(_)) | None => {
                    Err(fault(&error))
                }
            },
            Err(_elapsed) => Err(Fault::TimedOut),
        }
    }

    /// One reply. The wait is for the whole of it, so that a server which sends an octet a minute
    /// cannot hold us for ever.
    pub(in crate::upstream) async fn reply(&mut self, within: Duration) -> Result<Reply, Fault> {
        let lines = self.lines(within).await?;
        Ok(lines.reply())
    }

    /// One reply, line by line.
    pub(in crate::upstream) async fn lines(&mut self, within: Duration) -> Result<Lines, Fault> {
        timeout(within, self.read_lines()).await.unwrap_or(Err(Fault::TimedOut))
    }

    async fn read_lines(&mut self) -> Result<Lines, Fault> {
        let mut lines = Lines { code: 0, texts: Vec::new() };
        let mut taken = 0;
        loop {
            let line = self.line(&mut taken).await?;
            let (code, more, text) =
                parse(&line).ok_or_else(|| SmtpFault::NotAReply(excerpt(&line)))?;
            lines.code = code;
            lines.texts.push(text);
            if more == More::No {
                return Ok(lines);
            }
        }
    }

    /// The next line, without its end. `taken` counts the octets of the reply so far.
    async fn line(&mut self, taken: &mut usize) -> Result<BytesMut, Fault> {
        let mut searched = 0;
        loop {
            let found = self
                .input
                .iter()
                .skip(searched)
                .position(|&octet| octet == b'\n')
                .map(|at| searched + at + 1);
            if *taken + found.unwrap_or(self.input.len()) > REPLY_LIMIT {
                return Err(SmtpFault::TooLong { limit: REPLY_LIMIT }.into());
            }
            if let Some(end) = found {
                *taken += end;
                let mut line = self.input.split_to(end);
                let length = line.trim_ascii_end().len();
                line.truncate(length);
                return Ok(line);
            }
            searched = self.input.len();
            self.input.reserve(READ_SIZE);
            match self.stream.read_buf(&mut self.input).await {
                Ok(0) => return Err(Fault::Closed),
                Ok(_octets) => {}
                Err(error) => return Err(fault(&error)),
            }
        }
    }

    /// What the server said or did unasked, without waiting for it: a goodbye while the connection
    /// was idle. None when nothing came.
    pub(in crate::upstream) async fn unasked(&mut self) -> Option<Fault> {
        if self.input.is_empty() {
            match poll_fn(|context| Poll::Ready(self.poll_input(context))).await {
                Poll::Pending => return None,
                Poll::Ready(Ok(0)) => return Some(Fault::Closed),
                Poll::Ready(Ok(_octets)) => {}
                Poll::Ready(Err(error)) => return Some(fault(&error)),
            }
        }
        Some(self.reply(COURTESY).await.map_or_else(|fault| fault, Fault::Reply))
    }

    fn poll_input(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut octets = [0; READ_SIZE];
        let mut buffer = ReadBuf::new(&mut octets);
        match std::pin::Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) => {
                self.input.extend_from_slice(buffer.filled());
                Poll::Ready(Ok(buffer.filled().len()))
            }
        }
    }

    /// The stream, for the handshake that follows the answer to STARTTLS.
    ///
    /// RFC 3207 4.2, CVE-2011-0411: what was sent ahead of the handshake is not protected by it. A
    /// server that does so is not trusted.
    pub(in crate::upstream) fn into_stream(self) -> Result<Box<dyn Stream>, Fault> {
        if self.input.is_empty() { Ok(self.stream) } else { Err(TlsFault::AheadOfTls.into()) }
    }

    /// Says QUIT, waits a moment for the answer, closes. RFC 5321 4.1.1.10: the client should not
    /// close before the answer.
    pub(in crate::upstream) async fn quit(mut self) {
        let parting = async {
            if self.write(b"QUIT\r\n", COURTESY).await.is_ok() {
                drop(self.reply(COURTESY).await);
            }
            self.stream.shutdown().await
        };
        // Nobody is left to whom a failed goodbye would matter.
        drop(timeout(COURTESY, parting).await);
    }
}

/// A reply as it came.
pub(in crate::upstream) struct Lines {
    code: u16,
    texts: Vec<String>,
}

impl Lines {
    /// The texts after the codes; the first line of an answer to EHLO is a greeting, the others are
    /// keywords.
    pub(in crate::upstream) fn texts(&self) -> &[String] {
        &self.texts
    }

    /// The lines joined. Where each repeats the enhanced code (RFC 2034 4), it is kept once.
    pub(in crate::upstream) fn reply(&self) -> Reply {
        let mut texts = self.texts.iter();
        let first = texts.next().map_or("", String::as_str);
        let status = first.split(' ').next().filter(|word| word.parse::<EnhancedCode>().is_ok());
        let mut joined = first.to_owned();
        for text in texts {
            let text = status.and_then(|status| text.strip_prefix(status)).unwrap_or(text);
            joined.push(' ');
            joined.push_str(text.trim_start());
        }
        Reply::new(self.code, &joined)
    }
}

#[derive(PartialEq, Eq)]
enum More {
    Yes,
    No,
}

/// RFC 5321 4.2: three digits, then a blank before the last text, a hyphen before the others; a
/// bare code is tolerated (4.2.1).
fn parse(line: &[u8]) -> Option<(u16, More, String)> {
    let (digits, rest) = line.split_at_checked(3)?;
    let code: u16 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    if !(200..600).contains(&code) {
        return None;
    }
    let (more, text) = match rest {
        [] => (More::No, rest),
        [b' ', text @ ..] => (More::No, text),
        [b'-', text @ ..] => (More::Yes, text),
        [_other, ..] => return None,
    };
    Some((code, more, String::from_utf8_lossy(text).into_owned()))
}

/// The beginning of what is not a reply, fit to be shown: the usual culprit is another protocol on
/// that port.
fn excerpt(line: &[u8]) -> String {
    const SHOWN: usize = 80;
    line.get(..line.len().min(SHOWN)).unwrap_or_default().escape_ascii().to_string()
}
