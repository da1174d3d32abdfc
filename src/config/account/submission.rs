//! `route = "submission"`: a mailbox logs in, over TLS.

use super::{
    auth, certificate, known_hosts,
    preset::Service,
    route::{self, Known, Way},
    server,
};
use crate::{
    config::{
        schema::{
            account::{ACCOUNT_TLS, HOST},
            auth::ACCOUNT_AUTH,
        },
        table::Table,
    },
    upstream::{Route, Security, Server, Submission},
};

/// RFC 6409 3.1.
const SUBMISSION: u16 = 587;

pub(super) fn read(table: &Table<'_>, known: &Known<'_>) -> Way {
    let preset = known.preset;
    let domains = if preset.is_internal {
        let own = || known.address.map(|address| address.domain().to_owned());
        Some(route::domains(table).unwrap_or_else(|| own().into_iter().collect()))
    } else {
        route::ignore_domains(table);
        None
    };
    let route = server(table, known).map(|server| Submission { server, domains });
    Way { route: route.map(Route::Submission), preset, own_senders: Vec::new() }
}

fn server(table: &Table<'_>, known: &Known<'_>) -> Option<Server> {
    let preset = known.preset;
    let identity = certificate::read(table, &[], known.here.now);
    let host = server::host(table, known);
    if let Some(host) = server::written_host(table, host.as_deref()) {
        if known_hosts::is_mx_host(&host) {
            table.error(
                &HOST,
                format!(
                    "{host} is an MX host, which accepts no login; write route = \"connector\", or \
                    the preset of the service"
                ),
            );
        }
        if preset.service != Service::Other {
            server::check_is_name(table, &host);
        }
    }
    let port = server::port(table, preset, SUBMISSION);
    let security = server::security(table, preset, port);
    if security == Ok(Security::None) {
        table.error(
            &ACCOUNT_TLS,
            "\"none\" would send the password in clear; write \"starttls\" or \"implicit\", or \
            route = \"smarthost\"",
        );
    }
    let security = security.unwrap_or_else(|noted| noted);
    let mut smtp = server::smtp(table, known, port, security);
    smtp.identity = identity;
    if !table.has(&ACCOUNT_AUTH) {
        table.missing(
            &ACCOUNT_AUTH,
            "write, for example, auth = { method = \"login\", password_file = \
            \"/etc/postroom/scanner.pass\" }",
        );
    }
    let auth = auth::read(table, known, security).ok()?;
    Some(Server { host: host?, auth, smtp })
}
