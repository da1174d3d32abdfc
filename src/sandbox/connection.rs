//! One connection: the socket around the [`Dialogue`], doing what its [`Act`]s say.
//!
//! # Failure
//! A socket that fails ends its connection alone, without a word; what the client was told until then stands.

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    time::timeout,
};
use tracing::debug;

use crate::{
    clock::Clock,
    model::TlsVersion,
    sandbox::{
        Timing,
        certificate::{Certificates, names_in},
        dialect::{Accepted, Act, Cut, Dialogue, Handshake, Leave, Receive, Role, session_id},
        keep::{Incoming, Keeper},
        tenant::Tenant,
        text::TextReader,
    },
};

/// RFC 4954 4.5.3.1: lines of an AUTH exchange may have 12,288 octets; tokens are long.
const LINE_LIMIT: usize = 12_288;
/// One read, and one write to a file.
const READ_SIZE: usize = 64 * 1024;
const NOT_KEPT: &str = "451 4.3.0 The sandbox cannot write its files\r\n";

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) tenant: Mutex<Tenant>,
    pub(crate) keeper: Mutex<Keeper>,
    pub(crate) certificates: Certificates,
    pub(crate) timing: Timing,
    pub(crate) clock: Clock,
    pub(crate) sessions: AtomicU64,
    pub(crate) stop: watch::Receiver<Stop>,
}

/// Whether the sandbox is to stop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stop {
    NotYet,
    Now,
}

impl Shared {
    /// The tenant, for one short step. A panic elsewhere leaves counters at worst.
    pub(crate) fn tenant(&self) -> MutexGuard<'_, Tenant> {
        self.tenant.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn keeper(&self) -> MutexGuard<'_, Keeper> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why talking over one stream ended.
enum After {
    Gone,
    Reset,
    Handshake(Handshake),
}

/// What a read brought.
enum Filled {
    Octets,
    End,
    Idle,
    Stop,
}

enum Line {
    Whole(Vec<u8>),
    TooLong,
}

struct Connection {
    shared: Arc<Shared>,
    stop: watch::Receiver<Stop>,
    dialogue: Dialogue,
    input: Vec<u8>,
    skipping: Skipping,
    output: Vec<u8>,
    text: Option<Text>,
}

/// Whether the rest of an over-long line is being thrown away.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Skipping {
    No,
    ToLineEnd,
}

/// A text being received.
struct Text {
    reader: TextReader,
    incoming: Result<Incoming, io::Error>,
    room: u64,
}

impl Text {
    fn write(&mut self, octets: &[u8]) {
        // Beyond what SIZE announces the refusal is certain: the rest is counted, not written.
        if self.reader.octets() <= self.room
            && let Ok(incoming) = &mut self.incoming
            && let Err(error) = incoming.write(octets)
        {
            self.incoming = Err(error);
        }
    }
}

/// Serves one client until it is gone.
pub(crate) async fn serve(mut tcp: TcpStream, peer: SocketAddr, role: Role, shared: Arc<Shared>) {
    let now = shared.clock.now();
    let id = session_id(now, shared.sessions.fetch_add(1, Ordering::Relaxed));
    let (dialogue, acts) = Dialogue::open(role, peer.ip(), id, shared.timing, &mut shared.tenant(), now);
    let stop = shared.stop.clone();
    let mut connection = Connection { shared, stop, dialogue, input: Vec::new(), skipping: Skipping::No, output: Vec::new(), text: None };
    let after = connection.talk(&mut tcp, acts).await;
    let after = match after {
        Ok(After::Handshake(handshake)) => connection.secure(&mut tcp, handshake).await,
        other => other,
    };
    connection.close();
    match after {
        Ok(After::Reset) => {
            let _already_gone = tcp.set_zero_linger();
        }
        Ok(After::Gone | After::Handshake(_)) => {}
        Err(error) => debug!(%peer, %error, "sandbox connection ended"),
    }
}

