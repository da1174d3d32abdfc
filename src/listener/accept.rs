//! One bound socket: accepts connections, and lets them finish when the daemon stops.
//!
//! # Failure
//! [`Listener::bind`] returns [`ListenerError`]. Afterwards only the daemon ends a listener: a
//! failed accept is logged and tried again, and a panic in a connection ends that connection alone.

use std::{io, net::SocketAddr, os::fd::AsFd as _, sync::Arc, time::Duration};

use socket2::{Domain, SockRef, Socket, TcpKeepalive, Type};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinError, JoinSet},
};
use tracing::{debug, error, info};

use crate::listener::{ListenerContext, ListenerError, ListenerSettings, admission::admit};

/// The number of tasks that accept from one socket, so that one core alone does not have to accept
/// a burst of connections.
const ACCEPTORS: usize = 2;
/// The number of connections that the kernel completes before we accept them: enough for a whole
/// office that comes back after a power cut.
const BACKLOG: i32 = 1024;
/// The pause after a failed accept. The usual cause is a lack of file descriptors, and trying again
/// at once would only waste processor time.
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
    /// When the address is in use, or does not belong to this machine.
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

    /// The address that it listens at, with the actual port.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.settings.address
    }

    #[cfg(test)]
    pub(super) fn socket(&self) -> &TcpListener {
        &self.socket
    }

    /// Another handle of the same socket. Connections that wait to be accepted stay while one of
    /// them is open.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn duplicate(&self) -> io::Result<std::net::TcpListener> {
        Ok(self.socket.as_fd().try_clone_to_owned()?.into())
    }

    /// Serves until `stop` turns true. Then it accepts no more connections, ends each session at
    /// its next command boundary, and returns when the last has ended. The daemon bounds the wait:
    /// dropping this future cuts the sessions off.
    ///
    /// When `close` turns true, it accepts no more connections either, but lets each session go on
    /// until the client ends it.
    pub async fn run(
        self,
        context: ListenerContext,
        close: watch::Receiver<bool>,
        stop: watch::Receiver<bool>,
    ) {
        let ListenerSettings { address, tls, protocol } = self.settings;
        info!(%address, tls = tls.as_str(), protocol = protocol.as_str(), "listening");
        let mut acceptors = JoinSet::new();
        for _ in 0..ACCEPTORS {
            acceptors.spawn(accept(
                Arc::clone(&self.socket),
                self.settings,
                context.clone(),
                close.clone(),
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
    // A restart must not wait until the kernel forgets the connections of the last run.
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
    // Scanners fall silent between two pages, and people switch them off at any moment: keepalive
    // detects that after some minutes.
    options.set_tcp_keepalive(
        &TcpKeepalive::new()
            .with_time(Duration::from_secs(120))
            .with_interval(Duration::from_secs(30)),
    )
}

/// Why an acceptor has woken up.
enum Event {
    Stop,
    Connected(io::Result<(TcpStream, SocketAddr)>),
    Ended(Result<(), JoinError>),
}

async fn accept(
    socket: Arc<TcpListener>,
    settings: ListenerSettings,
    context: ListenerContext,
    mut close: watch::Receiver<bool>,
    mut stop: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        let event = tokio::select! {
            biased;
            _ = stop.wait_for(|stopping| *stopping) => Event::Stop,
            Ok(_) = close.wait_for(|closing| *closing) => Event::Stop,
            Some(ended) = connections.join_next() => Event::Ended(ended),
            connected = socket.accept() => Event::Connected(connected),
        };
        match event {
            Event::Stop => break,
            Event::Ended(ended) => note_end(&context, ended),
            Event::Connected(Ok((stream, peer))) => {
                if let Some(connection) = admit(&context, stream, peer, settings, stop.clone()) {
                    connections.spawn(connection);
                }
            }
            Event::Connected(Err(error)) => {
                // A stranger can cause this by opening connections until the descriptors run out.
                debug!(%error, "cannot accept");
                tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
            }
        }
    }
    drop(socket);
    while let Some(ended) = connections.join_next().await {
        note_end(&context, ended);
    }
}

pub(super) fn note_end(context: &ListenerContext, ended: Result<(), JoinError>) {
    if let Err(broken) = ended
        && broken.is_panic()
    {
        context.for_connection().metrics().session_panics.inc();
        error!(%broken, "a connection ended in a panic");
    }
}
