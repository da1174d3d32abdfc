//! The transport as the queue sees it: it makes connections, and connections carry transactions.
//!
//! `upstream` is the real one. Tests use a scripted one and run the whole queue under simulated
//! time.

use std::{future::Future, io};

use crate::{
    attempt::{NextHop, Report, Trouble},
    message::Text,
    oauth::Expiry,
    upstream::{Connection, Handover, Upstream},
};

/// Makes connections for one account.
pub trait Transport: Send + Sync + 'static {
    /// The connection it makes.
    type Link: Link;

    /// Connects, and logs in if the account does so.
    ///
    /// # Errors
    /// The account's trouble; for a lane found by DNS also the trouble of its domain.
    fn connect(&self, lane: &NextHop) -> impl Future<Output = Result<Self::Link, Trouble>> + Send;

    /// When the account's credentials expire, if that can be known.
    ///
    /// # Errors
    /// When a file cannot be read.
    fn expiry(&self) -> impl Future<Output = io::Result<Option<Expiry>>> + Send {
        std::future::ready(Ok(None))
    }

    /// Forgets earlier trouble, because a person has corrected its cause.
    fn mended(&self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}

/// A connection that is ready for `MAIL FROM`.
pub trait Link: Send + 'static {
    /// Carries out one transaction.
    fn send<T: Text>(&mut self, handover: Handover<T>) -> impl Future<Output = Report> + Send;

    /// Whether another transaction can follow.
    fn is_reusable(&self) -> bool;

    /// Whether the server has no reason yet to close it.
    fn is_fresh(&self) -> bool;

    /// Ends the session with QUIT.
    fn quit(self) -> impl Future<Output = ()> + Send;
}

impl Transport for Upstream {
    type Link = Connection;

    async fn connect(&self, lane: &NextHop) -> Result<Connection, Trouble> {
        Self::connect(self, lane).await
    }

    async fn expiry(&self) -> io::Result<Option<Expiry>> {
        Self::expiry(self).await
    }

    async fn mended(&self) {
        Self::mended(self).await;
    }
}

impl Link for Connection {
    async fn send<T: Text>(&mut self, handover: Handover<T>) -> Report {
        Self::send(self, handover).await
    }

    fn is_reusable(&self) -> bool {
        Self::is_reusable(self)
    }

    fn is_fresh(&self) -> bool {
        Self::is_fresh(self)
    }

    async fn quit(self) {
        Self::quit(self).await;
    }
}
