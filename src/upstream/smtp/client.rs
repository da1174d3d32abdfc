//! Connections to the one server of an account, with its login.
//!
//! # Failure
//! Every failure here is the account's [`Trouble`], never a message's.

use std::{io, net::SocketAddr};

use tokio::{
    net::lookup_host,
    time::{Instant, timeout_at},
};
use tracing::debug;

use crate::{
    attempt::Trouble,
    classify::{DnsFault, Fault, Peer, Stage, Unresolved},
    clock::Clock,
    metrics::Metrics,
    model::{Reply, Secret},
    oauth::{Expiry, RefreshTokenStore, Refused, TokenClient, Tokens},
    upstream::{
        smtp::{
            auth::read_secret,
            connection::Connection,
            session::{ADDRESSES, Hello, Sessions, Step, TlsPolicy},
            settings::{SecretSource, Server, Verification},
            stream::Stream,
        },
        tls::Check,
    },
};

/// Makes connections to one server.
pub struct ServerClient {
    pub(in crate::upstream) server: Server,
    pub(in crate::upstream) sessions: Sessions,
    tokens: Option<Tokens>,
}

impl ServerClient {
    /// Reads the trust store and prepares the account's connections.
    ///
    /// # Errors
    /// When `ca_file` cannot be read or has no certificate.
    pub fn new(server: Server, clock: Clock, metrics: Metrics) -> io::Result<Self> {
        let tokens = match server.auth.as_ref().map(|auth| &auth.secret) {
            Some(SecretSource::OAuth { settings, account, secrets }) => {
                let store = RefreshTokenStore::new(secrets.clone());
                Some(Tokens::new(
                    account.clone(),
                    settings.clone(),
                    store,
                    TokenClient::new(clock.clone())?,
                    clock.clone(),
                ))
            }
            Some(SecretSource::File(_)) | None => None,
        };
        let sessions = Sessions::new(&server.smtp, Peer::Server, clock, metrics)?;
        Ok(Self { server, sessions, tokens })
    }

    /// Connects, negotiates TLS, sends EHLO, and logs in.
    ///
    /// # Errors
    /// The account's trouble, never a message's.
    pub async fn connect(&self) -> Result<Connection, Trouble> {
        // The secret comes first: without it, a connection is useless.
        let secret = self.needed_secret().await?;
        let (refused, trouble) = match self.connect_with(secret.clone()).await {
            Ok(connection) => return Ok(connection),
            Err(missed) => self.missed(secret.as_ref(), missed).await,
        };
        match refused {
            // A token may have been revoked or have expired on the way. One more login with a new
            // token is tried before anything is reported.
            Refused::Old => {
                let host = &self.server.host;
                debug!(host, "an old token was refused; trying with a new one");
                let secret = self.needed_secret().await?;
                let again = self.connect_with(secret).await;
                again.map_err(|(stage, fault)| self.sessions.trouble(stage, fault))
            }
            Refused::New => Err(trouble),
        }
    }

