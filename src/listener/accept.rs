//! One bound socket: accepts connections, within limits, and lets them finish when the daemon stops.
//!
//! # Failure
//! [`Listener::bind`] returns [`ListenError`]. Afterwards nothing ends a listener but the daemon: a failed accept is
//! logged and tried again, and a panic in a connection ends that one alone.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, SemaphorePermit, watch},
    task::{JoinError, JoinSet},
};
use tracing::{debug, error, info, warn};

use crate::{
    clock::Clock,
    device::Devices,
    listener::{ListenerError, ListenerSettings, ListenerTls, ReceivingLimits, Tls, connection::Connection, opening::Habits, slots::Slots},
    metrics::Metrics,
    model::{AccountName, Reply},
    spool::Spool,
};

/// Tasks that accept from one socket, so that a burst of connections is not taken in by one core alone.
const ACCEPTORS: usize = 2;
/// Connections that the kernel completes before we accept them: a whole office that comes back after a power cut.
const BACKLOG: i32 = 1024;
/// When accepting fails (out of file descriptors, most likely), trying again at once would only burn the processor.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(100);
/// Logins verified at once. Argon2 takes 19 MiB each by default.
const LOGINS_AT_ONCE: usize = 2;

/// What every connection shares.
#[derive(Clone)]
pub struct Receiving {
    /// Who may do what.
    pub devices: Devices,
    /// Where messages go.
    pub spool: Spool,
    /// The account of devices without their own.
    pub default_account: AccountName,
    /// `hostname`.
    pub hostname: String,
    /// Bounds.
    pub limits: ReceivingLimits,
    /// Time.
    pub clock: Clock,
    /// Counters.
    pub metrics: Metrics,
}

/// [`Receiving`] with the certificate and the counted places: one for all listeners. Cheap to clone.
#[derive(Clone)]
pub struct Reception(Arc<Inner>);

struct Inner {
    receiving: Receiving,
    tls: Tls,
    slots: Slots,
    habits: Habits,
    logins: Semaphore,
}

impl Reception {
    /// Opens for business.
    #[must_use]
    pub fn new(receiving: Receiving, tls: Tls) -> Self {
        let slots = Slots::new(receiving.limits, receiving.metrics.clone());
        Self(Arc::new(Inner { receiving, tls, slots, habits: Habits::default(), logins: Semaphore::new(LOGINS_AT_ONCE) }))
    }

    pub(super) fn shared(&self) -> &Receiving {
        &self.0.receiving
    }

    pub(super) fn tls(&self) -> &Tls {
        &self.0.tls
    }

    pub(super) fn slots(&self) -> &Slots {
        &self.0.slots
    }

    pub(super) fn habits(&self) -> &Habits {
        &self.0.habits
    }

    /// Waits for its turn to verify a login. The semaphore is never closed, so there is always a permit.
    pub(super) async fn login_permit(&self) -> Option<SemaphorePermit<'_>> {
        self.0.logins.acquire().await.ok()
    }
}

/// One bound socket.
pub struct Listener {
    socket: Arc<TcpListener>,
    address: SocketAddr,
    mode: ListenerTls,
}

impl Listener {
    /// Binds the address (`[::]` takes IPv4 too), or takes the socket that systemd has bound to it already. Inside a
    /// tokio runtime.
    ///
    /// # Errors
    /// When the address is taken or not ours.
    pub fn bind(settings: &ListenerSettings, inherited: Option<std::net::TcpListener>) -> Result<Self, ListenerError> {
        let listen = || {
            let socket = inherited.map_or_else(|| bind(settings.address), Ok)?;
            prepare(&socket)?;
            let address = socket.local_addr()?;
            Ok(Self { socket: Arc::new(TcpListener::from_std(socket)?), address, mode: settings.tls })
        };
        listen().map_err(|reason| ListenerError::Bind { address: settings.address, reason })
    }

    /// Where it listens, with the port that was really taken.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    #[cfg(test)]
    pub(super) fn socket(&self) -> &TcpListener {
        &self.socket
    }

