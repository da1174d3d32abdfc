//! Direct send: connects to one of the mail servers of a domain. They are tried in order of
//! preference, each with the protection that its domain demands (RFC 5321 5.1).
//!
//! A server that cannot take mail does not end the search: the next one is tried. When none is
//! left, the verdict says who has the problem. A fault of the network or our DNS server concerns
//! the account. What the domain has published, or failed to publish, concerns its recipients alone.
//!
//! # Failure
//! Every failure is a [`Trouble`], classified like all others.

use std::net::SocketAddr;

use tokio::time::Instant;
use tracing::debug;

use crate::{
    attempt::Trouble,
    classify::{Fault, LocalFault, ServerFault, ServerReason, Stage, TcpFault, TlsFault},
    upstream::{
        destination::Security,
        dns::{
            dane::Tlsa,
            mta_sts::{Mode, Policy},
            mx::Finder,
            resolver::{Exchanger, Proven},
        },
        smtp::{
            connection::Connection,
            session::{TlsPolicy, Upstream},
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

impl Upstream {
    /// Connects to one of a domain's servers.
    pub(super) async fn connect_domain(
        &self,
        finder: &Finder,
        domain: &str,
    ) -> Result<Connection, Trouble> {
        let (servers, proven) = match finder.servers(domain, &self.destination.helo).await {
            Ok(found) => found,
            Err(fault) => return Err(self.trouble(Stage::Connect, fault.into())),
        };
        let policy = finder.policies.of(domain, &finder.names, &self.tls).await;
        let mut misses = Vec::new();
        for server in &servers {
            match self.try_server(finder, server, proven, policy.as_ref()).await {
                Ok(connection) => return Ok(connection),
                Err(miss) => misses.push((&server.host, miss)),
            }
        }
        Err(self.all_missed(domain, misses))
    }

    async fn try_server(
        &self,
        finder: &Finder,
        server: &Exchanger,
        proven: Proven,
        policy: Option<&Policy>,
    ) -> Result<Connection, Miss> {
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
                .tlsa(host, self.destination.port)
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
            let check = if self.destination.security == Security::Opportunistic {
                Check::Anyone
            } else {
                Check::Trusted
            };
            (self.destination.security, check)
        };
        let deadline = Instant::now() + self.destination.timeouts.connect;
        let addresses: Vec<_> = addresses
            .into_iter()
            .map(|address| SocketAddr::new(address, self.destination.port))
            .collect();
        let stream = self.dial_any(host, &addresses, deadline).await.map_err(absent)?;
        let policy = TlsPolicy { host, security, check };
        let (stage, fault) = match self.negotiate(stream, None, &policy).await {
            Ok(opened) => return Ok(self.opened(opened)),
            Err(failed) => failed,
        };
        // RFC 7435: without other requirements, mail goes in plaintext when TLS fails.
        if stage == Stage::Tls && security == Security::Opportunistic {
            debug!(host, ?fault, "no TLS with this server; in the clear then");
            let deadline = Instant::now() + self.destination.timeouts.connect;
            let stream = self.dial_any(host, &addresses, deadline).await.map_err(absent)?;
            let clear = TlsPolicy { host, security: Security::None, check: Check::Anyone };
            return self
                .negotiate(stream, None, &clear)
                .await
                .map(|opened| self.opened(opened))
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
            return self.trouble(stage, fault);
        }
        let domain = domain.to_owned();
        let fault = if unsafe_.is_empty() {
            TcpFault::NoServer { domain, servers: absent }.into()
        } else {
            TlsFault::NotAsSafe { domain, servers: unsafe_ }.into()
        };
        self.trouble(Stage::Connect, fault)
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
