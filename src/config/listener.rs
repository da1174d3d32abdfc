//! `[[listener]]` and `[receiving]`.

use std::time::Duration;

use super::{
    reference::{Key, Shown},
    table::Table,
};
use crate::listener::{ListenerSettings, ListenerTls, Protocol, ReceivingLimits};

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "address",
        shown: Shown::As("\"[::]:25\""),
        about: "Address and port. \"[::]\" is every address of this machine, IPv4 too.",
    },
    Key {
        name: "tls",
        shown: Shown::As("\"auto\""),
        about: "\"none\", \"starttls\" (usual on 25 and 587), \"implicit\" (usual on 465), or \
            \"auto\": whatever the device begins with.",
    },
    Key {
        name: "protocol",
        shown: Shown::As("\"smtp\""),
        about: "\"smtp\", or \"pop3\" (usual on 110 and 995) for old devices that log in by POP \
            before they send.",
    },
];

pub(super) const RECEIVING_KEYS: &[Key] = &[
    Key {
        name: "connections",
        shown: Shown::As("500"),
        about: "Connections at once, all listeners together. More are told 421 and come back.",
    },
    Key {
        name: "connections_per_client",
        shown: Shown::As("50"),
        about: "Connections at once from one address.",
    },
    Key {
        name: "command_timeout",
        shown: Shown::As("\"5m\""),
        about: "Longest silence between commands (RFC 5321: at least five minutes).",
    },
    Key {
        name: "data_timeout",
        shown: Shown::As("\"10m\""),
        about: "Longest silence inside a message: scanners think between pages.",
    },
    Key {
        name: "pop_window",
        shown: Shown::As("\"10m\""),
        about: "How long an address may send after a device has logged in from it by POP (POP \
            before SMTP).",
    },
];

/// An office has some dozen devices; a connection costs some 100 KB.
const CONNECTIONS: usize = 500;
const CONNECTIONS_PER_CLIENT: usize = 50;
/// More than this would need a raised limit of open files, twice over.
const MOST_CONNECTIONS: usize = 100_000;
// RFC 5321 4.5.3.2.7: at least five minutes.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(5 * 60);
const DATA_TIMEOUT: Duration = Duration::from_secs(10 * 60);
/// Devices send within a second of the login (Ricoh: 300 ms), save when a scan is many pages.
const POP_WINDOW: Duration = Duration::from_secs(10 * 60);
/// Devices can be set to wait ten seconds between login and mail, and a page takes its time.
const LEAST_POP_WINDOW: Duration = Duration::from_secs(60);

pub(super) fn read(table: &Table<'_>) -> Option<ListenerSettings> {
    let address = table.parse("address", "\"[::]:25\" or \"192.168.10.5:25\"");
    let words = [
        ("none", ListenerTls::None),
        ("starttls", ListenerTls::Starttls),
        ("implicit", ListenerTls::Implicit),
        ("auto", ListenerTls::Auto),
    ];
    let tls = table.choice("tls", &words).unwrap_or(ListenerTls::Auto);
    let protocol = table
        .choice("protocol", &[("smtp", Protocol::Smtp), ("pop3", Protocol::Pop3)])
        .unwrap_or(Protocol::Smtp);
    Some(ListenerSettings {
        address: table.required("address", address, "write for example \"[::]:25\"")?,
        tls,
        protocol,
    })
}

pub(super) fn receiving(table: &Table<'_>) -> ReceivingLimits {
    let limits = ReceivingLimits {
        connections: table.number("connections", 1, MOST_CONNECTIONS).unwrap_or(CONNECTIONS),
        connections_per_client: table
            .number("connections_per_client", 1, MOST_CONNECTIONS)
            .unwrap_or(CONNECTIONS_PER_CLIENT),
        command_timeout: table.duration("command_timeout").unwrap_or(COMMAND_TIMEOUT),
        data_timeout: table.duration("data_timeout").unwrap_or(DATA_TIMEOUT),
        pop_window: table.duration("pop_window").unwrap_or(POP_WINDOW),
    };
    if limits.pop_window < LEAST_POP_WINDOW {
        table.error("pop_window", "is over before a device has scanned; write at least \"1m\"");
    }
    for (name, timeout) in
        [("command_timeout", limits.command_timeout), ("data_timeout", limits.data_timeout)]
    {
        if timeout.is_zero() {
            table.error(name, "would end every connection at once; write for example \"5m\"");
        } else if timeout < COMMAND_TIMEOUT {
            table.warning(
                name,
                "is shorter than the five minutes of RFC 5321 4.5.3.2; slow \
                scanners will be cut off",
            );
        }
    }
    limits
}
