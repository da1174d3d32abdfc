//! What DNS says of a domain, and whether it can prove it. The only file that names hickory.
//!
//! Answers are validated by ourselves, from the root's keys on (or the ones of `trust_anchor`), as
//! far as the DNS server hands the signatures through. Whether it does is tried once: many an
//! office's router does not, and its mail must go out all the same. Then nothing is proven, and
//! DANE, which rests on proofs, is not used.
//!
//! # Failure
//! [`LookupFault`] tells what a domain lacks from a DNS server that does not answer.

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

/// How long a DNS server that hides signatures is taken at its word.
const ASK_AGAIN: Duration = Duration::from_secs(60 * 60);

/// Most records of one answer that are looked at.
const RECORDS: usize = 50;

/// `[dns]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DnsSettings {
    /// `servers`; none are the system's.
    pub servers: Vec<SocketAddr>,
    /// `dnssec`.
    pub dnssec: Dnssec,
    /// `trust_anchor`: a file of DNSKEY records, instead of the root's.
    pub trust_anchor: Option<PathBuf>,
    /// How long a server has for one answer. It is asked several times.
    pub patience: Duration,
}

impl Default for DnsSettings {
    /// RFC 1123 6.1.3.3: five seconds before a server is asked again.
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
    /// Validates where the DNS server hands signatures through.
    #[default]
    Auto,
    /// Does not.
    Off,
}

/// Whether an answer is proven.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::upstream) enum Proven {
    /// By signatures from the trust anchor on.
    Yes,
    /// The zone is not signed, or nobody looked.
    No,
}

/// An entry of a domain's list of mail servers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::upstream) struct Exchanger {
    pub(in crate::upstream) preference: u16,
    /// In lower case, without the last dot; empty says that the domain takes no mail (RFC 7505).
    pub(in crate::upstream) host: String,
}

/// Asks DNS.
pub(in crate::upstream) struct Names {
    plain: TokioResolver,
    validating: Option<TokioResolver>,
    /// Whether signatures come through, and when that was found out.
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

    /// The mail servers of a domain.
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

    /// The addresses of a host, of both families in turn, IPv6 first (RFC 8305 4).
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

    /// The TLSA records of a server, if they are proven; none are as good as no records (RFC 7672
    /// 2.2).
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

    /// The texts of a name, each joined from its parts.
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
        // The last dot keeps the search list of the machine out of it.
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

    /// Whether the root's own records can be proven by way of our DNS server.
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
