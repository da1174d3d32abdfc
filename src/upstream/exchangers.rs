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
    clock::Clock,
    model::{EnhancedCode, Reply},
    upstream::{
        Connection, Destination, Exchangers, Fault, Security, Stage, Trouble, Upstream,
        dns::{Exchanger, NameError, Names, Proven},
        session::Shield,
        sts::{Mode, Policies, Policy},
        tls::Check,
    },
};

/// Most servers of a domain that are tried. Exchange Online has one with many addresses; others
/// have two to five.
const HOSTS: usize = 8;

/// Words that `classify` knows our own findings by.
pub(super) mod words {
    pub(in crate::upstream) const NO_DOMAIN: &str = "there is no such mail domain";
    pub(in crate::upstream) const NULL_MX: &str = "the domain takes no mail";
    pub(in crate::upstream) const BROKEN_DNS: &str = "the domain cannot be looked up";
    pub(in crate::upstream) const SILENT_DNS: &str = "the DNS server does not answer";
    pub(in crate::upstream) const UNREACHABLE: &str = "no mail server of the domain can be reached";
    pub(in crate::upstream) const NOT_SAFE: &str =
        "no mail server of the domain is as safe as is asked for";
    pub(in crate::upstream) const OURSELVES: &str =
        "the domain's mail server is this machine itself";
}

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
    Absent(String),
    /// It is not as its domain says that it must be.
    Unsafe(String),
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
    ) -> Result<(Vec<Exchanger>, Proven), Fault> {
        let failed = |words: &str, what: &str| Fault::Failed(format!("{words}: {domain}{what}"));
        let (mut servers, proven) = match self.names.exchangers(domain).await {
            Ok(found) => found,
            // RFC 5321 5.1: a domain without the record is its own server, if it has an address.
            Err(NameError::NoRecord) => match self.names.addresses(domain).await {
                Ok((_, proven)) => {
                    (vec![Exchanger { preference: 0, host: domain.to_owned() }], proven)
                }
                Err(NameError::NoRecord | NameError::NoName) => {
                    return Err(failed(
                        words::NO_DOMAIN,
                        " has neither a mail server nor an address",
                    ));
                }
                Err(NameError::Broken(what)) => {
                    return Err(failed(words::BROKEN_DNS, &format!(": {what}")));
                }
                Err(NameError::Silent(what)) => {
                    return Err(failed(words::SILENT_DNS, &format!(": {what}")));
                }
            },
            Err(NameError::NoName) => return Err(failed(words::NO_DOMAIN, " does not exist")),
            Err(NameError::Broken(what)) => {
                return Err(failed(words::BROKEN_DNS, &format!(": {what}")));
            }
            Err(NameError::Silent(what)) => {
                return Err(failed(words::SILENT_DNS, &format!(": {what}")));
            }
        };
        // RFC 7505 3.
        if let [Exchanger { host, .. }] = servers.as_slice()
            && host.is_empty()
        {
            return Err(failed(words::NULL_MX, " says so"));
        }
        // RFC 5321 5.1: those as far away as we are, or further, would send it back.
        if let Some(own) = servers
            .iter()
            .find(|server| server.host.eq_ignore_ascii_case(ourselves))
            .map(|server| server.preference)
        {
            servers.retain(|server| server.preference < own);
            if servers.is_empty() {
                return Err(failed(words::OURSELVES, ""));
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
            Err(fault) => return Err(self.domain_trouble(fault)),
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
            .map_err(|error| Miss::Absent(format!("{error:?}")))?;
        let signed = proven == Proven::Yes && addresses_proven == Proven::Yes;
        let records = if signed {
            // RFC 7672 2.1.2: a signed domain whose records cannot be had may have been tampered
            // with.
            finder.names.tlsa(host, self.destination.port).await.map_err(|error| {
                Miss::Unsafe(format!("its TLSA records cannot be had: {error:?}"))
            })?
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
                return Err(Miss::Unsafe("it is not in the domain's MTA-STS policy".to_owned()));
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
            match miss {
                Miss::Refused(stage, fault) => refusal = Some((stage, fault)),
                Miss::Unsafe(what) => unsafe_.push(format!("{host}: {what}")),
                Miss::Absent(what) => absent.push(format!("{host}: {what}")),
            }
        }
        if let Some((stage, fault)) = refusal {
            return self.trouble(stage, fault);
        }
        if !unsafe_.is_empty() {
            return self.domain_trouble(Fault::Failed(format!(
                "{}: {domain}: {}",
                words::NOT_SAFE,
                unsafe_.join("; ")
            )));
        }
        self.domain_trouble(Fault::Failed(format!(
            "{}: {domain}: {}",
            words::UNREACHABLE,
            absent.join("; ")
        )))
    }

    /// Told to the recipients' owner in the form of a reply, with the codes that a server would
    /// have used.
    fn domain_trouble(&self, fault: Fault) -> Trouble {
        let mut trouble = self.trouble(Stage::Connect, fault);
        if let Fault::Failed(what) = &trouble.fault {
            let code = match what {
                _ if what.starts_with(words::NO_DOMAIN) => Some((550, EnhancedCode(5, 1, 2))),
                // RFC 7505 4.1, 4.2.
                _ if what.starts_with(words::NULL_MX) => Some((556, EnhancedCode(5, 1, 10))),
                _ if what.starts_with(words::OURSELVES) => Some((554, EnhancedCode(5, 4, 6))),
                _ if what.starts_with(words::BROKEN_DNS) => Some((451, EnhancedCode(4, 4, 3))),
                _ if what.starts_with(words::UNREACHABLE) => Some((451, EnhancedCode(4, 4, 1))),
                _ if what.starts_with(words::NOT_SAFE) => Some((454, EnhancedCode(4, 7, 5))),
                _of_the_account => None,
            };
            trouble.verdict.reply = code.map(|(code, enhanced)| Reply::with(code, enhanced, what));
        }
        trouble
    }
}

fn absent(fault: Fault) -> Miss {
    Miss::Absent(match fault {
        Fault::Failed(what) => what,
        Fault::TimedOut => "no answer in time".to_owned(),
        Fault::Closed => "it closed the connection".to_owned(),
        Fault::Reply(reply) => reply.to_string(),
    })
}

fn miss(stage: Stage, fault: Fault) -> Miss {
    match (stage, fault) {
        (Stage::Tls, Fault::Failed(what)) => Miss::Unsafe(what),
        (Stage::Tls, fault @ (Fault::Closed | Fault::TimedOut)) => {
            Miss::Unsafe(format!("the TLS handshake failed: {fault:?}"))
        }
        (Stage::Ehlo, Fault::Failed(what)) => Miss::Unsafe(what),
        (_, fault @ Fault::Reply(_)) => Miss::Refused(stage, fault),
        (_, fault @ (Fault::Closed | Fault::TimedOut | Fault::Failed(_))) => absent(fault),
    }
}

/// `destination` when it is found by DNS.
pub(super) fn finder(destination: &Destination, clock: Clock) -> io::Result<Option<Finder>> {
    destination.exchangers.as_ref().map(|exchangers| Finder::new(exchangers, clock)).transpose()
}
