//! One connection: owns the socket of a [`Dialogue`] and performs its [`Act`]s.
//!
//! # Failure
//! A socket error ends only its own connection and is not reported. Replies that were already sent
//! remain valid.

use std::{
    collections::VecDeque,
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    time::timeout,
};
use tracing::debug;

use crate::{
    Timing,
    certificate::{Certificates, names_in},
    dialect::{Accepted, Act, Cut, Dialogue, Handshake, Leave, Receive, Role, session_id},
    keep::{Incoming, Keeper},
    stop::Stop,
    tenant::Tenant,
    text::TextReader,
    wire::{Filled, Wire, WireLine},
};
use postroom_core::{clock::Clock, model::TlsVersion};

const NOT_KEPT: &str = "451 4.3.0 The sandbox cannot write its files\r\n";

/// The state that all connections share.
pub(crate) struct Shared {
    pub(crate) tenant: Mutex<Tenant>,
    pub(crate) keeper: Mutex<Keeper>,
    pub(crate) certificates: Certificates,
    pub(crate) timing: Timing,
    pub(crate) clock: Clock,
    pub(crate) sessions: AtomicU64,
    pub(crate) stop: watch::Receiver<Stop>,
}

impl Shared {
    /// Locks the tenant for one short step. After a panic elsewhere, at worst a counter is wrong.
    pub(crate) fn tenant(&self) -> MutexGuard<'_, Tenant> {
        self.tenant.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn keeper(&self) -> MutexGuard<'_, Keeper> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What follows the conversation over one stream.
enum After {
    Gone,
    Reset,
    Handshake(Handshake),
}

struct Connection {
    shared: Arc<Shared>,
    wire: Wire,
    dialogue: Dialogue,
    text: Option<IncomingText>,
}

/// A text that is being received.
struct IncomingText {
    reader: TextReader,
    incoming: Result<Incoming, io::Error>,
    room: u64,
}

impl IncomingText {
    fn write(&mut self, octets: &[u8]) {
        // A text above the announced SIZE is certain to be refused: the excess is counted but not
        // written.
        if self.reader.octets() <= self.room
            && let Ok(incoming) = &mut self.incoming
            && let Err(error) = incoming.write(octets)
        {
            self.incoming = Err(error);
        }
    }
}

/// Serves one client until it disconnects.
pub(crate) async fn serve(mut tcp: TcpStream, peer: SocketAddr, role: Role, shared: Arc<Shared>) {
    let (mut connection, acts) = Connection::open(peer.ip(), role, shared);
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

/// Serves a client of the submission listener over a stream that counts as already encrypted.
pub(crate) async fn serve_secured<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    shared: Arc<Shared>,
) {
    let (mut connection, acts) =
        Connection::open(std::net::Ipv4Addr::LOCALHOST.into(), Role::Submission, shared);
    connection.dialogue.secured(TlsVersion::Tls13, Vec::new());
    // The client sees how the connection ended.
    let _after = connection.talk(&mut stream, acts).await;
    connection.close();
}

impl Connection {
    /// Opens a connection. Returns it with its first acts.
    fn open(peer: IpAddr, role: Role, shared: Arc<Shared>) -> (Self, Vec<Act>) {
        let now = shared.clock.now();
        let id = session_id(now, shared.sessions.fetch_add(1, Ordering::Relaxed));
        let (dialogue, acts) =
            Dialogue::open(role, peer, id, shared.timing, &mut shared.tenant(), now);
        let wire = Wire::new(shared.timing, shared.stop.clone());
        (Self { shared, wire, dialogue, text: None }, acts)
    }

