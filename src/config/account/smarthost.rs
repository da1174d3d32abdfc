//! `route = "smarthost"`: any other server, with or without a login.

use super::{
    auth, certificate, known_hosts,
    preset::Service,
    route::{self, Known, Way},
    server,
};
use crate::{
    config::{schema::account::HOST, table::Table},
    upstream::{Route, Server, Smarthost},
};

pub(super) fn read(table: &Table<'_>, known: &Known<'_>) -> Way {
    route::ignore_domains(table);
    let route = server(table, known).map(|server| Smarthost { server });
    Way { route: route.map(Route::Smarthost), preset: known.preset, own_senders: Vec::new() }
}

fn server(table: &Table<'_>, known: &Known<'_>) -> Option<Server> {
    let preset = known.preset;
    let identity = certificate::read(table, &[], known.here.now);
    let host = server::host(table, known);
    if let Some(host) = server::written_host(table, host.as_deref()) {
        if known_hosts::is_mx_host(&host) {
            table.warning(
                &HOST,
                format!("{host} is a tenant's MX host; route = \"connector\" knows its rules"),
            );
        }
        if preset.service != Service::Other {
            server::check_is_name(table, &host);
        }
    }
    let port = server::port(table, preset, server::SMTP);
    let security = server::security(table, preset, port).unwrap_or_else(|noted| noted);
    let mut smtp = server::smtp(table, known, port, security);
    smtp.identity = identity;
    let auth = auth::read(table, known, security).ok()?;
    Some(Server { host: host?, auth, smtp })
}
