//! The way out as the queue sees it: something that makes connections, and connections that carry
//! transactions.
//!
//! `upstream` is the real one; tests put a scripted one in its place and run the whole queue under
//! simulated time.

use std::{future::Future, io};

use crate::{
    message::Text,
    oauth::Expiry,
    upstream::{Connection, Handover, NextHop, Report, Trouble, Upstream},
};

/// Makes connections for one account.
pub trait Transport: Send + Sync + 'static {
    /// What it makes.
    type Link: Link;

    /// Connects, and logs in where that is the way.
    ///
    /// # Errors
    /// The account's trouble; of a lane that is found by DNS also that of its domain.
    fn connect(&self, lane: &NextHop) -> impl Future<Output = Result<Self::Link, Trouble>> + Send;

    /// When what it logs in with ends, where that can be known.
    ///
    /// # Errors
    /// When a file cannot be read.
    fn expiry(&self) -> impl Future<Output = io::Result<Option<Expiry>>> + Send {
        std::future::ready(Ok(None))
    }

    /// A person has put something right: what went wrong before is forgotten.
    fn mended(&self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}

/// A connection that is ready for `MAIL FROM`.
pub trait Link: Send + 'static {
    /// One transaction.
    fn send<T: Text>(&mut self, handover: Handover<T>) -> impl Future<Output = Report> + Send;

    /// Whether another transaction can follow.
    fn is_reusable(&self) -> bool;

    /// Whether the server has no reason yet to end it.
    fn is_fresh(&self) -> bool;

    /// Takes leave.
    fn quit(self) -> impl Future<Output = ()> + Send;
}

impl Transport for Upstream {
    type Link = Connection;

    async fn connect(&self, lane: &NextHop) -> Result<Connection, Trouble> {
        self.connect_to(lane).await
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
