//! `route = "direct"`: the mail servers of the organization's own domains, as DNS names them.

use super::{
    auth, certificate,
    preset::MX,
    route::{self, Known, Way},
    server,
};
use crate::{
    config::{
        schema::account::{
            ACCOUNT_TLS, CLIENT_CERTIFICATE, CLIENT_KEY, DirectTls, FINGERPRINT, HOST, VERIFY,
        },
        table::Table,
    },
    upstream::{Direct, Route, Security},
};

/// RFC 8461 3.3.
const HTTPS: u16 = 443;

pub(super) fn read(table: &Table<'_>, known: &Known<'_>) -> Way {
    let domains = route::required_domains(table);
    let own_senders = route::senders_in(&domains);
    let route = direct(table, known, domains).map(Route::Direct);
    Way { route, preset: &MX, own_senders }
}

fn direct(table: &Table<'_>, known: &Known<'_>, domains: Vec<String>) -> Option<Direct> {
    check_keys(table);
    let identity = certificate::read(table, &domains, known.here.now);
    let port = server::mx_port(table);
    let security = match table.word::<DirectTls>(&ACCOUNT_TLS) {
        Some(DirectTls::Required) => Security::StartTls,
        Some(DirectTls::Opportunistic) | None => Security::Opportunistic,
    };
    let mut smtp = server::smtp(table, known, port, security);
    smtp.identity = identity;
    auth::refuse(table, "direct");
    auth::read(table, known, security).ok()?;
    let has_domains = !domains.is_empty();
    let dns = known.here.dns.clone();
    has_domains.then_some(Direct { domains, dns, policy_port: HTTPS, smtp })
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
    if table.has(&FINGERPRINT) {
        table.error(
            &FINGERPRINT,
            "does not go with route = \"direct\", whose domains have servers of their own",
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
