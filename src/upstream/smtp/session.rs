//! Makes a logged-in connection: DNS, TCP, TLS, EHLO, AUTH.
//!
//! mail-send opens the TCP connection and writes the SASL responses. Its reply readers are not
//! used: they store each part of an enhanced code in one octet (5.7.512 becomes 5.7.255), stop at
//! 4096 octets, and cannot distinguish a closed connection from an invalid reply.
//!
//! # Failure
//! Every failure here is the account's [`Trouble`], never a message's.

use std::{io, net::SocketAddr};

use mail_send::SmtpClient;
use tokio::{
    net::lookup_host,
    time::{Instant, timeout_at},
};
use tracing::debug;

use crate::{
    attempt::{NextHop, Trouble},
    classify::{DnsFault, Fault, Peer, Stage, TcpFault, TlsFault, Unresolved, classify_of},
    clock::Clock,
    metrics::Metrics,
    model::{Reply, Secret},
    oauth::{Expiry, RefreshTokenStore, Refused, TokenClient, Tokens},
    upstream::{
        destination::{Destination, SecretSource, Security, Verification},
        dns::mx::{self, Finder},
        smtp::{
            auth::{login, read_secret},
            connection::Connection,
            ehlo::Offers,
            stream::{self, Stream},
            wire::Wire,
        },
        tls::{Check, Tls},
    },
};

/// The maximum number of addresses tried for a host. They share the time allowed for connecting.
const ADDRESSES: usize = 6;

/// Makes connections for one account.
pub struct Upstream {
    pub(in crate::upstream) destination: Destination,
    pub(in crate::upstream) tls: Tls,
    finder: Option<Finder>,
    tokens: Option<Tokens>,
    metrics: Metrics,
    pub(in crate::upstream) clock: Clock,
}

/// How one connection is protected.
pub(in crate::upstream) struct TlsPolicy<'a> {
    /// The name that the certificate must cover.
    pub(in crate::upstream) host: &'a str,
    pub(in crate::upstream) security: Security,
    pub(in crate::upstream) check: Check,
}

pub(in crate::upstream) type Step<T> = Result<T, (Stage, Fault)>;

