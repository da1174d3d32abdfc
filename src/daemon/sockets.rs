//! Sockets that systemd has bound already (sd_listen_fds(3)). With them, the daemon needs no
//! privilege to bind port 25.

use std::net::{SocketAddr, TcpListener};

use listenfd::ListenFd;
use tracing::warn;

/// Bound sockets, by their address.
#[derive(Default)]
pub struct Sockets(Vec<(SocketAddr, TcpListener)>);

impl Sockets {
    /// Takes the sockets that systemd has passed on. Call it once, before anything opens files.
    #[must_use]
    pub fn inherited() -> Self {
        let mut passed = ListenFd::from_env();
        let mut sockets = Vec::new();
        for index in 0..passed.len() {
            match passed.take_tcp_listener(index) {
                Ok(Some(socket)) => match socket.local_addr() {
                    Ok(address) => sockets.push((address, socket)),
                    Err(error) => warn!(index, %error, "inherited socket has no address"),
                },
                Ok(None) => {}
                Err(error) => warn!(index, %error, "inherited socket is not for TCP"),
            }
        }
        Self(sockets)
    }

    /// No sockets.
    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Takes the socket that is bound to this address.
    pub(super) fn take(&mut self, address: SocketAddr) -> Option<TcpListener> {
        let index = self.0.iter().position(|(bound, _)| *bound == address)?;
        Some(self.0.swap_remove(index).1)
    }

    /// The addresses of the sockets that no listener has taken.
    pub(super) fn left_over(&self) -> Option<String> {
        let addresses: Vec<String> =
            self.0.iter().map(|(address, _)| address.to_string()).collect();
        (!addresses.is_empty()).then(|| addresses.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_goes_to_the_listener_of_its_address_and_strays_are_named() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let mut sockets = Sockets(vec![(address, socket)]);
        assert!(sockets.take("127.0.0.1:1".parse().unwrap()).is_none());
        assert_eq!(sockets.left_over(), Some(address.to_string()));
        assert!(sockets.take(address).is_some());
        assert_eq!(sockets.left_over(), None);
    }
}
