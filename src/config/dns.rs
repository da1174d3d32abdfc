//! `[dns]`: whom to ask for the mail servers of a domain.

use std::net::{IpAddr, SocketAddr};

use super::{
    reference::{Key, Shown},
    table::Table,
};
use crate::upstream::{DnsSettings, Dnssec};

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "servers",
        shown: Shown::Off("[\"192.0.2.53\", \"[2001:db8::53]:53\"]"),
        about: "DNS servers. When absent, those of the machine (/etc/resolv.conf).",
    },
    Key {
        name: "dnssec",
        shown: Shown::As("\"auto\""),
        about: "\"auto\": signatures are validated if the DNS server hands them through; DANE \
            rests on that. \"off\": they are not.",
    },
    Key {
        name: "trust_anchor",
        shown: Shown::Off("\"/etc/postroom/root.key\""),
        about: "DNSKEY records to trust instead of the root's, for a root of your own.",
    },
];

const PORT: u16 = 53;

pub(super) fn read(table: &Table<'_>) -> DnsSettings {
    let server = |text: &str| {
        let address = text
            .parse::<SocketAddr>()
            .ok()
            .or_else(|| Some(SocketAddr::new(text.parse::<IpAddr>().ok()?, PORT)));
        address.ok_or_else(|| {
            format!(
                "\"{text}\" is no address; write for example \"192.0.2.53\" or \"192.0.2.53:5353\""
            )
        })
    };
    let servers = table.list("servers", server).unwrap_or_default();
    let dnssec =
        table.choice("dnssec", &[("auto", Dnssec::Auto), ("off", Dnssec::Off)]).unwrap_or_default();
    let trust_anchor = table.path("trust_anchor");
    if let Some(path) = &trust_anchor
        && let Err(error) = table.reader.files.read(path)
    {
        table.error(
            "trust_anchor",
            format!(
                "{} cannot be read ({error}); leave the key out to trust the root's",
                path.display()
            ),
        );
    }
    DnsSettings { servers, dnssec, trust_anchor, ..DnsSettings::default() }
}
