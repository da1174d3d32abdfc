//! MTA-STS (RFC 8461): a domain publishes over HTTPS which servers receive its mail, and that they
//! support TLS.
//!
//! # Failure
//! A policy that cannot be fetched counts as none, unless an earlier one is still cached (RFC 8461
//! 5.1). The log has the reason at `debug`.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use hyper::{
    Request,
    header::{CONTENT_TYPE, HOST},
};
use rustls_pki_types::ServerName;
use tokio::time::timeout;
use tracing::debug;

use crate::{
    clock::Clock,
    http::{HttpClient, Limits, body},
    model::Timestamp,
    upstream::{
        dns::resolver::Names,
        tls::{Check, Tls},
    },
};

/// RFC 8461 3.3: a fetch ends within a minute.
const PATIENCE: Duration = Duration::from_secs(60);
/// RFC 8461 3.2: a policy is at most 64 KB.
const LIMITS: Limits =
    Limits { time: PATIENCE, answer: 64 * 1024, kept_connections: 0, kept_for: Duration::ZERO };
/// RFC 8461 3.2: `max_age` is at most about a year.
const LONGEST: Duration = Duration::from_secs(31_557_600);
/// RFC 8461 3.3: failed fetches should be limited. Otherwise an hour's mail would wait for a web
/// server again and again.
const FETCH_AGAIN: Duration = Duration::from_secs(5 * 60);
/// The maximum number of cached policies: those of the organization's domains, which are few.
const HELD: usize = 1000;

/// The MTA-STS policy of a domain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::upstream) struct Policy {
    pub(in crate::upstream) mode: Mode,
    servers: Vec<String>,
    max_age: Duration,
}

/// The `mode` of a policy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::upstream) enum Mode {
    /// Servers that violate the policy get no mail.
    Enforce,
    /// Servers that violate the policy still get mail.
    Testing,
    /// The domain has withdrawn its policy.
    None,
}

impl Policy {
    /// RFC 8461 3.2: unknown keys are skipped.
    fn parse(text: &str) -> Option<Self> {
        let (mut version, mut mode, mut max_age, mut servers) = (None, None, None, Vec::new());
        for line in text.lines() {
            let Some((key, value)) = line.split_once(':') else { continue };
            let value = value.trim();
            match key.trim() {
                "version" => version = version.or(Some(value)),
                "mode" => mode = mode.or(Some(value)),
                "max_age" => max_age = max_age.or_else(|| value.parse().ok()),
                "mx" => servers.push(value.to_lowercase()),
                _unknown => {}
            }
        }
        let mode = match (version?, mode?) {
            ("STSv1", "enforce") => Mode::Enforce,
            ("STSv1", "testing") => Mode::Testing,
            ("STSv1", "none") => Mode::None,
            _unknown => return None,
        };
        let named = mode == Mode::None || !servers.is_empty();
        named.then_some(Self { mode, servers, max_age: Duration::from_secs(max_age?).min(LONGEST) })
    }

    /// Whether the policy lists a server. RFC 8461 4.1: `*.` stands for one label.
    pub(in crate::upstream) fn names(&self, host: &str) -> bool {
        self.servers.iter().any(|server| match server.strip_prefix("*.") {
            Some(parent) => host.split_once('.').is_some_and(|(_label, rest)| rest == parent),
            None => host == server,
        })
    }
}

/// RFC 8461 3.1: the id in the only record that begins with the version.
fn id(texts: &[String]) -> Option<String> {
    let mut records = texts
        .iter()
        .filter(|text| text.split(';').next().is_some_and(|version| version.trim() == "v=STSv1"));
    let (record, None) = (records.next()?, records.next()) else { return None };
    record.split(';').find_map(|field| field.trim().strip_prefix("id=")).map(str::to_owned)
}

/// A cache of policies, each kept for its `max_age`. It is empty after a restart.
pub(in crate::upstream) struct Policies {
    clock: Clock,
    port: u16,
    held: Mutex<HashMap<String, Held>>,
    /// After a failed fetch, the time until which the domain's policy is not fetched again.
    failed: Mutex<HashMap<String, Timestamp>>,
}

#[derive(Clone)]
struct Held {
    id: String,
    policy: Policy,
    until: Timestamp,
}

impl Policies {
    /// `port` is 443 except in tests.
    pub(in crate::upstream) fn new(clock: Clock, port: u16) -> Self {
        Self { clock, port, held: Mutex::default(), failed: Mutex::default() }
    }

    /// The policy in force for a domain.
    pub(in crate::upstream) async fn of(
        &self,
        domain: &str,
        names: &Names,
        tls: &Tls,
    ) -> Option<Policy> {
        let held = self.held(domain);
        let published =
            names.texts(&format!("_mta-sts.{domain}")).await.ok().and_then(|texts| id(&texts));
        let fresh = match (&published, &held) {
            // RFC 8461 5.1: removing the DNS record does not remove the cached policy.
            (None, _) => None,
            (Some(published), Some(held)) if *published == held.id => None,
            (Some(published), _) => Some(published.clone()),
        };
        let Some(id) = fresh.filter(|_| !self.has_failed(domain)) else {
            return held.map(|held| held.policy).filter(|policy| policy.mode != Mode::None);
        };
        let fetched = match timeout(PATIENCE, self.fetch(domain, names, tls)).await {
            Ok(fetched) => fetched,
            Err(_elapsed) => Err("no answer in time".to_owned()),
        };
        match fetched {
            Ok(policy) => {
                self.hold(
                    domain,
                    Held {
                        id,
                        policy: policy.clone(),
                        until: self.clock.now().plus(policy.max_age),
                    },
                );
                Some(policy).filter(|policy| policy.mode != Mode::None)
            }
            Err(reason) => {
                debug!(domain, reason, "no MTA-STS policy could be fetched");
                self.remember_failure(domain);
                held.map(|held| held.policy).filter(|policy| policy.mode != Mode::None)
            }
        }
    }

