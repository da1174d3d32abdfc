//! Direct send: connects to one of the mail servers of a domain. They are tried in order of
//! preference, each with the protection that its domain demands (RFC 5321 5.1).
//!
//! A server that cannot take mail does not end the search: the next one is tried. When none is
//! left, the verdict says who has the problem. A fault of the network or our DNS server concerns
//! the account. What the domain has published, or failed to publish, concerns its recipients alone.
//!
//! # Failure
//! Every failure is a [`Trouble`], classified like all others.

use std::{io, net::SocketAddr};

use tokio::time::Instant;
use tracing::debug;

use super::Direct;
use crate::{
    attempt::{NextHop, Trouble},
    classify::{Fault, LocalFault, Peer, ServerFault, ServerReason, Stage, TcpFault, TlsFault},
    clock::Clock,
    metrics::Metrics,
    upstream::{
        dns::{
            dane::Tlsa,
            mta_sts::{Mode, Policy},
            mx::Finder,
            resolver::{Exchanger, Proven},
        },
        finding::{Finding, Step, show_certificate},
        smtp::{
            connection::Connection,
            session::{Hello, Sessions, TlsPolicy},
            settings::{Security, SmtpSettings},
        },
        tls::Check,
    },
};

/// Why a connection to a server failed.
enum Miss {
    /// The server refused, or the session failed.
    Refused(Stage, Fault),
    /// The server cannot be reached.
    Absent(ServerReason),
    /// The server does not meet the security requirements of its domain.
    Unsafe(ServerReason),
}

/// Makes connections to the mail servers of domains.
pub(in crate::upstream::routes) struct DirectClient {
    domains: Vec<String>,
    sessions: Sessions,
    finder: Finder,
}

impl DirectClient {
    /// Reads the trust store and the settings of DNS.
    ///
    /// # Errors
    /// When `ca_file` cannot be read or has no certificate, or the DNS settings cannot be read.
    pub(in crate::upstream::routes) fn new(
        route: &Direct,
        clock: Clock,
        metrics: Metrics,
    ) -> io::Result<Self> {
        let finder = Finder::new(&route.dns, route.policy_port, clock.clone())?;
        let sessions = Sessions::new(&route.smtp, Peer::Exchanger, clock, metrics)?;
        Ok(Self { domains: route.domains.clone(), sessions, finder })
    }

    /// Connects to one of a domain's servers.
    ///
    /// # Errors
    /// The account's trouble or the domain's. Its verdict decides the outcome for the recipients.
    pub(in crate::upstream::routes) async fn connect(
        &self,
        next_hop: &NextHop,
    ) -> Result<Connection, Trouble> {
        match next_hop {
            NextHop::Domain(domain) => self.connect_domain(domain).await,
            // The route names a domain for every recipient. Without one, any will do.
            NextHop::Server => {
                let first = self.domains.first().map_or("", String::as_str);
                self.connect_domain(first).await
            }
        }
    }

    async fn connect_domain(&self, domain: &str) -> Result<Connection, Trouble> {
        let Self { sessions, finder, .. } = self;
        let (servers, proven) = match finder.servers(domain, &sessions.settings.helo).await {
            Ok(found) => found,
            Err(fault) => return Err(sessions.trouble(Stage::Connect, fault.into())),
        };
        let policy = finder.policies.of(domain, &finder.names, &sessions.tls).await;
        let mut misses = Vec::new();
        for server in &servers {
            match self.try_server(server, proven, policy.as_ref()).await {
                Ok(connection) => return Ok(connection),
                Err(miss) => misses.push((&server.host, miss)),
            }
        }
        Err(self.all_missed(domain, misses))
    }

    /// Finds the mail servers of each domain and connects to one.
    pub(in crate::upstream::routes) async fn check(&self, found: &mut impl FnMut(Finding)) {
        for domain in &self.domains {
            match self.connect_domain(domain).await {
                Ok(connection) => {
                    found(Finding::Good(
                        Step::Servers,
                        format!("one of {domain} takes us, protected as the domain asks for"),
                    ));
                    let (settings, now) = (&self.sessions.settings, self.sessions.clock.now());
                    show_certificate(connection.certificate(), settings, now, found);
                    connection.quit().await;
                }
                Err(trouble) => found(Finding::Bad(Step::Servers, Box::new(trouble))),
            }
        }
    }