    /// The expiry of the login's credential, where it is known.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub async fn expiry(&self) -> io::Result<Option<Expiry>> {
        match &self.tokens {
            Some(tokens) => tokens.expiry().await,
            None => Ok(None),
        }
    }

    /// Forgets earlier failures, because a person has corrected something.
    pub async fn mended(&self) {
        if let Some(tokens) = &self.tokens {
            tokens.reset().await;
        }
    }

    async fn connect_with(&self, secret: Option<Secret>) -> Step<Connection> {
        match self.open(self.dialed().await?, secret.clone(), Hello::Extended).await {
            // RFC 5321 3.2 asks a server that does not know EHLO to say so. Some just close.
            Err((Stage::Ehlo, Fault::Closed))
                if secret.is_none() && self.tls_policy().needs_no_extensions() =>
            {
                debug!(host = self.server.host, "the server closed at EHLO; trying HELO");
                self.open(self.dialed().await?, secret, Hello::Plain).await
            }
            other => other,
        }
    }

    async fn dialed(&self) -> Step<Box<dyn Stream>> {
        self.dial().await.map_err(|fault| (Stage::Connect, fault))
    }

    /// The trouble of a failed connection, and whether an old token is to blame for it.
    async fn missed(
        &self,
        secret: Option<&Secret>,
        (stage, fault): (Stage, Fault),
    ) -> (Refused, Trouble) {
        (self.forget(secret, stage, &fault).await, self.sessions.trouble(stage, fault))
    }

    /// Discards a token that the server refused. RFC 4954 6: 535 says so. Other replies that end a
    /// login are not caused by the token.
    async fn forget(&self, secret: Option<&Secret>, stage: Stage, fault: &Fault) -> Refused {
        match (&self.tokens, secret, stage, fault) {
            (Some(tokens), Some(secret), Stage::Auth, Fault::Reply(Reply { code: 535, .. })) => {
                tokens.refused(secret).await
            }
            _not_a_token => Refused::New,
        }
    }

    /// Like [`Self::connect`], over an existing stream.
    ///
    /// # Errors
    /// The account's trouble, never a message's.
    pub async fn connect_over(&self, stream: Box<dyn Stream>) -> Result<Connection, Trouble> {
        let secret = self.needed_secret().await?;
        match self.open(stream, secret.clone(), Hello::Extended).await {
            Ok(connection) => Ok(connection),
            Err(missed) => Err(self.missed(secret.as_ref(), missed).await.1),
        }
    }

    async fn open(
        &self,
        stream: Box<dyn Stream>,
        secret: Option<Secret>,
        hello: Hello,
    ) -> Step<Connection> {
        let credentials = self.server.auth.as_ref().zip(secret.as_ref());
        let opened =
            self.sessions.negotiate(stream, credentials, &self.tls_policy(), hello).await?;
        Ok(self.sessions.opened(opened))
    }

    /// The TLS policy from the config for the account's one server.
    pub(in crate::upstream) fn tls_policy(&self) -> TlsPolicy<'_> {
        let Server { host, smtp, .. } = &self.server;
        let check = match smtp.verify {
            Verification::Required | Verification::Pinned(_) => Check::Trusted,
            Verification::Off => Check::Anyone,
        };
        TlsPolicy { host, security: smtp.security, check }
    }

    async fn needed_secret(&self) -> Result<Option<Secret>, Trouble> {
        self.secret().await.map_err(|fault| self.sessions.trouble(Stage::Token, fault))
    }

    /// The password or token; none without a login.
    pub(in crate::upstream) async fn secret(&self) -> Result<Option<Secret>, Fault> {
        let Some(auth) = &self.server.auth else {
            return Ok(None);
        };
        match (&auth.secret, &self.tokens) {
            (SecretSource::File(path), _) => read_secret(path).await.map(Some),
            (SecretSource::OAuth { .. }, Some(tokens)) => {
                tokens.token().await.map(Some).map_err(Into::into)
            }
            // `Self::new` makes tokens for every OAuth login.
            (SecretSource::OAuth { .. }, None) => Ok(None),
        }
    }

    /// Connects to the first address of the host that answers.
    async fn dial(&self) -> Result<Box<dyn Stream>, Fault> {
        let deadline = Instant::now() + self.server.smtp.timeouts.connect;
        let addresses = self.resolve(deadline).await?;
        self.sessions.dial_any(&self.server.host, &addresses, deadline).await
    }

    pub(in crate::upstream) async fn resolve(
        &self,
        deadline: Instant,
    ) -> Result<Vec<SocketAddr>, Fault> {
        let Server { host, smtp, .. } = &self.server;
        let unresolved = |reason| DnsFault::Unresolved { host: host.clone(), reason }.into();
        match timeout_at(deadline, lookup_host((host.as_str(), smtp.port))).await {
            Ok(Ok(addresses)) => {
                let addresses = addresses.take(ADDRESSES).collect::<Vec<_>>();
                if addresses.is_empty() {
                    Err(unresolved(Unresolved::NoAddress))
                } else {
                    Ok(addresses)
                }
            }
            Ok(Err(error)) => Err(unresolved(Unresolved::Refused(error.to_string()))),
            Err(_elapsed) => Err(unresolved(Unresolved::TimedOut)),
        }
    }
}
