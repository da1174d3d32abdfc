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
    /// The address cannot be bound.
    #[error("listener {address}: {reason}")]
    Bind {
        /// The address of the listener.
        address: SocketAddr,
        /// Why not. In the text already, so not named as a source, which would print it twice.
        reason: io::Error,
    },
    /// The certificate or its key cannot be used.
    #[error("{what} {path}: {reason}")]
    Tls {
        /// What was attempted.
        what: &'static str,
        /// The file concerned.
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
