//! The mail servers of a domain: found by DNS, tried by preference, each protected as far as its
//! domain asks for it (RFC 5321 5.1).
//!
//! What keeps one of them from taking mail is no reason to give up: the next one is tried. When
//! none is left, the verdict says whose trouble it is: the network's and our DNS server's is the
//! account's; what the domain has published, or failed to, concerns its recipients alone.
//!
//! # Failure
//! Everything is a [`Trouble`], classified as all others are.

use std::{io, net::SocketAddr};

use rand::seq::SliceRandom;
use tokio::time::Instant;
use tracing::debug;

use crate::{
    classify::{
        DnsFault, Fault, LocalFault, LookupFault, ServerFault, ServerReason, Stage, TcpFault,
        TlsFault,
    },
    clock::Clock,
    upstream::{
        Connection, Destination, Exchangers, Security, Trouble, Upstream,
        dns::{Exchanger, Names, Proven},
        session::Shield,
        sts::{Mode, Policies, Policy},
        tls::Check,
    },
};

/// Most servers of a domain that are tried. Exchange Online has one with many addresses; others
/// have two to five.
const HOSTS: usize = 8;

/// Finds servers and what is published about them.
pub(super) struct Finder {
    names: Names,
    policies: Policies,
}

/// Why a server did not take us.
enum Miss {
    /// It said so.
    Refused(Stage, Fault),
    /// It is not there.
    Absent(ServerReason),
    /// It is not as its domain says that it must be.
    Unsafe(ServerReason),
}

impl Finder {
    pub(super) fn new(exchangers: &Exchangers, clock: Clock) -> io::Result<Self> {
        Ok(Self {
            names: Names::new(&exchangers.dns)?,
            policies: Policies::new(clock, exchangers.policy_port),
        })
    }

    /// The servers of a domain, in the order in which they are to be tried.
    async fn servers(
        &self,
        domain: &str,
        ourselves: &str,
    ) -> Result<(Vec<Exchanger>, Proven), DnsFault> {
        let (mut servers, proven) = match self.names.exchangers(domain).await {
            Ok(found) => found,
            // RFC 5321 5.1: a domain without the record is its own server, if it has an address.
            Err(LookupFault::NoRecord) => match self.names.addresses(domain).await {
                Ok((_, proven)) => {
                    (vec![Exchanger { preference: 0, host: domain.to_owned() }], proven)
                }
                Err(LookupFault::NoRecord | LookupFault::NoName) => {
                    return Err(DnsFault::NoMailServer(domain.to_owned()));
                }
                Err(LookupFault::Broken(reason)) => return Err(broken(domain, reason)),
                Err(LookupFault::Silent(reason)) => return Err(silent(domain, reason)),
            },
            Err(LookupFault::NoName) => return Err(DnsFault::NoSuchDomain(domain.to_owned())),
            Err(LookupFault::Broken(reason)) => return Err(broken(domain, reason)),
            Err(LookupFault::Silent(reason)) => return Err(silent(domain, reason)),
        };
        // RFC 7505 3.
        if let [Exchanger { host, .. }] = servers.as_slice()
            && host.is_empty()
        {
            return Err(DnsFault::NullMx(domain.to_owned()));
        }
        // RFC 5321 5.1: those as far away as we are, or further, would send it back.
        if let Some(own) = servers
            .iter()
            .find(|server| server.host.eq_ignore_ascii_case(ourselves))
            .map(|server| server.preference)
        {
            servers.retain(|server| server.preference < own);
            if servers.is_empty() {
                return Err(DnsFault::Ourselves(domain.to_owned()));
            }
        }
        // RFC 5321 5.1: equals in random order. The sort keeps it.
        servers.shuffle(&mut rand::rng());
        servers.sort_by_key(|server| server.preference);
        servers.truncate(HOSTS);
        Ok((servers, proven))
    }
}

impl Upstream {
    /// A connection to one of a domain's servers.
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
            // RFC 7672 2.1.2: a signed domain whose records cannot be had may have been tampered
            // with.
            finder
                .names
                .tlsa(host, self.destination.port)
                .await
                .map_err(|fault| Miss::Unsafe(ServerReason::Tlsa(fault)))?
        } else {
            Vec::new()
        };
        let (security, check) = if records.iter().any(super::dane::Tlsa::is_usable) {
            (Security::StartTls, Check::Recorded(records.into()))
        } else if !records.is_empty() {
            // RFC 7672 2.2: TLS at least, when no record can be used.
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
        let shield = Shield { host, security, check };
        let (stage, fault) = match self.negotiate(stream, None, &shield).await {
            Ok(opened) => return Ok(self.opened(opened)),
            Err(failed) => failed,
        };
        // RFC 7435: what cannot be encrypted goes in the clear, where nothing else is asked for.
        if stage == Stage::Tls && security == Security::Opportunistic {
            debug!(host, ?fault, "no TLS with this server; in the clear then");
            let deadline = Instant::now() + self.destination.timeouts.connect;
            let stream = self.dial_any(host, &addresses, deadline).await.map_err(absent)?;
            let clear = Shield { host, security: Security::None, check: Check::Anyone };
            return self
                .negotiate(stream, None, &clear)
                .await
                .map(|opened| self.opened(opened))
                .map_err(|(stage, fault)| miss(stage, fault));
        }
        Err(miss(stage, fault))
    }

    /// What is made of it that no server took us: what one of them said counts most, then what is
    /// wrong with its protection.
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

fn broken(domain: &str, reason: String) -> DnsFault {
    DnsFault::Broken { domain: domain.to_owned(), reason }
}

fn silent(domain: &str, reason: String) -> DnsFault {
    DnsFault::Silent { domain: domain.to_owned(), reason }
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

/// `destination` when it is found by DNS.
pub(super) fn finder(destination: &Destination, clock: Clock) -> io::Result<Option<Finder>> {
    destination.exchangers.as_ref().map(|exchangers| Finder::new(exchangers, clock)).transpose()
}
