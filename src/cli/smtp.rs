//! A minimal SMTP client that submits a test message as a device would.
//!
//! It is as simple as most devices: no pipelining, no TLS, one transaction.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context as _, bail};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    time::timeout,
};

use crate::model::Address;

/// How long to wait for each reply, and for sending the whole text.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest reply line that is read, in octets (RFC 5321 4.5.3.1.5: 512 at most).
const LONGEST_LINE: u64 = 2048;

/// The result of a submission.
pub(super) struct HandedIn {
    /// The reply to the end of data: `250 2.0.0 queued as …`.
    pub(super) accepted: String,
    /// The dialogue. Our lines begin with `C:`, those of the server with `S:`.
    pub(super) dialogue: Vec<String>,
}

/// Submits a message. `text` has CRLF line ends.
pub(super) async fn hand_in(
    server: SocketAddr,
    from: &Address,
    to: &[Address],
    text: &[u8],
) -> anyhow::Result<HandedIn> {
    let stream = timeout(PATIENCE, TcpStream::connect(server))
        .await
        .context("no reply within a minute")?
        .with_context(|| format!("{server}"))?;
    let mut session = Session { stream: BufReader::new(stream), dialogue: Vec::new() };
    session.expect(220).await?;
    session.say("EHLO test-device").await?;
    session.expect(250).await?;
    session.say(&format!("MAIL FROM:<{from}>")).await?;
    session.expect(250).await?;
    for recipient in to {
        session.say(&format!("RCPT TO:<{recipient}>")).await?;
        session.expect(250).await?;
    }
    session.say("DATA").await?;
    session.expect(354).await?;
    session.send_text(text).await?;
    let accepted = session.expect(250).await?;
    session.say("QUIT").await?;
    session.expect(221).await?;
    Ok(HandedIn { accepted, dialogue: session.dialogue })
}

struct Session {
    stream: BufReader<TcpStream>,
    dialogue: Vec<String>,
}

impl Session {
    async fn say(&mut self, line: &str) -> anyhow::Result<()> {
        self.dialogue.push(format!("C: {line}"));
        Ok(self.stream.write_all(format!("{line}\r\n").as_bytes()).await?)
    }

    /// Reads a reply, which may have several lines, and returns its last line.
    async fn expect(&mut self, code: u16) -> anyhow::Result<String> {
        loop {
            let mut line = String::new();
            let mut bounded = (&mut self.stream).take(LONGEST_LINE);
            let read = timeout(PATIENCE, bounded.read_line(&mut line))
                .await
                .context("no reply within a minute")??;
            if read == 0 {
                bail!("the server closed the connection after:\n{}", self.dialogue.join("\n"));
            }
            let line = line.trim_end().to_owned();
            self.dialogue.push(format!("S: {line}"));
            // RFC 5321 4.2.1: a hyphen after the code announces another line.
            if line.as_bytes().get(3) == Some(&b'-') {
                continue;
            }
            if !line.starts_with(&code.to_string()) {
                bail!("the server refused the message:\n{}", self.dialogue.join("\n"));
            }
            return Ok(line);
        }
    }

    /// Sends the text with dot-stuffing, and the final dot (RFC 5321 4.5.2).
    async fn send_text(&mut self, text: &[u8]) -> anyhow::Result<()> {
        let mut stuffed = Vec::with_capacity(text.len() + text.len() / 64);
        for line in text.split_inclusive(|octet| *octet == b'\n') {
            if line.first() == Some(&b'.') {
                stuffed.push(b'.');
            }
            stuffed.extend_from_slice(line);
        }
        stuffed.extend_from_slice(b".\r\n");
        self.dialogue.push(format!("C: ({} octets of text)", text.len()));
        Ok(timeout(PATIENCE, self.stream.write_all(&stuffed))
            .await
            .context("the server did not accept the text within a minute")??)
    }
}
