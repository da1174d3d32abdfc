//! `[dns]`: the servers that are asked for the mail servers of a domain.

use super::{
    schema::general::{DNSSEC, SERVERS, TRUST_ANCHOR},
    table::Table,
};
use crate::upstream::DnsSettings;

pub(super) fn read(table: &Table<'_>) -> DnsSettings {
    let servers = table.get(&SERVERS).unwrap_or_default();
    let trust_anchor = table.get(&TRUST_ANCHOR);
    if let Some(path) = &trust_anchor
        && let Err(error) = table.reader.files.read(path)
    {
        table.error(
            &TRUST_ANCHOR,
            format!(
                "{} cannot be read ({error}); remove the key to trust the root's",
                path.display()
            ),
        );
    }
    DnsSettings {
        servers: servers.into_iter().map(|server| server.0).collect(),
        dnssec: table.get(&DNSSEC),
        trust_anchor,
        ..DnsSettings::default()
    }
}
