//! A scripted server over a pipe, so that tests can pause time.

mod certificates;
mod login;
mod stages;
mod tls;
mod transactions;

use std::{collections::HashMap, io, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    task::JoinHandle,
    time::sleep,
};
use tokio_rustls::TlsAcceptor;

use super::{
    Auth, AuthMethod, Earlier, Handover, Security, Server, ServerClient, SmtpConnection, Stream,
    Verification,
};
use crate::{
    attempt::{Report, Trouble},
    classify::Outcome,
    clock,
    message::Text,
    metrics::Metrics,
    model::{MailParameters, Recipient, ReversePath},
};

/// The points at which the server can be told to misbehave.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Point {
    Greeting,
    Ehlo,
    StartTls,
    Auth,
    Mail,
    Rcpt,
    Data,
    /// After the first octets of the text have arrived.
    Body,
    EndOfData,
    Reset,
}

/// What the server does at a point.
#[derive(Clone, Debug)]
enum Act {
    /// Sends this with CRLF and continues.
    Say(String),
    /// Sends this octet by octet, with this pause between the octets.
    Drip(String, Duration),
    /// Sends this and closes.
    SayAndClose(String),
    /// Sends nothing, for ever.
    Silence,
    /// Closes the connection.
    Close,
}

impl Act {
    fn say(words: &str) -> Self {
        Self::Say(words.to_owned())
    }
}

/// A scripted server. Without an act for a point, it gives the normal answer.
struct Script {
    ehlo: Vec<&'static str>,
    tls: Option<TlsAcceptor>,
    /// The acts at a point: the first for the first time, the second for the second time, and so
    /// on. The last one is repeated from then on.
    acts: HashMap<Point, Vec<Act>>,
    seen: HashMap<Point, usize>,
}

const ALL_EXTENSIONS: &[&str] = &[
    "SIZE 157286400",
    "PIPELINING",
    "DSN",
    "8BITMIME",
    "SMTPUTF8",
    "AUTH LOGIN PLAIN CRAM-MD5 XOAUTH2",
];
const NO_PIPELINING: &[&str] = &["SIZE 157286400", "8BITMIME", "AUTH LOGIN PLAIN CRAM-MD5 XOAUTH2"];

impl Script {
    fn new() -> Self {
        Self {
            ehlo: ALL_EXTENSIONS.to_vec(),
            tls: None,
            acts: HashMap::new(),
            seen: HashMap::new(),
        }
    }

    fn offers(mut self, keywords: &[&'static str]) -> Self {
        self.ehlo = keywords.to_vec();
        self
    }

    /// Answers STARTTLS, with this acceptor for the handshake.
    fn tls(mut self, acceptor: TlsAcceptor) -> Self {
        self.tls = Some(acceptor);
        self
    }

    fn on(mut self, point: Point, act: Act) -> Self {
        self.acts.entry(point).or_default().push(act);
        self
    }

    fn act(&mut self, point: Point) -> Act {
        let time = self.seen.entry(point).or_default();
        *time += 1;
        if let Some(acts) = self.acts.get(&point) {
            return acts[(*time - 1).min(acts.len() - 1)].clone();
        }
        Act::Say(match point {
            Point::Greeting => "220 fake.example.com ESMTP".to_owned(),
            Point::Ehlo => {
                let mut lines = vec!["fake.example.com Hello [192.0.2.1]"];
                lines.extend(&self.ehlo);
                let last = lines.len() - 1;
                let line = |(at, text): (usize, &&str)| {
                    format!("250{}{text}", if at == last { ' ' } else { '-' })
                };
                lines.iter().enumerate().map(line).collect::<Vec<_>>().join("\r\n")
            }
            Point::StartTls => "220 2.0.0 SMTP server ready".to_owned(),
            Point::Auth => "235 2.7.0 Authentication successful".to_owned(),
            Point::Mail => "250 2.1.0 Sender OK".to_owned(),
            Point::Rcpt => "250 2.1.5 Recipient OK".to_owned(),
            Point::Data => "354 Start mail input; end with <CRLF>.<CRLF>".to_owned(),
            Point::Body => String::new(),
            Point::EndOfData => "250 2.0.0 OK <x@contoso.com>".to_owned(),
            Point::Reset => "250 2.0.0 Resetting".to_owned(),
        })
    }

    /// Serves in the background. Returns what the client wrote.
    fn serve(self, stream: impl Stream + 'static) -> JoinHandle<String> {
        tokio::spawn(async move {
            let mut server = Scripted {
                script: self,
                stream: Box::new(stream),
                said: String::new(),
                input: Vec::new(),
            };
            server.run().await;
            server.said
        })
    }
}

struct Scripted {
    script: Script,
    stream: Box<dyn Stream>,
    said: String,
    input: Vec<u8>,
}

/// The connection is over.
struct Over;

impl Scripted {
    async fn run(&mut self) -> Option<Over> {
        self.act(Point::Greeting).await.ok()?;
        loop {
            let line = self.until(b"\r\n").await.ok()?;
            let answered = match line.split([' ', '\r']).next().unwrap_or_default() {
                "EHLO" | "HELO" => self.act(Point::Ehlo).await,
                "AUTH" => self.act(Point::Auth).await,
                "MAIL" => self.act(Point::Mail).await,
                "RCPT" => self.act(Point::Rcpt).await,
                "RSET" => self.act(Point::Reset).await,
                "STARTTLS" => self.start_tls().await,
                "DATA" => self.data().await,
                "QUIT" => self.perform(Act::SayAndClose("221 2.0.0 bye".to_owned())).await,
                // A further response of the login.
                _response => self.act(Point::Auth).await,
            };
            answered.ok()?;
        }
    }