impl Upstream {
    /// Reads the trust store and prepares the account's connections.
    ///
    /// # Errors
    /// When `ca_file` cannot be read or has no certificate, or the DNS settings cannot be read.
    pub fn new(
        destination: Destination,
        clock: Clock,
        metrics: Metrics,
    ) -> Result<Self, io::Error> {
        let tls = Tls::new(&destination, clock.clone())?;
        let finder = mx::finder(&destination, clock.clone())?;
        let tokens = match destination.auth.as_ref().map(|auth| &auth.secret) {
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
        Ok(Self { destination, tls, finder, tokens, metrics, clock })
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
                let host = &self.destination.host;
                debug!(host, "an old token was refused; trying with a new one");
                let secret = self.needed_secret().await?;
                let again = self.connect_with(secret).await;
                again.map_err(|(stage, fault)| self.trouble(stage, fault))
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
        let stream = self.dial().await.map_err(|fault| (Stage::Connect, fault))?;
        self.open(stream, secret).await
    }

    /// The trouble of a failed connection, and whether an old token is to blame for it.
    async fn missed(
        &self,
        secret: Option<&Secret>,
        (stage, fault): (Stage, Fault),
    ) -> (Refused, Trouble) {
        (self.forget(secret, stage, &fault).await, self.trouble(stage, fault))
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

    /// Connects to a server of this lane.
    ///
    /// # Errors
    /// The account's trouble. For a domain's lane, also the domain's trouble; its verdict then
    /// decides the outcome for the recipients.
    pub async fn connect_to(&self, lane: &NextHop) -> Result<Connection, Trouble> {
        match (lane, &self.finder) {
            (NextHop::Domain(domain), Some(finder)) => self.connect_domain(finder, domain).await,
            (NextHop::Domain(_) | NextHop::Server, _) => self.connect().await,
        }
    }

    /// Like [`Self::connect`], over an existing stream.
    ///
    /// # Errors
    /// The account's trouble, never a message's.
    pub async fn connect_over(&self, stream: Box<dyn Stream>) -> Result<Connection, Trouble> {
        let secret = self.needed_secret().await?;
        match self.open(stream, secret.clone()).await {
            Ok(connection) => Ok(connection),
            Err(missed) => Err(self.missed(secret.as_ref(), missed).await.1),
        }
    }

    async fn open(&self, stream: Box<dyn Stream>, secret: Option<Secret>) -> Step<Connection> {
        Ok(self.opened(self.negotiate(stream, secret, &self.tls_policy()).await?))
    }

    /// The TLS policy from the config for the account's one server.
    pub(in crate::upstream) fn tls_policy(&self) -> TlsPolicy<'_> {
        let Destination { host, security, verify, .. } = &self.destination;
        let check = match verify {
            Verification::Required => Check::Trusted,
            Verification::Off => Check::Anyone,
        };
        TlsPolicy { host, security: *security, check }
    }

    /// Makes the connection, which is ready for `MAIL FROM`.
    pub(in crate::upstream) fn opened(&self, (wire, offers): (Wire, Offers)) -> Connection {
        self.metrics.upstream().connections.inc();
        Connection::new(wire, offers, self.peer(), self.destination.timeouts, self.metrics.clone())
    }

    const fn peer(&self) -> Peer {
        match self.finder {
            Some(_) => Peer::Exchanger,
            None => Peer::Server,
        }
    }

    async fn needed_secret(&self) -> Result<Option<Secret>, Trouble> {
        self.secret().await.map_err(|fault| self.trouble(Stage::Token, fault))
    }

    /// The password or token; none without a login.
    pub(in crate::upstream) async fn secret(&self) -> Result<Option<Secret>, Fault> {
        let Some(auth) = &self.destination.auth else {
            return Ok(None);
        };
        match (&auth.secret, &self.tokens) {
            (SecretSource::File(path), _) => read_secret(path).await.map(Some),
            (SecretSource::OAuth { .. }, Some(tokens)) => {
                tokens.token().await.map(Some).map_err(Into::into)
            }
            // `Upstream::new` makes tokens for every OAuth login.
            (SecretSource::OAuth { .. }, None) => Ok(None),
        }
    }

    pub(in crate::upstream) fn trouble(&self, stage: Stage, fault: Fault) -> Trouble {
        self.metrics.upstream().troubles.inc();
        let verdict = classify_of(self.peer(), stage, &fault);
        Trouble { fault, verdict }
    }

    /// Connects to the first address of the host that answers.
    async fn dial(&self) -> Result<Box<dyn Stream>, Fault> {
        let deadline = Instant::now() + self.destination.timeouts.connect;
        let addresses = self.resolve(deadline).await?;
        self.dial_any(&self.destination.host, &addresses, deadline).await
    }

    pub(in crate::upstream) async fn resolve(
        &self,
        deadline: Instant,
    ) -> Result<Vec<SocketAddr>, Fault> {
        let Destination { host, port, .. } = &self.destination;
        let unresolved = |reason| DnsFault::Unresolved { host: host.clone(), reason }.into();
        match timeout_at(deadline, lookup_host((host.as_str(), *port))).await {
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

    /// Connects to the first of these addresses that answers.
    pub(in crate::upstream) async fn dial_any(
        &self,
        host: &str,
        addresses: &[SocketAddr],
        deadline: Instant,
    ) -> Result<Box<dyn Stream>, Fault> {
        let mut last = Fault::Closed;
        for (tried, address) in addresses.iter().take(ADDRESSES).enumerate() {
            // The remaining addresses share the remaining time, so that one that never answers
            // cannot use up all of it.
            let left = u32::try_from(addresses.len().min(ADDRESSES) - tried).unwrap_or(1);
            let share = deadline.saturating_duration_since(Instant::now()) / left;
            match SmtpClient::connect(*address, share).await {
                Ok(SmtpClient { stream, .. }) => {
                    // The last packet of a command must not wait for the acknowledgement of the
                    // previous one.
                    stream.set_nodelay(true).map_err(|error| stream::fault(&error))?;
                    debug!(%address, host, "connected");
                    return Ok(Box::new(stream));
                }
                Err(error) => last = unreachable_address(*address, &error),
            }
        }
        Err(last)
    }

    /// Runs the session from the first octet to the end of the login.
    pub(in crate::upstream) async fn negotiate(
        &self,
        stream: Box<dyn Stream>,
        secret: Option<Secret>,
        tls_policy: &TlsPolicy<'_>,
    ) -> Step<(Wire, Offers)> {
        let Destination { timeouts, auth, .. } = &self.destination;
        let TlsPolicy { host, security, check } = tls_policy;
        let broken = |fault| (Stage::Tls, fault);
        let mut wire = match security {
            Security::None | Security::StartTls | Security::Opportunistic => Wire::new(stream),
            Security::Implicit => Wire::secured(
                self.tls.handshake(stream, host, check, timeouts.connect).await.map_err(broken)?,
            ),
        };
        positive(wire.reply(timeouts.greeting).await).map_err(|fault| (Stage::Greeting, fault))?;
        let mut offers = self.ehlo(&mut wire).await?;
        match security {
            Security::None | Security::Implicit => {}
            Security::Opportunistic if !offers.starttls => {}
            Security::StartTls | Security::Opportunistic => {
                self.start_tls(&mut wire, &offers).await.map_err(|fault| (Stage::Ehlo, fault))?;
                let stream = wire.into_stream().map_err(broken)?;
                wire = Wire::secured(
                    self.tls
                        .handshake(stream, host, check, timeouts.connect)
                        .await
                        .map_err(broken)?,
                );
                // RFC 3207 4.2: what the server said before the handshake is discarded.
                offers = self.ehlo(&mut wire).await?;
            }
        }
        if let (Some(auth), Some(secret)) = (auth, secret) {
            login(&mut wire, &offers, auth, &secret, timeouts.command)
                .await
                .map_err(|fault| (Stage::Auth, fault))?;
        }
        Ok((wire, offers))
    }

    async fn ehlo(&self, wire: &mut Wire) -> Step<Offers> {
        let within = self.destination.timeouts.command;
        let say = async {
            wire.write(format!("EHLO {}\r\n", self.destination.helo).as_bytes(), within).await?;
            let lines = wire.lines(within).await?;
            match lines.reply() {
                reply if reply.is_positive() => Ok(Offers::read(lines.texts())),
                // RFC 5321 3.2: a server that does not know EHLO gets HELO. It offers no
                // extensions, so this works only without TLS and login.
                Reply { code: 500 | 502 | 504, .. } => {
                    wire.write(format!("HELO {}\r\n", self.destination.helo).as_bytes(), within)
                        .await?;
                    positive(wire.reply(within).await).map(|_reply| Offers::default())
                }
                refusal => Err(Fault::Reply(refusal)),
            }
        };
        say.await.map_err(|fault| (Stage::Ehlo, fault))
    }

    /// RFC 3207. Nothing is sent without the offer: an attacker who can hide the keyword can also
    /// read what follows.
    async fn start_tls(&self, wire: &mut Wire, offers: &Offers) -> Result<(), Fault> {
        if !offers.starttls {
            return Err(TlsFault::NotOffered.into());
        }
        let within = self.destination.timeouts.command;
        wire.write(b"STARTTLS\r\n", within).await?;
        positive(wire.reply(within).await).map(drop)
    }
}

fn positive(reply: Result<Reply, Fault>) -> Result<Reply, Fault> {
    reply.and_then(|reply| if reply.is_positive() { Ok(reply) } else { Err(Fault::Reply(reply)) })
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other errors of mail-send are shown in its own words"
)]
fn unreachable_address(address: SocketAddr, error: &mail_send::Error) -> Fault {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable, Other};

    let text = error.to_string();
    let kind = match error {
        mail_send::Error::Timeout => return Fault::TimedOut,
        mail_send::Error::Io(error) => error.kind(),
        _not_of_the_network => Other,
    };
    match kind {
        ConnectionRefused => TcpFault::Refused { address, text }.into(),
        HostUnreachable | NetworkUnreachable => TcpFault::Unreachable { address, text }.into(),
        kind => TcpFault::NotConnected { address, kind, text }.into(),
    }
}
