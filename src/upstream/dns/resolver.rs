//! DNS lookups for a domain, with proof by DNSSEC. Only this file names hickory.
//!
//! Postroom validates answers itself, starting from the root's keys or those of `trust_anchor`, if
//! the DNS server passes the signatures through. A probe finds out whether it does: many office
//! routers do not, and the mail must go out all the same. In that case nothing is proven, and DANE,
//! which needs proof, is not used.
//!
//! # Failure
//! [`LookupFault`] distinguishes a missing record from a DNS server that does not answer.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolverConfig},
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
    proto::{
        dnssec::{Proof, TrustAnchors},
        op::ResponseCode,
        rr::{RData, RecordType},
    },
};
use tokio::time::Instant;
use tracing::{debug, warn};

use crate::{classify::LookupFault, upstream::dns::dane::Tlsa};

/// The time until a DNS server that hides signatures is probed again.
const ASK_AGAIN: Duration = Duration::from_secs(60 * 60);

/// The maximum number of records used from one answer.
const RECORDS: usize = 50;

/// `[dns]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DnsSettings {
    /// `servers`. When empty, the system's servers are used.
    pub servers: Vec<SocketAddr>,
    /// `dnssec`.
    pub dnssec: Dnssec,
    /// `trust_anchor`: a file of DNSKEY records to use instead of the root's.
    pub trust_anchor: Option<PathBuf>,
    /// The timeout for one answer. A server is asked several times.
    pub patience: Duration,
}

impl Default for DnsSettings {
    /// RFC 1123 6.1.3.3: a server is asked again after five seconds.
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            dnssec: Dnssec::Auto,
            trust_anchor: None,
            patience: Duration::from_secs(5),
        }
    }
}

/// `dnssec = "auto" | "off"`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Dnssec {
    /// Answers are validated if the DNS server passes the signatures through.
    #[default]
    Auto,
    /// Answers are not validated.
    Off,
}

/// Whether DNSSEC proves an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::upstream) enum Proven {
    /// Signatures prove the answer, starting from the trust anchor.
    Yes,
    /// The zone is not signed, or the answer was not validated.
    No,
}

/// One MX record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::upstream) struct Exchanger {
    pub(in crate::upstream) preference: u16,
    /// The host in lower case, without the final dot. An empty host says that the domain accepts no
    /// mail (RFC 7505).
    pub(in crate::upstream) host: String,
}

/// A DNS client.
pub(in crate::upstream) struct Names {
    plain: TokioResolver,
    validating: Option<TokioResolver>,
    /// Whether signatures come through, and the time of the probe.
    tried: Mutex<Option<(Instant, Proven)>>,
}

impl Names {
    /// # Errors
    /// When the system's settings or the trust anchor cannot be read.
    pub(in crate::upstream) fn new(settings: &DnsSettings) -> io::Result<Self> {
        let plain = resolver(settings, None)?;
        let validating = match settings.dnssec {
            Dnssec::Off => None,
            Dnssec::Auto => Some(resolver(settings, Some(anchors(settings)?))?),
        };
        Ok(Self { plain, validating, tried: Mutex::new(None) })
    }

    /// The MX records of a domain.
    pub(in crate::upstream) async fn exchangers(
        &self,
        domain: &str,
    ) -> Result<(Vec<Exchanger>, Proven), LookupFault> {
        let (records, proven) = self.lookup(domain, RecordType::MX).await?;
        let exchanger = |data: &RData| {
            let RData::MX(mx) = data else { return None };
            Some(Exchanger { preference: mx.preference, host: bare(&mx.exchange.to_string()) })
        };
        found(records.iter().filter_map(exchanger).collect()).map(|exchangers| (exchangers, proven))
    }

    /// The addresses of a host, with the families in turn and IPv6 first (RFC 8305 4).
    pub(in crate::upstream) async fn addresses(
        &self,
        host: &str,
    ) -> Result<(Vec<IpAddr>, Proven), LookupFault> {
        let (six, four) =
            tokio::join!(self.lookup(host, RecordType::AAAA), self.lookup(host, RecordType::A));
        let (six, four) = match (six, four) {
            (Ok(six), Ok(four)) => (six, four),
            (Ok(six), Err(_none)) => (six, (Vec::new(), Proven::Yes)),
            (Err(_none), Ok(four)) => ((Vec::new(), Proven::Yes), four),
            (Err(LookupFault::NoName | LookupFault::NoRecord), Err(error))
            | (Err(error), Err(_)) => {
                return Err(error);
            }
        };
        let proven =
            if six.1 == Proven::Yes && four.1 == Proven::Yes { Proven::Yes } else { Proven::No };
        let (mut six, mut four) = (ips(&six.0).into_iter(), ips(&four.0).into_iter());
        let mut addresses = Vec::new();
        loop {
            let pair = [six.next(), four.next()];
            if pair == [None, None] {
                return found(addresses).map(|addresses| (addresses, proven));
            }
            addresses.extend(pair.into_iter().flatten());
        }
    }

