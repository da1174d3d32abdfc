//! A connection that is ready for a message, whichever its route is.

use super::graph::GraphSession;
use crate::{
    attempt::Report,
    message::Text,
    upstream::{handover::Handover, smtp::connection::Connection as SmtpConnection},
};

/// A connection that is ready for a message.
pub enum Connection {
    /// To an SMTP server.
    Smtp(Box<SmtpConnection>),
    /// A token for Microsoft Graph.
    Graph(Box<GraphSession>),
}

impl From<SmtpConnection> for Connection {
    fn from(connection: SmtpConnection) -> Self {
        Self::Smtp(Box::new(connection))
    }
}

impl From<GraphSession> for Connection {
    fn from(session: GraphSession) -> Self {
        Self::Graph(Box::new(session))
    }
}

impl Connection {
    /// Makes one attempt.
    pub async fn send<T: Text>(&mut self, handover: Handover<T>) -> Report {
        match self {
            Self::Smtp(connection) => connection.send(handover).await,
            Self::Graph(session) => session.send(handover).await,
        }
    }

    /// Whether another attempt can follow.
    #[must_use]
    pub fn is_reusable(&self) -> bool {
        match self {
            Self::Smtp(connection) => connection.is_reusable(),
            Self::Graph(session) => session.is_reusable(),
        }
    }

    /// Whether the connection is young enough and has not been idle for too long.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        match self {
            Self::Smtp(connection) => connection.is_fresh(),
            Self::Graph(session) => session.is_fresh(),
        }
    }

    /// Ends the session.
    pub async fn quit(self) {
        match self {
            Self::Smtp(connection) => connection.quit().await,
            // HTTP has no farewell.
            Self::Graph(_) => {}
        }
    }
}
