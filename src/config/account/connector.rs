//! `route = "connector"`: the tenant's MX host, with an inbound connector that recognizes our
//! address or our certificate.

use super::{
    auth, certificate,
    preset::{MX, PRESETS},
    route::{self, Known, Way},
    server,
};
use crate::{
    config::{
        schema::account::{ACCOUNT_TLS, CLIENT_CERTIFICATE, HOST},
        table::Table,
    },
    upstream::{ClientCertificate, Connector, Route, Security, Server},
};

pub(super) fn read(table: &Table<'_>, known: &Known<'_>) -> Way {
    let domains = route::required_domains(table);
    let identity = certificate::read(table, &domains, known.here.now);
    let own_senders = route::senders_in(&domains);
    let route = server(table, known, identity).map(|server| Connector { server, domains });
    Way { route: route.map(Route::Connector), preset: &MX, own_senders }
}

fn server(
    table: &Table<'_>,
    known: &Known<'_>,
    identity: Option<ClientCertificate>,
) -> Option<Server> {
    let host = server::host(table, known);
    if let Some(host) = server::written_host(table, host.as_deref()) {
        check_host(table, &host);
    }
    let port = server::mx_port(table);
    let security = security(table);
    let mut smtp = server::smtp(table, known, port, security);
    smtp.identity = identity;
    auth::refuse(table, "connector");
    let auth = auth::read(table, known, security).ok()?;
    Some(Server { host: host?, auth, smtp })
}

fn check_host(table: &Table<'_>, host: &str) {
    if PRESETS.iter().any(|preset| preset.host == Some(host)) {
        table.error(
            &HOST,
            format!(
                "{host} requires a login and has no connectors; write the tenant's MX host, for \
                example \"contoso-com.mail.protection.outlook.com\", or route = \"submission\""
            ),
        );
    }
    server::check_is_name(table, host);
}

fn security(table: &Table<'_>) -> Security {
    let security = server::written_security(table).unwrap_or(Security::StartTls);
    match security {
        Security::Implicit => {
            table.error(
                &ACCOUNT_TLS,
                "an MX host does not support \"implicit\"; write \"starttls\", or remove the key",
            );
        }
        Security::None if table.has(&CLIENT_CERTIFICATE) => {
            table.error(
                &ACCOUNT_TLS,
                "with \"none\", Postroom presents no certificate, so the connector would not \
                recognize it; write \"starttls\", or remove the key",
            );
        }
        Security::None => {
            table.warning(
                &ACCOUNT_TLS,
                "\"none\" sends mail over the internet in clear; remove the key",
            );
        }
        Security::StartTls | Security::Opportunistic => {}
    }
    security
}
