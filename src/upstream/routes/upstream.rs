//! Makes the connections of an account, whichever its route is.

use std::io;

use super::{
    Connection, Connector, Route, Smarthost, Submission, direct::DirectClient, graph::GraphClient,
};
use crate::{
    attempt::{NextHop, Trouble},
    clock::Clock,
    metrics::Metrics,
    oauth::Expiry,
    upstream::{finding::Finding, smtp::client::ServerClient},
};

/// Makes connections for one account.
pub struct Upstream(Client);

enum Client {
    /// To its one server.
    Server(Box<ServerClient>),
    /// To the mail servers of domains.
    Direct(Box<DirectClient>),
    /// By Microsoft Graph.
    Graph(GraphClient),
}

impl Upstream {
    /// Reads the trust store and prepares the account's connections.
    ///
    /// # Errors
    /// When `ca_file` cannot be read or has no certificate, or the DNS settings cannot be read.
    pub fn new(route: &Route, clock: Clock, metrics: Metrics) -> io::Result<Self> {
        Ok(Self(match route {
            Route::Submission(Submission { server, .. })
            | Route::Connector(Connector { server, .. })
            | Route::Smarthost(Smarthost { server }) => {
                Client::Server(Box::new(ServerClient::new(server.clone(), clock, metrics)?))
            }
            Route::Direct(direct) => {
                Client::Direct(Box::new(DirectClient::new(direct, clock, metrics)?))
            }
            Route::Graph(graph) => Client::Graph(GraphClient::new(graph, clock, metrics)?),
        }))
    }

    /// Connects to the next hop, and logs in if the account does so.
    ///
    /// # Errors
    /// The account's trouble. For a domain, also the domain's trouble; its verdict then decides the
    /// outcome for the recipients.
    pub async fn connect(&self, next_hop: &NextHop) -> Result<Connection, Trouble> {
        match &self.0 {
            Client::Server(client) => client.connect().await.map(Connection::from),
            Client::Direct(client) => client.connect(next_hop).await.map(Connection::from),
            Client::Graph(client) => client.connect().await.map(Connection::from),
        }
    }

    /// Runs all steps until one fails. No message is sent.
    pub async fn check(&self, mut found: impl FnMut(Finding)) {
        match &self.0 {
            Client::Server(client) => client.check(&mut found).await,
            Client::Direct(client) => client.check(&mut found).await,
            Client::Graph(client) => client.check(&mut found).await,
        }
    }

    /// When the credential of the login expires, if that is known.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub async fn expiry(&self) -> io::Result<Option<Expiry>> {
        match &self.0 {
            Client::Server(client) => client.expiry().await,
            Client::Direct(_) => Ok(None),
            Client::Graph(client) => client.expiry().await,
        }
    }

    /// Forgets earlier failures, because a person has corrected something.
    pub async fn mended(&self) {
        match &self.0 {
            Client::Server(client) => client.mended().await,
            Client::Direct(_) => {}
            Client::Graph(client) => client.mended().await,
        }
    }
}