    async fn secure(&mut self, tcp: &mut TcpStream, handshake: Handshake) -> io::Result<After> {
        let shared = self.shared.clone();
        let Some(acceptor) = shared.certificates.acceptor(handshake) else {
            tcp.write_all(b"*** not TLS ***\r\n").await?;
            return Ok(After::Gone);
        };
        // RFC 3207 4.2: input that came before the handshake is discarded.
        self.wire.input.clear();
        let mut tls = timeout(shared.timing.idle, acceptor.accept(tcp)).await??;
        let (_, state) = tls.get_ref();
        let version = match state.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_3) => TlsVersion::Tls13,
            _older => TlsVersion::Tls12,
        };
        let names = state.peer_certificates().map(names_in).unwrap_or_default();
        self.dialogue.secured(version, names);
        let after = self.talk(&mut tls, Vec::new()).await?;
        if matches!(after, After::Gone) {
            // The client may have disconnected, or may not answer the shutdown.
            let _unanswered = timeout(shared.timing.drip, tls.shutdown()).await;
        }
        Ok(after)
    }

    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        acts: Vec<Act>,
    ) -> io::Result<After> {
        if let Some(after) = self.perform(stream, acts).await? {
            return Ok(after);
        }
        loop {
            let acts = match self.wire.take_line() {
                Some(line) => self.answer(&line),
                None => match self.wire.fill(stream).await? {
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

    fn answer(&mut self, line: &WireLine) -> Vec<Act> {
        let now = self.shared.clock.now();
        match line {
            WireLine::Whole(line) => self.dialogue.line(line, &mut self.shared.tenant(), now),
            WireLine::TooLong => self.dialogue.line_too_long(),
        }
    }

    /// Performs the acts and those that follow from them.
    async fn perform<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        acts: Vec<Act>,
    ) -> io::Result<Option<After>> {
        let mut queue = VecDeque::from(acts);
        while let Some(act) = queue.pop_front() {
            match act {
                Act::Say(text) => self.wire.output.extend_from_slice(text.as_bytes()),
                Act::Drip(text) => self.wire.drip(stream, &text).await?,
                Act::Pause(pause) => {
                    if !pause.is_zero() {
                        self.wire.flush(stream).await?;
                        self.wire.wait(pause).await;
                    }
                }
                Act::Handshake(handshake) => {
                    self.wire.flush(stream).await?;
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

    async fn leave<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        leave: Leave,
    ) -> io::Result<After> {
        match leave {
            Leave::Close => {
                // The session is counted as ended before the client can see it, because the
                // client's next connection may come at once.
                self.close();
                self.wire.flush(stream).await?;
                Ok(After::Gone)
            }
            Leave::Cut => Ok(After::Gone),
            Leave::Reset => Ok(After::Reset),
            Leave::Silence => {
                self.wire.flush(stream).await?;
                loop {
                    self.wire.input.clear();
                    match self.wire.fill(stream).await? {
                        Filled::Octets | Filled::Idle => {}
                        Filled::End | Filled::Stop => return Ok(After::Gone),
                    }
                }
            }
        }
    }

    /// Receives text. Returns the acts that follow; none when the client has disconnected.
    async fn receive<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        receive: Receive,
    ) -> io::Result<Option<Vec<Act>>> {
        let (mut left, cut) = match receive {
            Receive::Swallow { octets } => return self.swallow(stream, octets).await,
            Receive::Dotted { cut } => (None, cut),
            Receive::Chunk { octets, last, cut } => (Some((octets, octets, last)), cut),
        };
        let mut text = match self.text.take() {
            Some(text) => text,
            None => IncomingText {
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
            if let Some(Cut { acts, .. }) =
                cut.as_ref().filter(|cut| ended || text.reader.octets() >= cut.after)
            {
                return Ok(Some(repeat(acts)));
            }
            if ended {
                break;
            }
            match self.wire.fill(stream).await? {
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

    fn take_dotted(&mut self, text: &mut IncomingText) -> bool {
        let mut decoded = Vec::with_capacity(self.wire.input.len());
        let taken = text.reader.dotted(&self.wire.input, &mut decoded);
        text.write(&decoded);
        self.wire.input.drain(..taken.consumed);
        taken.ended
    }

    fn take_chunk(&mut self, text: &mut IncomingText, left: &mut u64) -> bool {
        let here = usize::try_from(*left).unwrap_or(usize::MAX).min(self.wire.input.len());
        let octets: Vec<u8> = self.wire.input.drain(..here).collect();
        text.reader.raw(&octets);
        text.write(&octets);
        *left -= u64::try_from(here).unwrap_or(*left);
        *left == 0
    }

    async fn swallow<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        mut left: u64,
    ) -> io::Result<Option<Vec<Act>>> {
        loop {
            let here = usize::try_from(left).unwrap_or(usize::MAX).min(self.wire.input.len());
            self.wire.input.drain(..here);
            left -= u64::try_from(here).unwrap_or(left);
            if left == 0 {
                return Ok(Some(Vec::new()));
            }
            match self.wire.fill(stream).await? {
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

    /// Counts the session as ended. A second call does nothing.
    fn close(&mut self) {
        self.text = None;
        self.dialogue.closed(&mut self.shared.tenant());
    }
}

/// Copies the acts of a cut. They are only of kinds that can be copied.
fn repeat(acts: &[Act]) -> Vec<Act> {
    let again = |act: &Act| match act {
        Act::Say(text) | Act::Drip(text) => Some(Act::Say(text.clone())),
        Act::Leave(leave) => Some(Act::Leave(*leave)),
        Act::Pause(_)
        | Act::Handshake(_)
        | Act::Receive(_)
        | Act::Keep(_)
        | Act::Lose
        | Act::Settle => None,
    };
    acts.iter().filter_map(again).collect()
}