    async fn start_tls(&mut self) -> Result<(), Over> {
        self.act(Point::StartTls).await?;
        let acceptor = self.script.tls.take().ok_or(Over)?;
        let plain = std::mem::replace(&mut self.stream, Box::new(tokio::io::empty()));
        self.stream = Box::new(acceptor.accept(plain).await.map_err(|_refused| Over)?);
        Ok(())
    }

    async fn data(&mut self) -> Result<(), Over> {
        let act = self.script.act(Point::Data);
        let goes_on =
            matches!(&act, Act::Say(words) | Act::Drip(words, _) if words.starts_with("354"));
        self.perform(act).await?;
        if !goes_on {
            return Ok(());
        }
        self.fill().await?;
        self.act(Point::Body).await?;
        if !self.input.starts_with(b".\r\n") {
            self.until(b"\r\n.\r\n").await?;
        } else {
            self.until(b".\r\n").await?;
        }
        self.act(Point::EndOfData).await
    }

    async fn act(&mut self, point: Point) -> Result<(), Over> {
        let act = self.script.act(point);
        self.perform(act).await
    }

    async fn perform(&mut self, act: Act) -> Result<(), Over> {
        match act {
            Act::Say(words) if words.is_empty() => Ok(()),
            Act::Say(words) => {
                self.stream
                    .write_all(format!("{words}\r\n").as_bytes())
                    .await
                    .map_err(|_gone| Over)?;
                self.stream.flush().await.map_err(|_gone| Over)
            }
            Act::SayAndClose(words) => {
                drop(self.stream.write_all(format!("{words}\r\n").as_bytes()).await);
                Err(Over)
            }
            Act::Drip(words, apart) => {
                for octet in format!("{words}\r\n").bytes() {
                    sleep(apart).await;
                    self.stream.write_all(&[octet]).await.map_err(|_gone| Over)?;
                }
                Ok(())
            }
            Act::Silence => std::future::pending().await,
            Act::Close => Err(Over),
        }
    }

    async fn fill(&mut self) -> Result<(), Over> {
        if self.input.is_empty() && self.stream.read_buf(&mut self.input).await.unwrap_or(0) == 0 {
            return Err(Over);
        }
        Ok(())
    }

    /// Reads up to and including `end`, and records it.
    async fn until(&mut self, end: &[u8]) -> Result<String, Over> {
        loop {
            if let Some(at) = self.input.windows(end.len()).position(|window| window == end) {
                let taken = self.input.drain(..at + end.len()).collect::<Vec<_>>();
                let text = String::from_utf8_lossy(&taken).into_owned();
                self.said.push_str(&text);
                return Ok(text);
            }
            if self.stream.read_buf(&mut self.input).await.unwrap_or(0) == 0 {
                return Err(Over);
            }
        }
    }
}

/// A text in chunks, which may fail midway.
struct Chunks {
    chunks: std::vec::IntoIter<Result<Vec<u8>, ()>>,
}

impl Text for Chunks {
    fn size(&self) -> u64 {
        0
    }

    async fn read(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        buffer.clear();
        match self.chunks.next() {
            Some(Ok(chunk)) => buffer.extend_from_slice(&chunk),
            Some(Err(())) => return Err(io::Error::other("the disk is gone")),
            None => {}
        }
        Ok(())
    }
}

fn handover(recipients: &[&str], chunks: Vec<Result<Vec<u8>, ()>>) -> Handover<Chunks> {
    Handover {
        sender: ReversePath::Mailbox("scan@contoso.com".parse().unwrap()),
        recipients: recipients
            .iter()
            .map(|address| Recipient::new(address.parse().unwrap()))
            .collect(),
        size: 7,
        parameters: MailParameters::default(),
        earlier: Earlier::None,
        text: Chunks { chunks: chunks.into_iter() },
    }
}

fn letter(recipients: &[&str]) -> Handover<Chunks> {
    handover(recipients, vec![Ok(b"Hello\r\n".to_vec())])
}

fn destination() -> Server {
    let mut server = Server::new("fake.example.com", 587, "postroom.example.com");
    server.smtp.security = Security::None;
    server
}

fn over(security: Security) -> Server {
    let mut server = destination();
    server.smtp.security = security;
    server
}

fn client(server: Server) -> ServerClient {
    ServerClient::new(server, clock::system(), Metrics::new()).unwrap()
}

/// The capacity of the pipe: more than any transaction here needs, so that neither side waits for
/// the other.
const PIPE: usize = 1024 * 1024;

fn pipe() -> (Box<DuplexStream>, DuplexStream) {
    let (ours, theirs) = duplex(PIPE);
    (Box::new(ours), theirs)
}

/// Connects to a server that follows the script.
async fn connect(script: Script) -> (Result<SmtpConnection, Trouble>, JoinHandle<String>) {
    let (ours, theirs) = pipe();
    let server = script.serve(theirs);
    (client(destination()).connect_over(ours).await, server)
}

fn outcomes(report: &Report) -> Vec<Outcome> {
    report.recipients.iter().map(|verdict| verdict.outcome).collect()
}