impl Connection {
    async fn secure(&mut self, tcp: &mut TcpStream, handshake: Handshake) -> io::Result<After> {
        let shared = self.shared.clone();
        let Some(acceptor) = shared.certificates.acceptor(handshake) else {
            tcp.write_all(b"*** not TLS ***\r\n").await?;
            return Ok(After::Gone);
        };
        // RFC 3207 4.2: what came before TLS and was not asked for is thrown away.
        self.input.clear();
        let mut tls = timeout(shared.timing.idle, acceptor.accept(tcp)).await??;
        let (_, state) = tls.get_ref();
        let version = match state.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_3) => TlsVersion::Tls13,
            _older => TlsVersion::Tls12,
        };
        let names = state.peer_certificates().and_then(|chain| chain.first()).map(names_in).unwrap_or_default();
        self.dialogue.secured(version, names);
        let after = self.talk(&mut tls, Vec::new()).await?;
        if matches!(after, After::Gone) {
            // The client may be gone already, or never have wanted a proper end.
            let _unanswered = timeout(shared.timing.drip, tls.shutdown()).await;
        }
        Ok(after)
    }

    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: &mut S, acts: Vec<Act>) -> io::Result<After> {
        if let Some(after) = self.perform(stream, acts).await? {
            return Ok(after);
        }
        loop {
            let acts = match self.take_line() {
                Some(line) => self.answer(&line),
                None => match self.fill(stream).await? {
                    Filled::Octets => continue,
                    Filled::End => return Ok(After::Gone),
                    Filled::Idle => Dialogue::idle(),
                    Filled::Stop => Dialogue::shut_down(),
                },
            };
            if let Some(after) = self.perform(stream, acts).await? {
                return Ok(after);
            }
        }
    }

    fn answer(&mut self, line: &Line) -> Vec<Act> {
        let now = self.shared.clock.now();
        match line {
            Line::Whole(line) => self.dialogue.line(line, &mut self.shared.tenant(), now),
            Line::TooLong => self.dialogue.line_too_long(),
        }
    }

    /// Does what was said, and what follows from it.
    async fn perform<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: &mut S, acts: Vec<Act>) -> io::Result<Option<After>> {
        let mut queue = VecDeque::from(acts);
        while let Some(act) = queue.pop_front() {
            match act {
                Act::Say(text) => self.output.extend_from_slice(text.as_bytes()),
                Act::Drip(text) => self.drip(stream, &text).await?,
                Act::Pause(pause) => {
                    if !pause.is_zero() {
                        self.flush(stream).await?;
                        self.wait(pause).await;
                    }
                }
                Act::Handshake(handshake) => {
                    self.flush(stream).await?;
                    return Ok(Some(After::Handshake(handshake)));
                }
                Act::Receive(receive) => match self.receive(stream, receive).await? {
                    Some(acts) => acts.into_iter().rev().for_each(|act| queue.push_front(act)),
                    None => return Ok(Some(After::Gone)),
                },
                Act::Keep(accepted) => {
                    if !self.keep(*accepted) {
                        queue = VecDeque::from([Act::Settle, Act::Say(NOT_KEPT.to_owned())]);
                    }
                }
                Act::Lose => self.text = None,
                Act::Settle => self.dialogue.settle(&mut self.shared.tenant()),
                Act::Leave(leave) => return self.leave(stream, leave).await.map(Some),
            }
        }
        Ok(None)
    }

    async fn leave<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: &mut S, leave: Leave) -> io::Result<After> {
        match leave {
            Leave::Close => {
                // Counted out before the client can know: its next connection may come at once.
                self.close();
                self.flush(stream).await?;
                Ok(After::Gone)
            }
            Leave::Cut => Ok(After::Gone),
            Leave::Reset => Ok(After::Reset),
            Leave::Silence => {
                self.flush(stream).await?;
                loop {
                    self.input.clear();
                    match self.fill(stream).await? {
                        Filled::Octets | Filled::Idle => {}
                        Filled::End | Filled::Stop => return Ok(After::Gone),
                    }
                }
            }
        }
    }

    /// Takes text. Returns what follows; none when the client is gone.
    async fn receive<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: &mut S, receive: Receive) -> io::Result<Option<Vec<Act>>> {
        let (mut left, cut) = match receive {
            Receive::Swallow { octets } => return self.swallow(stream, octets).await,
            Receive::Dotted { cut } => (None, cut),
            Receive::Chunk { octets, last, cut } => (Some((octets, octets, last)), cut),
        };
        let mut text = match self.text.take() {
            Some(text) => text,
            None => Text {
                reader: TextReader::default(),
                incoming: self.shared.keeper().begin(),
                room: self.shared.tenant().limits().announced_size.octets(),
            },
        };
        loop {
            let ended = match &mut left {
                None => self.take_dotted(&mut text),
                Some((left, _, _)) => self.take_chunk(&mut text, left),
            };
            if let Some(Cut { acts, .. }) = cut.as_ref().filter(|cut| ended || text.reader.octets() >= cut.after) {
                return Ok(Some(repeat(acts)));
            }
            if ended {
                break;
            }
            match self.fill(stream).await? {
                Filled::Octets => {}
                Filled::End | Filled::Stop => return Ok(None),
                Filled::Idle => return Ok(Some(Dialogue::idle())),
            }
        }
        if let Some((_, octets, false)) = left {
            self.text = Some(text);
            return Ok(Some(Dialogue::chunk_taken(octets)));
        }
        let facts = std::mem::take(&mut text.reader).facts();
        self.text = Some(text);
        let now = self.shared.clock.now();
        Ok(Some(self.dialogue.end_of_data(&facts, &mut self.shared.tenant(), now)))
    }

    fn take_dotted(&mut self, text: &mut Text) -> bool {
        let mut decoded = Vec::with_capacity(self.input.len());
        let taken = text.reader.dotted(&self.input, &mut decoded);
        text.write(&decoded);
        self.input.drain(..taken.consumed);
        taken.ended
    }

    fn take_chunk(&mut self, text: &mut Text, left: &mut u64) -> bool {
        let here = usize::try_from(*left).unwrap_or(usize::MAX).min(self.input.len());
        let octets: Vec<u8> = self.input.drain(..here).collect();
        text.reader.raw(&octets);
        text.write(&octets);
        *left -= u64::try_from(here).unwrap_or(*left);
        *left == 0
    }

    async fn swallow<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: &mut S, mut left: u64) -> io::Result<Option<Vec<Act>>> {
        loop {
            let here = usize::try_from(left).unwrap_or(usize::MAX).min(self.input.len());
            self.input.drain(..here);
            left -= u64::try_from(here).unwrap_or(left);
            if left == 0 {
                return Ok(Some(Vec::new()));
            }
            match self.fill(stream).await? {
                Filled::Octets => {}
                Filled::End | Filled::Stop => return Ok(None),
                Filled::Idle => return Ok(Some(Dialogue::idle())),
            }
        }
    }

    fn keep(&mut self, accepted: Accepted) -> bool {
        let incoming = self.text.take().map(|text| text.incoming);
        let kept = match incoming {
            Some(Ok(incoming)) => self.shared.keeper().keep(incoming, accepted),
            Some(Err(error)) => Err(error),
            None => Err(io::ErrorKind::NotFound.into()),
        };
        kept.inspect_err(|error| debug!(%error, "message not kept")).is_ok()
    }

    fn take_line(&mut self) -> Option<Line> {
        let end = self.input.iter().position(|octet| *octet == b'\n');
        match (end, self.skipping) {
            (Some(end), Skipping::ToLineEnd) => {
                self.input.drain(..=end);
                self.skipping = Skipping::No;
                Some(Line::TooLong)
            }
            (Some(end), Skipping::No) => {
                let mut line: Vec<u8> = self.input.drain(..=end).collect();
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                Some(if line.len() > LINE_LIMIT { Line::TooLong } else { Line::Whole(line) })
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

    async fn fill<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: &mut S) -> io::Result<Filled> {
        self.flush(stream).await?;
        self.input.reserve(READ_SIZE);
        let idle = self.shared.timing.idle;
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

    async fn flush<S: AsyncWrite + Unpin>(&mut self, stream: &mut S) -> io::Result<()> {
        if self.output.is_empty() {
            return Ok(());
        }
        let output = std::mem::take(&mut self.output);
        let written = async {
            stream.write_all(&output).await?;
            stream.flush().await
        };
        timeout(self.shared.timing.idle, written).await?
    }

    async fn drip<S: AsyncWrite + Unpin>(&mut self, stream: &mut S, text: &str) -> io::Result<()> {
        for octet in text.as_bytes() {
            self.output.push(*octet);
            self.flush(stream).await?;
            self.wait(self.shared.timing.drip).await;
        }
        Ok(())
    }

    async fn wait(&mut self, pause: std::time::Duration) {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = self.stop.wait_for(|stop| *stop == Stop::Now) => {}
        }
    }

    /// Counted out; twice does no harm.
    fn close(&mut self) {
        self.text = None;
        self.dialogue.closed(&mut self.shared.tenant());
    }
}

/// The acts of a cut, which are of the kinds that can be said twice.
fn repeat(acts: &[Act]) -> Vec<Act> {
    let again = |act: &Act| match act {
        Act::Say(text) | Act::Drip(text) => Some(Act::Say(text.clone())),
        Act::Leave(leave) => Some(Act::Leave(*leave)),
        Act::Pause(_) | Act::Handshake(_) | Act::Receive(_) | Act::Keep(_) | Act::Lose | Act::Settle => None,
    };
    acts.iter().filter_map(again).collect()
}
