//! One bound socket: accepts connections, within limits, and lets them finish when the daemon
//! stops.
//!
//! # Failure
//! [`Listener::bind`] returns [`ListenError`]. Afterwards nothing ends a listener but the daemon: a
//! failed accept is logged and tried again, and a panic in a connection ends that one alone.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use socket2::{Domain, SockRef, Socket, TcpKeepalive, Type};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinError, JoinSet},
};
use tracing::{debug, error, info};

use crate::listener::{ListenerError, ListenerSettings, Reception};

/// Tasks that accept from one socket, so that a burst of connections is not taken in by one core
/// alone.
const ACCEPTORS: usize = 2;
/// Connections that the kernel completes before we accept them: a whole office that comes back
/// after a power cut.
const BACKLOG: i32 = 1024;
/// When accepting fails (out of file descriptors, most likely), trying again at once would only
/// burn the processor.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(100);
/// One bound socket.
pub struct Listener {
    socket: Arc<TcpListener>,
    settings: ListenerSettings,
}

impl Listener {
    /// Binds the address (`[::]` takes IPv4 too), or takes the socket that systemd has bound to it
    /// already. Inside a tokio runtime.
    ///
    /// # Errors
    /// When the address is taken or not ours.
    pub fn bind(
        settings: &ListenerSettings,
        inherited: Option<std::net::TcpListener>,
    ) -> Result<Self, ListenerError> {
        let listen = || {
            let socket = inherited.map_or_else(|| bind(settings.address), Ok)?;
            prepare(&socket)?;
            let settings = ListenerSettings { address: socket.local_addr()?, ..*settings };
            Ok(Self { socket: Arc::new(TcpListener::from_std(socket)?), settings })
        };
        listen().map_err(|reason| ListenerError::Bind { address: settings.address, reason })
    }

    /// Where it listens, with the port that was really taken.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.settings.address
    }

    #[cfg(test)]
    pub(super) fn socket(&self) -> &TcpListener {
        &self.socket
    }

    /// Serves until `stop` turns true; then accepts nothing more, tells each session at its next
    /// command boundary, and returns when the last has ended. The daemon bounds how long it waits
    /// for that: dropped, it cuts them off.
    pub async fn run(self, reception: Reception, stop: watch::Receiver<bool>) {
        let ListenerSettings { address, tls, protocol } = self.settings;
        info!(%address, tls = tls.as_str(), protocol = protocol.as_str(), "listening");
        let mut acceptors = JoinSet::new();
        for _ in 0..ACCEPTORS {
            acceptors.spawn(accept(
                Arc::clone(&self.socket),
                self.settings,
                reception.clone(),
                stop.clone(),
            ));
        }
        // The acceptors hold the socket from here on: it closes with the last of them.
        drop(self.socket);
        while let Some(ended) = acceptors.join_next().await {
            if let Err(error) = ended {
                error!(%error, %address, "an acceptor ended in a panic");
            }
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket =
        Socket::new(Domain::for_address(address), Type::STREAM, Some(socket2::Protocol::TCP))?;
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

/// Accepted sockets inherit these options from the listening one, which saves system calls for each
/// connection.
fn prepare(socket: &std::net::TcpListener) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    let options = SockRef::from(socket);
    options.set_tcp_nodelay(true)?;
    // Scanners fall silent between two pages, and are switched off without a word: found out after
    // some minutes.
    options.set_tcp_keepalive(
        &TcpKeepalive::new()
            .with_time(Duration::from_secs(120))
            .with_interval(Duration::from_secs(30)),
    )
}

/// What an acceptor woke up for.
enum Event {
    Stop,
    Connected(io::Result<(TcpStream, SocketAddr)>),
    Ended(Result<(), JoinError>),
}

async fn accept(
    socket: Arc<TcpListener>,
    settings: ListenerSettings,
    reception: Reception,
    mut stop: watch::Receiver<bool>,
) {
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
                if let Some(connection) = reception.admit(stream, peer, settings, stop.clone()) {
                    connections.spawn(connection);
                }
            }
            Event::Connected(Err(error)) => {
                // A stranger can bring this about by opening connections until there are no more
                // descriptors.
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
