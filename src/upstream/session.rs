//! stub

use crate::{
    clock::Clock,
    message::Text,
    metrics::Metrics,
    upstream::{Destination, Handover, Report, Trouble},
};

/// Makes connections for one account.
pub struct Upstream {}

impl Upstream {
    /// Reads the trust store.
    ///
    /// # Errors
    /// When `ca_file` cannot be read or has no certificate.
    pub fn new(_destination: Destination, _clock: Clock, _metrics: Metrics) -> Result<Self, std::io::Error> {
        todo!()
    }

    /// Connects, negotiates TLS, says EHLO, logs in.
    ///
    /// # Errors
    /// The account's trouble; never a message's.
    pub async fn connect(&self) -> Result<Connection, Trouble> {
        todo!()
    }
}

/// A connection that is ready for `MAIL FROM`.
pub struct Connection {}

impl Connection {
    /// One transaction.
    pub async fn send<T: Text>(&mut self, _handover: Handover<T>) -> Report {
        todo!()
    }

    /// False once the server has closed it, asked us to go (421), or left us in an unknown state.
    #[must_use]
    pub fn is_reusable(&self) -> bool {
        todo!()
    }

    /// How long it has been open, and idle: Exchange Online ends sessions after about ten minutes, idle ones after five.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        todo!()
    }

    /// Says QUIT and closes; waits briefly for the answer.
    pub async fn quit(self) {
        todo!()
    }
}
