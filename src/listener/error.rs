//! Why devices cannot be served.

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use thiserror::Error;

/// Why devices cannot be served.
#[derive(Debug, Error)]
pub enum ListenerError {
    /// The socket.
    #[error("listener {address}: {reason}")]
    Bind {
        /// Which.
        address: SocketAddr,
        /// Why not. In the text already, so not named as a source, which would print it twice.
        reason: io::Error,
    },
    /// The certificate or its key.
    #[error("{what} {path}: {reason}")]
    Tls {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
}

impl ListenerError {
    pub(super) fn tls(what: &'static str, path: &Path, reason: &dyn std::fmt::Display) -> Self {
        Self::Tls { what, path: path.to_owned(), reason: reason.to_string() }
    }
}
