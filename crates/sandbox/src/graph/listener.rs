//! TLS for the HTTPS listener.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::serve::Listener;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::server::TlsStream;

use crate::{connection::Shared, dialect::Handshake};

/// Handshakes in progress at once, and connections that wait to be served.
const WAITING: usize = 64;
/// The time for a handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Accepts connections and negotiates TLS, so that a slow client does not hold up the others.
pub(crate) struct TlsListener {
    ready: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    address: SocketAddr,
    _accepting: JoinSet<()>,
}

impl TlsListener {
    pub(crate) fn new(tcp: TcpListener, shared: Arc<Shared>) -> io::Result<Self> {
        let address = tcp.local_addr()?;
        let (done, ready) = mpsc::channel(WAITING);
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut handshakes = JoinSet::new();
            loop {
                tokio::select! {
                    client = tcp.accept(), if handshakes.len() < WAITING => {
                        if let Ok((stream, peer)) = client {
                            handshakes.spawn(negotiate(stream, peer, shared.clone(), done.clone()));
                        }
                    }
                    Some(_) = handshakes.join_next() => {}
                }
            }
        });
        Ok(Self { ready, address, _accepting: accepting })
    }
}

async fn negotiate(
    stream: TcpStream,
    peer: SocketAddr,
    shared: Arc<Shared>,
    done: mpsc::Sender<(TlsStream<TcpStream>, SocketAddr)>,
) {
    let Some(acceptor) = shared.certificates.acceptor(Handshake::Proper) else { return };
    if let Ok(Ok(stream)) = timeout(HANDSHAKE, acceptor.accept(stream)).await {
        // Without a receiver, the sandbox stops.
        let _gone = done.send((stream, peer)).await;
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(client) => client,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(self.address)
    }
}