    fn held(&self, domain: &str) -> Option<Held> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(domain).filter(|held| held.until > self.clock.now()).cloned()
    }

    fn has_failed(&self, domain: &str) -> bool {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        // A clock that was set back must not prolong the pause.
        failed.get(domain).is_some_and(|until| *until > now && until.since(now) <= FETCH_AGAIN)
    }

    fn remember_failure(&self, domain: &str) {
        let now = self.clock.now();
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.retain(|_, until| *until > now);
        if failed.len() < HELD {
            failed.insert(domain.to_owned(), now.plus(FETCH_AGAIN));
        }
    }

    fn hold(&self, domain: &str, new: Held) {
        let now = self.clock.now();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|_, held| held.until > now);
        if held.len() < HELD || held.contains_key(domain) {
            held.insert(domain.to_owned(), new);
        }
    }

    /// RFC 8461 3.3: the policy is fetched over HTTPS with a valid certificate. Redirects are not
    /// followed.
    async fn fetch(&self, domain: &str, names: &Names, tls: &Tls) -> Result<Policy, String> {
        let host = format!("mta-sts.{domain}");
        let (addresses, _proven) =
            names.addresses(&host).await.map_err(|fault| format!("{host}: {fault}"))?;
        let mut reason = "no address".to_owned();
        for address in addresses {
            match self.get(&host, address, tls).await {
                Ok(text) => {
                    return Policy::parse(&text)
                        .ok_or_else(|| "the policy makes no sense".to_owned());
                }
                Err(error) => reason = format!("{host} [{address}]: {error}"),
            }
        }
        Err(reason)
    }

    /// Asks the server at one address. What the account trusts is trusted here too.
    async fn get(&self, host: &str, address: IpAddr, tls: &Tls) -> Result<String, String> {
        let config = tls.config(&Check::Trusted).await.map_err(|fault| fault.to_string())?;
        let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
        let place = SocketAddr::new(address, self.port);
        let request = Request::get(format!("https://{place}/.well-known/mta-sts.txt"))
            .header(HOST, host)
            .body(body::empty())
            .map_err(|error| error.to_string())?;
        let client = HttpClient::expecting(name, config, LIMITS);
        let answer = client.send(request).await.map_err(|error| error.to_string())?;
        let is_text = answer
            .headers()
            .get(CONTENT_TYPE)
            .is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"));
        if answer.status() != 200 || !is_text {
            return Err(format!("HTTP {}", answer.status()));
        }
        String::from_utf8(answer.into_body().into()).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(text: &str) -> Option<Policy> {
        Policy::parse(&text.replace('|', "\r\n"))
    }

    #[test]
    fn a_policy_is_understood_and_nonsense_is_none() {
        let good = policy(
            "version: STSv1|mode: enforce|mx: mx1.Contoso.com|mx: \
            *.example.net|max_age: 604800|later: x|",
        )
        .unwrap();
        assert_eq!((good.mode, good.max_age), (Mode::Enforce, Duration::from_secs(604_800)));
        assert_eq!(policy("version: STSv1|mode: none|max_age: 60").unwrap().mode, Mode::None);
        assert_eq!(
            policy("version: STSv1|mode: testing|mx: a.b|max_age: 99999999999").unwrap().max_age,
            LONGEST
        );
        for nonsense in [
            "",
            "version: STSv2|mode: enforce|mx: a.b|max_age: 60",
            "version: STSv1|mode: perhaps|mx: a.b|max_age: 60",
            "version: STSv1|mode: enforce|max_age: 60",
            "version: STSv1|mode: enforce|mx: a.b",
            "<html>",
        ] {
            assert_eq!(policy(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn a_star_stands_for_one_label() {
        let policy =
            policy("version: STSv1|mode: enforce|mx: mx.contoso.com|mx: *.example.net|max_age: 60")
                .unwrap();
        for (host, named) in [
            ("mx.contoso.com", true),
            ("mx2.contoso.com", false),
            ("a.example.net", true),
            ("a.b.example.net", false),
            ("example.net", false),
        ] {
            assert_eq!(policy.names(host), named, "{host}");
        }
    }

    #[test]
    fn there_is_one_record_or_none() {
        let id =
            |texts: &[&str]| id(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        assert_eq!(
            id(&["v=spf1 -all", "v=STSv1; id=20160831085700Z;"]).as_deref(),
            Some("20160831085700Z")
        );
        assert_eq!(id(&["v=STSv1; id=1;", "v=STSv1; id=2;"]), None);
        assert_eq!(id(&["v=STSv1"]), None);
        assert_eq!(id(&["v=spf1 -all"]), None);
    }
}
