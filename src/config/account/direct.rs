//! `route = "direct"`: the mail servers of the organization's own domains, as DNS names them.

use super::{
    auth, certificate,
    preset::MX,
    route::{self, Known, Way},
    server,
};
use crate::{
    config::{
        schema::account::{ACCOUNT_TLS, CLIENT_CERTIFICATE, CLIENT_KEY, DirectTls, HOST, VERIFY},
        table::Table,
    },
    queue::Reach,
    upstream::{Destination, Exchangers, Security, Timeouts},
};

/// RFC 8461 3.3.
const HTTPS: u16 = 443;

pub(super) fn read(table: &Table<'_>, known: &Known<'_>) -> Way {
    let domains = route::required_domains(table);
    let destination = destination(table, known, &domains);
    let own_senders = route::senders_in(&domains);
    Way { destination, reach: Reach::Within(domains), preset: &MX, own_senders }
}

fn destination(table: &Table<'_>, known: &Known<'_>, domains: &[String]) -> Option<Destination> {
    check_keys(table);
    let identity = certificate::read(table, domains, known.here.now);
    let port = server::mx_port(table);
    let security = match table.word::<DirectTls>(&ACCOUNT_TLS) {
        Some(DirectTls::Required) => Security::StartTls,
        Some(DirectTls::Opportunistic) | None => Security::Opportunistic,
    };
    let verify = server::verify(table, security);
    let ca_file = server::ca_file(table);
    auth::refuse(table, "direct");
    let auth = auth::read(table, known, security).ok()?;
    Some(Destination {
        // The first domain serves as the name for all of their servers.
        host: domains.first()?.clone(),
        exchangers: Some(Exchangers { dns: known.here.dns.clone(), policy_port: HTTPS }),
        port,
        security,
        verify,
        ca_file,
        identity,
        auth,
        helo: known.here.hostname.to_owned(),
        timeouts: Timeouts::default(),
    })
}

/// Notes keys that belong to other routes.
fn check_keys(table: &Table<'_>) {
    if table.has(&HOST) {
        table.error(
            &HOST,
            "cannot be used with route = \"direct\", which finds the servers of `domains` in DNS; \
            remove the key, or write route = \"connector\"",
        );
    }
    if table.has(&VERIFY) {
        table.error(
            &VERIFY,
            "cannot be used with route = \"direct\": tls = \"opportunistic\" accepts any \
            certificate, \"required\" only valid ones",
        );
    }
    if table.has(&CLIENT_CERTIFICATE) || table.has(&CLIENT_KEY) {
        table.error(
            &CLIENT_CERTIFICATE,
            "cannot be used with route = \"direct\", which uses no connector; write route = \
            \"connector\" with the tenant's MX host",
        );
    }
}