    async fn try_server(
        &self,
        server: &Exchanger,
        proven: Proven,
        policy: Option<&Policy>,
    ) -> Result<Connection, Miss> {
        let Self { sessions, finder, .. } = self;
        let SmtpSettings { port, security, timeouts, .. } = &sessions.settings;
        let host = server.host.as_str();
        let enforced = policy.filter(|policy| policy.mode == Mode::Enforce);
        let (addresses, addresses_proven) = finder
            .names
            .addresses(host)
            .await
            .map_err(|fault| Miss::Absent(ServerReason::Address(fault)))?;
        let signed = proven == Proven::Yes && addresses_proven == Proven::Yes;
        let records = if signed {
            // RFC 7672 2.1.2: when the records of a signed domain cannot be fetched, someone may
            // have tampered with the answer.
            finder
                .names
                .tlsa(host, *port)
                .await
                .map_err(|fault| Miss::Unsafe(ServerReason::Tlsa(fault)))?
        } else {
            Vec::new()
        };
        let (security, check) = if records.iter().any(Tlsa::is_usable) {
            (Security::StartTls, Check::Recorded(records.into()))
        } else if !records.is_empty() {
            // RFC 7672 2.2: when no record is usable, TLS is still required.
            (Security::StartTls, Check::Anyone)
        } else if let Some(policy) = enforced {
            if !policy.names(host) {
                return Err(Miss::Unsafe(ServerReason::NotInPolicy));
            }
            (Security::StartTls, Check::Trusted)
        } else {
            let check =
                if *security == Security::Opportunistic { Check::Anyone } else { Check::Trusted };
            (*security, check)
        };
        let deadline = Instant::now() + timeouts.connect;
        let addresses: Vec<_> =
            addresses.into_iter().map(|address| SocketAddr::new(address, *port)).collect();
        let stream = sessions.dial_any(host, &addresses, deadline).await.map_err(absent)?;
        let policy = TlsPolicy { host, security, check };
        let (stage, fault) = match sessions.negotiate(stream, None, &policy, Hello::Extended).await
        {
            Ok(opened) => return Ok(sessions.opened(opened)),
            Err(failed) => failed,
        };
        // RFC 7435: without other requirements, mail goes in plaintext when TLS fails.
        if stage == Stage::Tls && security == Security::Opportunistic {
            debug!(host, ?fault, "no TLS with this server; in the clear then");
            let deadline = Instant::now() + timeouts.connect;
            let stream = sessions.dial_any(host, &addresses, deadline).await.map_err(absent)?;
            let clear = TlsPolicy { host, security: Security::None, check: Check::Anyone };
            return sessions
                .negotiate(stream, None, &clear, Hello::Extended)
                .await
                .map(|opened| sessions.opened(opened))
                .map_err(|(stage, fault)| miss(stage, fault));
        }
        Err(miss(stage, fault))
    }

    /// The trouble when every server failed. A refusal by a server counts most, then a security
    /// fault.
    fn all_missed(&self, domain: &str, misses: Vec<(&String, Miss)>) -> Trouble {
        let (mut refusal, mut unsafe_, mut absent) = (None, Vec::new(), Vec::new());
        for (host, miss) in misses {
            let of_server = |reason| ServerFault { host: host.clone(), reason };
            match miss {
                Miss::Refused(stage, fault) => refusal = Some((stage, fault)),
                Miss::Unsafe(reason) => unsafe_.push(of_server(reason)),
                Miss::Absent(reason) => absent.push(of_server(reason)),
            }
        }
        if let Some((stage, fault)) = refusal {
            return self.sessions.trouble(stage, fault);
        }
        let domain = domain.to_owned();
        let fault = if unsafe_.is_empty() {
            TcpFault::NoServer { domain, servers: absent }.into()
        } else {
            TlsFault::NotAsSafe { domain, servers: unsafe_ }.into()
        };
        self.sessions.trouble(Stage::Connect, fault)
    }
}

fn absent(fault: Fault) -> Miss {
    Miss::Absent(ServerReason::Connection(Box::new(fault)))
}

fn miss(stage: Stage, fault: Fault) -> Miss {
    match (stage, fault) {
        (_, fault @ Fault::Reply(_)) => Miss::Refused(stage, fault),
        (Stage::Tls | Stage::Ehlo, Fault::Local(LocalFault::Tls(fault))) => {
            Miss::Unsafe(ServerReason::Tls(fault))
        }
        (Stage::Tls, fault) => Miss::Unsafe(ServerReason::Handshake(Box::new(fault))),
        (_, fault) => absent(fault),
    }
}
