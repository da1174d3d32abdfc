//! `route = "smarthost"`: any other server, with or without a login.

use super::{
    auth, certificate, known_hosts,
    preset::Service,
    route::{self, Known, Way},
    server,
};
use crate::{
    config::{schema::account::HOST, table::Table},
    queue::Reach,
    upstream::{Destination, Timeouts},
};

pub(super) fn read(table: &Table<'_>, known: &Known<'_>) -> Way {
    route::ignore_domains(table);
    let destination = destination(table, known);
    let preset = known.preset;
    Way { destination, reach: Reach::Anywhere, preset, own_senders: Vec::new() }
}

fn destination(table: &Table<'_>, known: &Known<'_>) -> Option<Destination> {
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
    let verify = server::verify(table, security);
    let ca_file = server::ca_file(table);
    let auth = auth::read(table, known, security).ok()?;
    Some(Destination {
        host: host?,
        exchangers: None,
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
