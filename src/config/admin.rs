//! `[admin]` and `[metrics]`.

use std::net::{Ipv4Addr, SocketAddr};

use super::{
    reference::{Key, Shown},
    table::Table,
};
use crate::admin::AdminSettings;

pub(super) const KEYS: &[Key] = &[Key {
    name: "address",
    shown: Shown::As("\"127.0.0.1:8025\""),
    about: "Serves /healthz, /readyz and /metrics. Nothing can be changed there.",
}];

pub(super) const METRICS_KEYS: &[Key] =
    &[Key { name: "address", shown: Shown::As("\"0.0.0.0:9925\""), about: "Serves /metrics." }];

const ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8025);

pub(super) fn read(admin: &Table<'_>, metrics: Option<&Table<'_>>) -> AdminSettings {
    let address = admin.parse("address", "\"127.0.0.1:8025\"").unwrap_or(ADDRESS);
    let metrics = metrics.and_then(|table| {
        let address = table.parse("address", "\"0.0.0.0:9925\"");
        table.required(
            "address",
            address,
            "write for example \"0.0.0.0:9925\", or leave [metrics] out",
        )
    });
    AdminSettings { address, metrics }
}
