//! Makes a connection over a stream: TLS, EHLO, AUTH.
//!
//! mail-send opens the TCP connection and writes the SASL responses. Its reply readers are not
//! used: they store each part of an enhanced code in one octet (5.7.512 becomes 5.7.255), stop at
//! 4096 octets, and cannot distinguish a closed connection from an invalid reply.
//!
//! # Failure
//! Every failure here concerns the account, never a message. It comes with the stage at which it
//! happened; [`Sessions::trouble`] says what it means.

use std::{io, net::SocketAddr};

use mail_send::SmtpClient;
use tokio::time::Instant;
use tracing::debug;

use crate::{
    attempt::Trouble,
    classify::{Fault, Peer, Stage, TcpFault, TlsFault, classify_of},
    clock::Clock,
    metrics::Metrics,
    model::{Reply, Secret},
    upstream::{
        smtp::{
            auth::login,
            connection::Connection,
            ehlo::Offers,
            settings::{Auth, Security, SmtpSettings},
            stream::{self, Stream},
            wire::Wire,
        },
        tls::{Check, Tls},
    },
};

/// The maximum number of addresses tried for a host. They share the time allowed for connecting.
pub(in crate::upstream) const ADDRESSES: usize = 6;

/// Makes the connections of one account.
pub(in crate::upstream) struct Sessions {
    pub(in crate::upstream) settings: SmtpSettings,
    pub(in crate::upstream) tls: Tls,
    pub(in crate::upstream) clock: Clock,
    peer: Peer,
    metrics: Metrics,
}

/// How one connection is protected.
pub(in crate::upstream) struct TlsPolicy<'a> {
    /// The name that the certificate must cover.
    pub(in crate::upstream) host: &'a str,
    pub(in crate::upstream) security: Security,
    pub(in crate::upstream) check: Check,
}

impl TlsPolicy<'_> {
    /// Whether HELO is enough: it offers neither STARTTLS nor a login.
    pub(in crate::upstream) const fn needs_no_extensions(&self) -> bool {
        matches!(self.security, Security::None | Security::Implicit)
    }
}

/// How a session begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::upstream) enum Hello {
    /// EHLO, which asks for the extensions.
    Extended,
    /// HELO, for a server that closes the connection at EHLO.
    Plain,
}

pub(in crate::upstream) type Step<T> = Result<T, (Stage, Fault)>;

impl Sessions {
    /// Reads the trust store.
    pub(in crate::upstream) fn new(
        settings: &SmtpSettings,
        peer: Peer,
        clock: Clock,
        metrics: Metrics,
    ) -> io::Result<Self> {
        let tls = Tls::new(settings, clock.clone())?;
        Ok(Self { settings: settings.clone(), tls, clock, peer, metrics })
    }

    /// Makes the connection, which is ready for `MAIL FROM`.
    pub(in crate::upstream) fn opened(&self, (wire, offers): (Wire, Offers)) -> Connection {
        self.metrics.upstream().connections.inc();
        Connection::new(wire, offers, self.peer, self.settings.timeouts, self.metrics.clone())
    }

    /// What a failure means.
    pub(in crate::upstream) fn trouble(&self, stage: Stage, fault: Fault) -> Trouble {
        self.metrics.upstream().troubles.inc();
        let verdict = classify_of(self.peer, stage, &fault);
        Trouble { fault, verdict }
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
        credentials: Option<(&Auth, &Secret)>,
        tls_policy: &TlsPolicy<'_>,
        hello: Hello,
    ) -> Step<(Wire, Offers)> {
        let timeouts = &self.settings.timeouts;
        let TlsPolicy { host, security, check } = tls_policy;
        let broken = |fault| (Stage::Tls, fault);
        let mut wire = match security {
            Security::None | Security::StartTls | Security::Opportunistic => Wire::new(stream),
            Security::Implicit => Wire::secured(
                self.tls.handshake(stream, host, check, timeouts.connect).await.map_err(broken)?,
            ),
        };
        positive(wire.reply(timeouts.greeting).await).map_err(|fault| (Stage::Greeting, fault))?;
        let mut offers = match hello {
            Hello::Extended => self.ehlo(&mut wire).await?,
            Hello::Plain => {
                self.helo(&mut wire).await.map_err(|fault| (Stage::Ehlo, fault))?;
                Offers::default()
            }
        };
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
        if let Some((auth, secret)) = credentials {
            login(&mut wire, &offers, auth, secret, timeouts.command)
                .await
                .map_err(|fault| (Stage::Auth, fault))?;
        }
        Ok((wire, offers))
    }

    async fn ehlo(&self, wire: &mut Wire) -> Step<Offers> {
        let within = self.settings.timeouts.command;
        let say = async {
            wire.write(format!("EHLO {}\r\n", self.settings.helo).as_bytes(), within).await?;
            let lines = wire.lines(within).await?;
            match lines.reply() {
                reply if reply.is_positive() => Ok(Offers::read(lines.texts())),
                // RFC 5321 3.2: a server that does not know EHLO gets HELO. It offers no
                // extensions, so this works only without TLS and login.
                Reply { code: 500 | 502 | 504, .. } => {
                    self.helo(wire).await?;
                    Ok(Offers::default())
                }
                refusal => Err(Fault::Reply(refusal)),
            }
        };
        say.await.map_err(|fault| (Stage::Ehlo, fault))
    }

    async fn helo(&self, wire: &mut Wire) -> Result<(), Fault> {
        let within = self.settings.timeouts.command;
        wire.write(format!("HELO {}\r\n", self.settings.helo).as_bytes(), within).await?;
        positive(wire.reply(within).await).map(drop)
    }

    /// RFC 3207. Nothing is sent without the offer: an attacker who can hide the keyword can also
    /// read what follows.
    async fn start_tls(&self, wire: &mut Wire, offers: &Offers) -> Result<(), Fault> {
        if !offers.starttls {
            return Err(TlsFault::NotOffered.into());
        }
        let within = self.settings.timeouts.command;
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
