//! The client's side of a connection: sends octets and reads replies. Every wait and every length
//! has a limit.
//!
//! Every method returns a [`Fault`], and none logs. After any fault except a reply, the state of
//! the connection is unknown, and it must not be used again.

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
use zeroize::Zeroizing;

use crate::{
    classify::{Fault, SmtpFault, TlsFault},
    model::{EnhancedCode, Reply},
    upstream::smtp::stream::{Secured, Stream, fault},
};

/// The maximum size of a reply, all its lines together. Exchange Online has sent refusals of more
/// than 2 KB. Anything above the limit is not a reply.
const REPLY_LIMIT: usize = 64 * 1024;

/// The size of one read. The replies to a whole pipelined batch fit.
const READ_SIZE: usize = 4096;

/// The wait for the rest of an unsolicited reply and for the answer to QUIT. Nothing depends on
/// either.
const COURTESY: Duration = Duration::from_secs(5);

/// A stream and the octets read ahead from it.
pub(in crate::upstream) struct Wire {
    stream: Box<dyn Stream>,
    /// The server's certificate, when the stream is encrypted.
    certificate: Option<CertificateDer<'static>>,
    input: BytesMut,
    /// What the server was told in confidence.
    hidden: Vec<Zeroizing<String>>,
}

impl Wire {
    pub(in crate::upstream) fn new(stream: Box<dyn Stream>) -> Self {
        Self {
            stream,
            certificate: None,
            input: BytesMut::with_capacity(READ_SIZE),
            hidden: Vec::new(),
        }
    }

    /// Starts on the stream after a handshake.
    pub(in crate::upstream) fn secured(Secured { stream, certificate }: Secured) -> Self {
        Self { certificate, ..Self::new(stream) }
    }

    /// The certificate that the server presented in the handshake.
    pub(in crate::upstream) const fn certificate(&self) -> Option<&CertificateDer<'static>> {
        self.certificate.as_ref()
    }

    /// Masks these texts in everything that the server says from now on: some servers repeat what
    /// they refuse, and replies go into the log, the status and alerts.
    pub(in crate::upstream) fn hide(&mut self, secrets: Vec<Zeroizing<String>>) {
        self.hidden = secrets;
        self.hidden.retain(|secret| !secret.is_empty());
    }

    /// Writes all octets and flushes. If the server has closed meanwhile, its last reply, if there
    /// is one, is the fault.
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

    /// Reads one reply. The timeout covers the whole reply, so that a server which sends an octet a
    /// minute cannot hold the connection for ever.
    pub(in crate::upstream) async fn reply(&mut self, within: Duration) -> Result<Reply, Fault> {
        let lines = self.lines(within).await?;
        Ok(lines.reply())
    }

    /// Reads one reply as separate lines.
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

    /// Reads the next line and removes its line end. `taken` counts the octets of the reply so far.
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
                return Ok(self.hidden.iter().fold(line, |line, secret| masked(&line, secret)));
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

    /// What the server sent or did without being asked, such as a 421 while the connection was
    /// idle; none when nothing came. Does not wait for it.
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

    /// Returns the stream for the handshake that follows the answer to STARTTLS.
    ///
    /// RFC 3207 4.2, CVE-2011-0411: octets sent ahead of the handshake are not protected by TLS. A
    /// server that sends them is not trusted.
    pub(in crate::upstream) fn into_stream(self) -> Result<Box<dyn Stream>, Fault> {
        if self.input.is_empty() { Ok(self.stream) } else { Err(TlsFault::AheadOfTls.into()) }
    }

    /// Sends QUIT, waits briefly for the answer, and closes. RFC 5321 4.1.1.10: the client should
    /// not close before the answer.
    pub(in crate::upstream) async fn quit(mut self) {
        let parting = async {
            if self.write(b"QUIT\r\n", COURTESY).await.is_ok() {
                drop(self.reply(COURTESY).await);
            }
            self.stream.shutdown().await
        };
        // A failure here has no consequence: the connection is closed in any case.
        drop(timeout(COURTESY, parting).await);
    }
}

/// A reply as separate lines.
pub(in crate::upstream) struct Lines {
    code: u16,
    texts: Vec<String>,
}

impl Lines {
    /// The texts after the codes. In the answer to EHLO, the first line is a greeting, and the
    /// others are keywords.
    pub(in crate::upstream) fn texts(&self) -> &[String] {
        &self.texts
    }

    /// Joins the lines to a reply. An enhanced code that is repeated on each line is kept once (RFC
    /// 2034 4).
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

/// A line without a secret. One of fewer than four octets is masked only where it stands alone:
/// otherwise it would be found in many words.
fn masked(line: &[u8], secret: &str) -> BytesMut {
    const MASK: &[u8] = b"***";
    const SHORT: usize = 4;
    let is_part = |octet: Option<&u8>| octet.is_some_and(u8::is_ascii_alphanumeric);
    let mut rest = line;
    let mut shown = BytesMut::new();
    let mut before = None;
    while let Some(octet) = rest.first() {
        match rest.strip_prefix(secret.as_bytes()) {
            Some(behind)
                if secret.len() >= SHORT || !(is_part(before) || is_part(behind.first())) =>
            {
                shown.extend_from_slice(MASK);
                (rest, before) = (behind, None);
            }
            Some(_) | None => {
                shown.extend_from_slice(std::slice::from_ref(octet));
                (rest, before) = (rest.get(1..).unwrap_or_default(), Some(octet));
            }
        }
    }
    shown
}

#[derive(PartialEq, Eq)]
enum More {
    Yes,
    No,
}

/// RFC 5321 4.2: three digits, then a blank before the last text, or a hyphen before the others. A
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

/// The printable beginning of a line that is not a reply. Usually another protocol runs on that
/// port.
fn excerpt(line: &[u8]) -> String {
    const SHOWN: usize = 80;
    line.get(..line.len().min(SHOWN)).unwrap_or_default().escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_masked_wherever_it_stands() {
        let check = |line: &str, secret: &str, shown: &str| {
            assert_eq!(masked(line.as_bytes(), secret), shown.as_bytes(), "{line}");
        };
        check("535 wrong password s3cret!", "s3cret!", "535 wrong password ***");
        check("535 s3cret!s3cret!", "s3cret!", "535 ******");
        check("535 (abc) abcd abc", "abc", "535 (***) abcd ***");
        check("535 no", "s3cret!", "535 no");
        check("", "s3cret!", "");
    }
}
