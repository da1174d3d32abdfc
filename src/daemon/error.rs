//! Why the daemon did not start, or ended.

use thiserror::Error;

use crate::{
    admin::AdminError, config::ConfigError, listener::ListenerError, queue::QueueError,
    spool::SpoolError,
};

/// Why the daemon did not start, or ended.
#[derive(Debug, Error)]
pub enum DaemonError {
    /// The data folder.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The config, with what was set at run time.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The queue, for example an account in it.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// A listener or its certificate.
    #[error(transparent)]
    Listener(#[from] ListenerError),
    /// The admin side.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// Sockets handed over by systemd that no listener is for.
    #[error(
        "systemd has bound {0}, and no [[listener]] has that address; make postroom.socket and the \
        config say the same"
    )]
    StraySocket(String),
    /// A part ended by itself.
    #[error("{0} has ended unexpectedly; the log before this line says why")]
    Ended(&'static str),
}
