//! A logged-in connection and its transactions (RFC 5321 3.3, RFC 2920).
//!
//! # Failure
//! [`Connection::send`] always ends in a [`Report`]. After anything but an ordinary reply, the
//! connection is no longer [reusable](Connection::is_reusable).

use std::time::Duration;

use rustls_pki_types::CertificateDer;
use tokio::time::Instant;
use tracing::trace;

use crate::{
    attempt::Report,
    classify::{Fault, LocalFault, Peer, Stage},
    message::Text,
    metrics::Metrics,
    model::Reply,
    smtp::dot_stuffing::DotStuffing,
    upstream::{
        handover::Handover,
        smtp::{
            ehlo::Offers,
            settings::Timeouts,
            transaction::{Broken, Command, Left, Next, Transaction, Use},
            wire::Wire,
        },
    },
};

/// The age at which we stop using a connection: Exchange Online ends sessions after about ten
/// minutes.
const MAX_AGE: Duration = Duration::from_secs(9 * 60);

/// The idle time after which we stop using a connection. Exchange Online closes idle connections
/// after five minutes, and firewalls often earlier.
const MAX_IDLE: Duration = Duration::from_secs(2 * 60);

/// The maximum number of commands sent before their replies are read. RFC 2920 3.1: client and
/// server must not deadlock. The replies to this many commands fit into the smallest receive window
/// in use.
const PIPELINED: usize = 100;

/// The number of octets of text that are collected before a write, so that a small message and its
/// final dot are sent in one write.
const WRITE_SIZE: usize = 128 * 1024;

/// A connection that is ready for `MAIL FROM`.
pub struct Connection {
    wire: Wire,
    offers: Offers,
    peer: Peer,
    timeouts: Timeouts,
    metrics: Metrics,
    opened: Instant,
    idle_since: Instant,
    state: State,
    /// The octets to write next. The buffer is kept for its capacity.
    out: Vec<u8>,
    /// The chunk of text just read. The buffer is kept for its capacity.
    chunk: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Logged in, no transaction yet.
    New,
    /// Between transactions.
    Used,
    /// The last transaction was abandoned before end of data: RSET must be sent first.
    OwesReset,
    /// Closed, closing, or out of sync.
    Unusable,
}

impl Connection {
    pub(in crate::upstream) fn new(
        wire: Wire,
        offers: Offers,
        peer: Peer,
        timeouts: Timeouts,
        metrics: Metrics,
    ) -> Self {
        let now = Instant::now();
        Self {
            wire,
            offers,
            peer,
            timeouts,
            metrics,
            opened: now,
            idle_since: now,
            state: State::New,
            out: Vec::new(),
            chunk: Vec::new(),
        }
    }