    /// Serves until `stop` turns true; then accepts nothing more, tells each session at its next command boundary,
    /// and returns when the last has ended. The daemon bounds how long it waits for that: dropped, it cuts them off.
    pub async fn run(self, reception: Reception, stop: watch::Receiver<bool>) {
        info!(address = %self.address, tls = ?self.mode, "listening");
        let mut acceptors = JoinSet::new();
        for _ in 0..ACCEPTORS {
            acceptors.spawn(accept(Arc::clone(&self.socket), self.mode, reception.clone(), stop.clone()));
        }
        // The acceptors hold the socket from here on: it closes with the last of them.
        drop(self.socket);
        while let Some(ended) = acceptors.join_next().await {
            if let Err(error) = ended {
                error!(%error, address = %self.address, "an acceptor ended in a panic");
            }
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // The system's default may say otherwise (net.ipv6.bindv6only).
        socket.set_only_v6(false)?;
    }
    // A restart must not wait for connections of the last run to be forgotten.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Accepted sockets inherit these options from the listening one, which saves system calls for each connection.
fn prepare(socket: &std::net::TcpListener) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    let options = SockRef::from(socket);
    options.set_tcp_nodelay(true)?;
    // Scanners fall silent between two pages, and are switched off without a word: found out after some minutes.
    options.set_tcp_keepalive(&TcpKeepalive::new().with_time(Duration::from_secs(120)).with_interval(Duration::from_secs(30)))
}

/// What an acceptor woke up for.
enum Event {
    Stop,
    Connected(io::Result<(TcpStream, SocketAddr)>),
    Ended(Result<(), JoinError>),
}

async fn accept(socket: Arc<TcpListener>, mode: ListenerTls, reception: Reception, mut stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        let event = tokio::select! {
            biased;
            _ = stop.wait_for(|stopping| *stopping) => Event::Stop,
            Some(ended) = connections.join_next() => Event::Ended(ended),
            connected = socket.accept() => Event::Connected(connected),
        };
        match event {
            Event::Stop => break,
            Event::Ended(ended) => reception.note_end(ended),
            Event::Connected(Ok((stream, peer))) => {
                if let Some(connection) = reception.admit(stream, peer, mode, stop.clone()) {
                    connections.spawn(connection);
                }
            }
            Event::Connected(Err(error)) => {
                // A stranger can bring this about by opening connections until there are no more descriptors.
                debug!(%error, "cannot accept");
                tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
            }
        }
    }
    drop(socket);
    while let Some(ended) = connections.join_next().await {
        reception.note_end(ended);
    }
}

impl Reception {
    /// Finds a place for a new connection, or turns it away.
    fn admit(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        mode: ListenerTls,
        stop: watch::Receiver<bool>,
    ) -> Option<impl Future<Output = ()> + Send + use<>> {
        let metrics = self.0.receiving.metrics.receiving();
        let client = self.0.receiving.devices.identify(peer.ip());
        match self.slots().take(&client) {
            Ok(slot) => {
                metrics.connections_accepted.inc();
                let reception = self.clone();
                Some(async move {
                    if let Some(connection) = Connection::open(reception, client, slot, mode, stream, stop).await {
                        connection.serve().await;
                    }
                })
            }
            Err(reply) => {
                metrics.connections_refused.inc();
                match client.device() {
                    Some(device) => warn!(device = %device.name, peer = %client.peer(), %reply, "connection refused"),
                    None => debug!(peer = %client.peer(), %reply, "connection refused"),
                }
                turn_away(&stream, &reply, mode);
                None
            }
        }
    }

    pub(super) fn note_end(&self, ended: Result<(), JoinError>) {
        if let Err(broken) = ended
            && broken.is_panic()
        {
            self.0.receiving.metrics.receiving().session_panics.inc();
            error!(%broken, "a connection ended in a panic");
        }
    }
}

/// Says why, if that can be said in plaintext and without waiting, and closes.
fn turn_away(stream: &TcpStream, reply: &Reply, mode: ListenerTls) {
    match mode {
        ListenerTls::Implicit => {}
        ListenerTls::None | ListenerTls::Starttls | ListenerTls::Auto => {
            // A client that does not take it gets none.
            let _unsent = stream.try_write(format!("{reply}\r\n").as_bytes());
        }
    }
}
