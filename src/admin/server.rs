//! The sockets and connections of the HTTP interface, with bounds.
//!
//! # Failure
//! Binding returns [`AdminError`]. An error of a client ends its connection and is logged at
//! `debug`.

use std::{
    fs, io,
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use axum::{Extension, Router, serve::Listener};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use thiserror::Error;
use tokio::{
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::watch,
    task::JoinSet,
};
use tracing::debug;

use super::{Admin, AdminSettings, api, audit::PeerUid, health, socket_path};

/// The largest number of simultaneous connections of each side: a few scrapers and a few people.
const MOST_CONNECTIONS: usize = 64;
/// How long a client may take to send its request header, so that silent clients do not occupy
/// connections.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest duration of a connection. The slowest answer is the export of a large message to a
/// slow reader.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// The reason why the HTTP interface cannot be served.
#[derive(Debug, Error)]
pub enum AdminError {
    /// A TCP address cannot be bound.
    #[error("cannot listen on {address} ({key}): {reason}")]
    Bind {
        /// The configuration key of the address.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// The error of the operating system.
        reason: io::Error,
    },
    /// The commands' socket cannot be created.
    #[error("cannot create the commands' socket {path}: {reason}")]
    Socket {
        /// The path of the socket.
        path: PathBuf,
        /// The error of the operating system.
        reason: io::Error,
    },
}

/// The HTTP interface with its bound sockets.
pub struct AdminServer {
    admin: Admin,
    http: TcpListener,
    metrics: Option<TcpListener>,
    commands: UnixListener,
}

impl AdminServer {
    /// Binds all sockets. The daemon that has locked the spool of a data directory owns the
    /// commands' socket there, so it replaces one that is left over.
    ///
    /// # Errors
    /// If an address is in use, or the socket cannot be created.
    pub async fn bind(admin: Admin, settings: AdminSettings) -> Result<Self, AdminError> {
        let http = bind("admin.address", settings.address).await?;
        let metrics = match settings.metrics {
            Some(address) => Some(bind("metrics.address", address).await?),
            None => None,
        };
        let path = socket_path(&admin.0.data_dir);
        let commands = bind_socket(&path).map_err(|reason| AdminError::Socket { path, reason })?;
        admin.serving(
            address_of(&http, settings.address),
            metrics.as_ref().zip(settings.metrics).map(|(m, a)| address_of(m, a)),
        );
        Ok(Self { admin, http, metrics, commands })
    }

    /// Serves requests until `stop` becomes true, then removes the socket.
    pub async fn run(self, stop: watch::Receiver<bool>) {
        let path = socket_path(&self.admin.0.data_dir);
        let metrics = async {
            if let Some(metrics) = self.metrics {
                serve(metrics, health::metrics_router(self.admin.clone()), stop.clone()).await;
            }
        };
        tokio::join!(
            serve(self.http, health::router(self.admin.clone()), stop.clone()),
            serve(self.commands, api::router(self.admin.clone()), stop.clone()),
            metrics
        );
        if let Err(error) = fs::remove_file(&path) {
            debug!(path = %path.display(), %error, "socket not removed");
        }
    }
}

async fn bind(key: &'static str, address: SocketAddr) -> Result<TcpListener, AdminError> {
    TcpListener::bind(address).await.map_err(|reason| AdminError::Bind { key, address, reason })
}

fn address_of(listener: &TcpListener, asked: SocketAddr) -> SocketAddr {
    listener.local_addr().unwrap_or(asked)
}

/// Creates the socket beside its final path and renames it. Other users can therefore never open
/// it, and the path always exists while an old socket is replaced.
fn bind_socket(path: &Path) -> io::Result<UnixListener> {
    let beside = path.with_extension("sock.new");
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let socket = UnixListener::bind(&beside)?;
    fs::set_permissions(&beside, fs::Permissions::from_mode(0o600))?;
    fs::rename(&beside, path)?;
    Ok(socket)
}

/// The other end of a socket.
trait Peer {
    /// The user, as the kernel says; `None` over TCP.
    fn uid(&self) -> Option<u32>;
}

impl Peer for TcpStream {
    fn uid(&self) -> Option<u32> {
        None
    }
}

impl Peer for UnixStream {
    fn uid(&self) -> Option<u32> {
        self.peer_cred().ok().map(|peer| peer.uid())
    }
}

async fn serve<L: Listener<Io: Peer>>(
    mut listener: L,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    enum Event<Io> {
        Accepted(Io),
        Ended,
        Stop,
    }
    let mut connections = JoinSet::new();
    loop {
        let event = tokio::select! {
            (io, _) = listener.accept(), if connections.len() < MOST_CONNECTIONS => {
                Event::Accepted(io)
            }
            Some(_) = connections.join_next() => Event::Ended,
            _ = stop.wait_for(|stop| *stop) => Event::Stop,
        };
        match event {
            Event::Accepted(io) => {
                let router = router.clone().layer(Extension(PeerUid(io.uid())));
                connections.spawn(connection(io, router));
            }
            Event::Ended => {}
            Event::Stop => break,
        }
    }
    // Open connections are closed: the mail is safe by now, and a scrape can be repeated.
    connections.shutdown().await;
}

async fn connection(
    io: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    router: Router,
) {
    let service = TowerToHyperService::new(router);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(io), service);
    match tokio::time::timeout(CONNECTION_TIMEOUT, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(%error, "http connection lost"),
        Err(_too_long) => debug!("http connection took too long"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_use_is_said_once() {
        let reason = io::Error::from(io::ErrorKind::AddrInUse);
        let address = "127.0.0.1:8025".parse().unwrap();
        let error = AdminError::Bind { key: "admin.address", address, reason };
        let shown = format!("{:#}", anyhow::Error::new(error));
        assert_eq!(shown, "cannot listen on 127.0.0.1:8025 (admin.address): address in use");
    }
}