    /// The server's certificate from the handshake; none without encryption.
    pub(in crate::upstream) const fn certificate(&self) -> Option<&CertificateDer<'static>> {
        self.wire.certificate()
    }

    /// Runs one transaction.
    pub async fn send<T: Text>(&mut self, handover: Handover<T>) -> Report {
        let (mut envelope, mut text) = handover.into_parts();
        self.offers.suit(&mut envelope, &mut text);
        // If this future is dropped halfway, the state of the session is unknown, and the
        // connection must not be used again.
        let before = std::mem::replace(&mut self.state, State::Unusable);
        let connection = match before {
            State::New => Use::First,
            State::Used | State::OwesReset | State::Unusable => Use::Again,
        };
        let mut transaction = Transaction::new(
            &envelope.sender,
            &envelope.recipients,
            &self.offers,
            (self.peer, connection),
        );
        let ended = self.transact(before, &envelope, &mut text, &mut transaction).await;
        self.idle_since = Instant::now();
        match ended {
            Ok(end_of_data) => transaction.conclude(end_of_data),
            Err(broken) => transaction.broken(broken),
        }
    }

    /// Runs the transaction. Returns the reply to end of data, if the text was sent.
    async fn transact<T: Text>(
        &mut self,
        before: State,
        envelope: &Handover<()>,
        text: &mut T,
        transaction: &mut Transaction,
    ) -> Result<Option<Reply>, Broken> {
        self.tell_envelope(before, envelope, transaction).await?;
        match transaction.next() {
            Next::Text => {
                let reply = self.tell_text(text).await?;
                // A 421 here answers the message and also ends the session.
                self.state = if reply.code == 421 || reply.code / 100 == 3 {
                    State::Unusable
                } else {
                    State::Used
                };
                self.metrics.upstream().message_bytes.inc_by(envelope.size);
                Ok(Some(reply))
            }
            Next::LoneDot => {
                self.state =
                    if self.take_back().await.is_ok() { State::Used } else { State::Unusable };
                Ok(None)
            }
            Next::Nothing(left) => {
                self.state = match left {
                    Left::Open => State::OwesReset,
                    Left::Clean => State::Used,
                    Left::AsBefore => before,
                };
                Ok(None)
            }
        }
    }

    /// Sends MAIL, RCPT and DATA: in batches if the server supports pipelining, otherwise one by
    /// one.
    async fn tell_envelope(
        &mut self,
        before: State,
        envelope: &Handover<()>,
        transaction: &mut Transaction,
    ) -> Result<(), Broken> {
        let mut commands = transaction.commands();
        if commands.is_empty() {
            return Ok(());
        }
        match before {
            State::New => {}
            State::Used => self.check_alive().await?,
            State::OwesReset => {
                self.check_alive().await?;
                commands.insert(0, Command::Reset);
            }
            State::Unusable => return Err(Broken(Stage::MailFrom, Fault::Closed)),
        }
        let at_once = if self.offers.pipelining { PIPELINED } else { 1 };
        for group in commands.chunks(at_once) {
            if !transaction.wants(group) {
                break;
            }
            let first = group.first().map_or(Stage::MailFrom, |command| command.stage());
            let lines = self.render(group, envelope);
            self.wire
                .write(lines.as_bytes(), self.timeouts.command)
                .await
                .map_err(|fault| Broken(first, fault))?;
            for command in group {
                let within = match command {
                    Command::Reset | Command::Mail | Command::Rcpt(_) => self.timeouts.command,
                    Command::Data => self.timeouts.data,
                };
                let reply = self
                    .wire
                    .reply(within)
                    .await
                    .map_err(|fault| Broken(command.stage(), fault))?;
                trace!(?command, %reply, "the server answered");
                transaction.hear(*command, reply)?;
            }
        }
        Ok(())
    }

    fn render(&self, commands: &[Command], envelope: &Handover<()>) -> String {
        let mut lines = String::new();
        for command in commands {
            match command {
                Command::Reset => lines.push_str("RSET\r\n"),
                Command::Mail => self.offers.mail(envelope, &mut lines),
                Command::Rcpt(place) => {
                    if let Some(recipient) = envelope.recipients.get(*place) {
                        self.offers.rcpt(recipient, &mut lines);
                    }
                }
                Command::Data => lines.push_str("DATA\r\n"),
            }
        }
        lines
    }

    /// Checks a used connection before it is used again: the server may have closed it, or sent
    /// 421, while it was idle.
    async fn check_alive(&mut self) -> Result<(), Broken> {
        match self.wire.unasked().await {
            None => Ok(()),
            Some(fault) => Err(Broken(Stage::MailFrom, fault)),
        }
    }

    /// Sends the text and the final dot. Returns the reply.
    async fn tell_text<T: Text>(&mut self, text: &mut T) -> Result<Reply, Broken> {
        let mut stuffing = DotStuffing::default();
        self.out.clear();
        loop {
            let unreadable = |error: std::io::Error| {
                let fault = LocalFault::UnreadableText(error.to_string());
                Broken(Stage::Body, fault.into())
            };
            text.read(&mut self.chunk).await.map_err(unreadable)?;
            if self.chunk.is_empty() {
                break;
            }
            if !self.out.is_empty() && self.out.len() + self.chunk.len() > WRITE_SIZE {
                self.wire
                    .write(&self.out, self.timeouts.block)
                    .await
                    .map_err(|fault| Broken(Stage::Body, fault))?;
                self.out.clear();
            }
            stuffing.push(&self.chunk, &mut self.out);
        }
        stuffing.finish(&mut self.out);
        let begun = Instant::now();
        self.wire.write(&self.out, self.timeouts.block).await.map_err(in_doubt)?;
        let reply = self
            .wire
            .reply(self.timeouts.end_of_data)
            .await
            .map_err(|fault| Broken(Stage::EndOfData, fault))?;
        self.metrics.upstream().answer.observe(begun.elapsed().as_secs_f64());
        trace!(%reply, "the server answered to end of data");
        Ok(reply)
    }

    /// RFC 2920 3.1: sends an empty message that has no recipients.
    async fn take_back(&mut self) -> Result<(), Fault> {
        self.wire.write(b".\r\n", self.timeouts.command).await?;
        match self.wire.reply(self.timeouts.command).await? {
            Reply { code: 421, .. } => Err(Fault::Closed),
            _whatever => Ok(()),
        }
    }

    /// False once the server has closed the connection, sent 421, or left the session in an unknown
    /// state.
    #[must_use]
    pub fn is_reusable(&self) -> bool {
        self.state != State::Unusable
    }

    /// Whether the connection is young enough and has not been idle for too long: Exchange Online
    /// ends sessions after about ten minutes, and idle ones after five.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.opened.elapsed() < MAX_AGE && self.idle_since.elapsed() < MAX_IDLE
    }

    /// Sends QUIT, waits briefly for the reply, and closes.
    pub async fn quit(self) {
        if self.state != State::Unusable {
            self.wire.quit().await;
        }
    }
}

/// A failed last write may still have delivered the final dot. A refusal that was already waiting
/// counts as the reply; an acceptance does not.
fn in_doubt(fault: Fault) -> Broken {
    let fault = match fault {
        Fault::Reply(reply) if reply.is_positive() => Fault::Closed,
        fault @ (Fault::Reply(_) | Fault::Closed | Fault::TimedOut | Fault::Local(_)) => fault,
    };
    Broken(Stage::EndOfData, fault)
}
