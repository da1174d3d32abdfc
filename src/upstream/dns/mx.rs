//! The mail servers that DNS names for a domain (RFC 5321 5.1).

use std::io;

use rand::seq::SliceRandom;

use crate::{
    classify::{DnsFault, LookupFault},
    clock::Clock,
    upstream::dns::{
        mta_sts::Policies,
        resolver::{DnsSettings, Exchanger, Names, Proven},
    },
};

/// The maximum number of servers tried for a domain. Exchange Online has one with many addresses;
/// others have two to five.
const HOSTS: usize = 8;

/// Finds mail servers and their published policies.
pub(in crate::upstream) struct Finder {
    pub(in crate::upstream) names: Names,
    pub(in crate::upstream) policies: Policies,
}

impl Finder {
    pub(in crate::upstream) fn new(
        dns: &DnsSettings,
        policy_port: u16,
        clock: Clock,
    ) -> io::Result<Self> {
        Ok(Self { names: Names::new(dns)?, policies: Policies::new(clock, policy_port) })
    }

    /// The servers of a domain, in the order in which to try them.
    pub(in crate::upstream) async fn servers(
        &self,
        domain: &str,
        ourselves: &str,
    ) -> Result<(Vec<Exchanger>, Proven), DnsFault> {
        let (mut servers, proven) = match self.names.exchangers(domain).await {
            Ok(found) => found,
            // RFC 5321 5.1: a domain without an MX record is its own server if it has an address.
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
        // RFC 7505 3: a null MX says that the domain accepts no mail.
        if let [Exchanger { host, .. }] = servers.as_slice()
            && host.is_empty()
        {
            return Err(DnsFault::NullMx(domain.to_owned()));
        }
        // RFC 5321 5.1: servers with our preference or a higher number would send the mail back to
        // us.
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
        // RFC 5321 5.1: servers of equal preference are tried in random order. The sort is stable
        // and keeps this order.
        servers.shuffle(&mut rand::rng());
        servers.sort_by_key(|server| server.preference);
        servers.truncate(HOSTS);
        Ok((servers, proven))
    }
}

fn broken(domain: &str, reason: String) -> DnsFault {
    DnsFault::Broken { domain: domain.to_owned(), reason }
}

fn silent(domain: &str, reason: String) -> DnsFault {
    DnsFault::Silent { domain: domain.to_owned(), reason }
}