    /// The proven TLSA records of a server. Unproven records are treated as absent (RFC 7672 2.2).
    pub(in crate::upstream) async fn tlsa(
        &self,
        host: &str,
        port: u16,
    ) -> Result<Vec<Tlsa>, LookupFault> {
        match self.lookup(&format!("_{port}._tcp.{host}"), RecordType::TLSA).await {
            Ok((records, Proven::Yes)) => {
                let tlsa = |data: &RData| {
                    let RData::TLSA(tlsa) = data else { return None };
                    Some(Tlsa {
                        usage: tlsa.cert_usage.into(),
                        selector: tlsa.selector.into(),
                        matching: tlsa.matching.into(),
                        data: tlsa.cert_data.clone(),
                    })
                };
                Ok(records.iter().filter_map(tlsa).collect())
            }
            Ok((_, Proven::No)) | Err(LookupFault::NoName | LookupFault::NoRecord) => {
                Ok(Vec::new())
            }
            Err(error @ (LookupFault::Broken(_) | LookupFault::Silent(_))) => Err(error),
        }
    }

    /// The TXT records of a name, each joined from its parts.
    pub(in crate::upstream) async fn texts(&self, name: &str) -> Result<Vec<String>, LookupFault> {
        let (records, _proven) = self.lookup(name, RecordType::TXT).await?;
        let text = |data: &RData| {
            let RData::TXT(txt) = data else { return None };
            Some(String::from_utf8_lossy(&txt.txt_data.concat()).into_owned())
        };
        found(records.iter().filter_map(text).collect())
    }

    async fn lookup(
        &self,
        name: &str,
        kind: RecordType,
    ) -> Result<(Vec<RData>, Proven), LookupFault> {
        // The final dot keeps the machine's search list from being applied.
        let name = format!("{}.", name.trim_end_matches('.'));
        let resolver = match (&self.validating, self.proofs_come_through().await) {
            (Some(validating), Proven::Yes) => validating,
            (Some(_) | None, _) => &self.plain,
        };
        let lookup =
            resolver.lookup(name.as_str(), kind).await.map_err(|error| understand(&error))?;
        let answers = lookup.answers();
        let proven = if answers.iter().all(|record| record.proof == Proof::Secure) {
            Proven::Yes
        } else {
            Proven::No
        };
        let records = answers
            .iter()
            .filter(|record| record.record_type() == kind)
            .take(RECORDS)
            .map(|record| record.data.clone())
            .collect();
        Ok((records, proven))
    }

    /// Whether our DNS server lets the root's own records be proven.
    async fn proofs_come_through(&self) -> Proven {
        let Some(validating) = &self.validating else {
            return Proven::No;
        };
        let known = *self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        match known {
            Some((_, Proven::Yes)) => return Proven::Yes,
            Some((at, Proven::No)) if at.elapsed() < ASK_AGAIN => return Proven::No,
            Some((_, Proven::No)) | None => {}
        }
        let proven = match validating.lookup(".", RecordType::NS).await {
            Ok(lookup) if lookup.answers().iter().all(|record| record.proof == Proof::Secure) => {
                Proven::Yes
            }
            Ok(_unproven) => Proven::No,
            Err(error) => {
                debug!(%error, "the root's records cannot be validated");
                Proven::No
            }
        };
        if proven == Proven::No && known.is_none() {
            warn!("no signatures from DNS");
        }
        *self.tried.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), proven));
        proven
    }
}

fn resolver(
    settings: &DnsSettings,
    anchors: Option<Arc<TrustAnchors>>,
) -> io::Result<TokioResolver> {
    let mut builder = if settings.servers.is_empty() {
        TokioResolver::builder_tokio().map_err(io::Error::other)?
    } else {
        let servers = settings.servers.iter().map(|server| {
            let connections =
                [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                    connection.port = server.port();
                    connection
                });
            NameServerConfig::new(server.ip(), true, connections.into())
        });
        let config = ResolverConfig::from_name_servers(servers.collect());
        TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
    };
    builder.options_mut().timeout = settings.patience;
    if let Some(anchors) = anchors {
        builder = builder.with_trust_anchor(anchors);
    }
    builder.build().map_err(io::Error::other)
}

fn anchors(settings: &DnsSettings) -> io::Result<Arc<TrustAnchors>> {
    match &settings.trust_anchor {
        None => Ok(Arc::new(TrustAnchors::default())),
        Some(path) => TrustAnchors::from_file(path).map(Arc::new).map_err(|error| {
            io::Error::other(format!("trust_anchor \"{}\": {error}", path.display()))
        }),
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other errors of hickory are shown in its own words"
)]
fn understand(error: &NetError) -> LookupFault {
    let by_code = |code: ResponseCode| match code {
        ResponseCode::NXDomain => LookupFault::NoName,
        ResponseCode::NoError => LookupFault::NoRecord,
        other => LookupFault::Broken(other.to_string()),
    };
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => by_code(none.response_code),
        NetError::Dns(DnsError::Nsec { proof: Proof::Bogus | Proof::Indeterminate, .. }) => {
            LookupFault::Broken("the answer is not what was signed (DNSSEC)".to_owned())
        }
        NetError::Dns(DnsError::Nsec { response, .. }) => by_code(response.response_code),
        NetError::Dns(DnsError::ResponseCode(ResponseCode::Refused)) => {
            LookupFault::Silent("it refuses to answer us".to_owned())
        }
        NetError::Dns(error) => LookupFault::Broken(error.to_string()),
        other => LookupFault::Silent(other.to_string()),
    }
}

fn found<T>(list: Vec<T>) -> Result<Vec<T>, LookupFault> {
    if list.is_empty() { Err(LookupFault::NoRecord) } else { Ok(list) }
}

fn ips(records: &[RData]) -> Vec<IpAddr> {
    records.iter().filter_map(RData::ip_addr).collect()
}

fn bare(name: &str) -> String {
    name.trim_end_matches('.').to_lowercase()
}
