//! `[[listener]]` and `[receiving]`.

use std::time::Duration;

use super::{
    schema::listener::{
        ADDRESS, COMMAND_TIMEOUT, CONNECTIONS, CONNECTIONS_PER_CLIENT, DATA_TIMEOUT, LISTENER_TLS,
        POP_WINDOW, PROTOCOL,
    },
    table::Table,
};
use crate::listener::{ListenerSettings, ReceivingLimits};

/// RFC 5321 4.5.3.2.7: at least five minutes.
const SHORTEST_WISE: Duration = Duration::from_secs(5 * 60);
/// Some devices wait ten seconds between login and mail, and scanning a page takes time.
const LEAST_POP_WINDOW: Duration = Duration::from_secs(60);

pub(super) fn read(table: &Table<'_>) -> Option<ListenerSettings> {
    let (tls, protocol) = (table.get(&LISTENER_TLS), table.get(&PROTOCOL));
    Some(ListenerSettings { address: table.get(&ADDRESS)?, tls, protocol })
}

pub(super) fn receiving(table: &Table<'_>) -> ReceivingLimits {
    let limits = ReceivingLimits {
        connections: table.get(&CONNECTIONS),
        connections_per_client: table.get(&CONNECTIONS_PER_CLIENT),
        command_timeout: table.get(&COMMAND_TIMEOUT),
        data_timeout: table.get(&DATA_TIMEOUT),
        pop_window: table.get(&POP_WINDOW),
    };
    if limits.pop_window < LEAST_POP_WINDOW {
        table.error(&POP_WINDOW, "ends before a device has scanned; write at least \"1m\"");
    }
    for (key, timeout) in
        [(&COMMAND_TIMEOUT, limits.command_timeout), (&DATA_TIMEOUT, limits.data_timeout)]
    {
        if timeout.is_zero() {
            table.error(key, "would end every connection at once; write for example \"5m\"");
        } else if timeout < SHORTEST_WISE {
            table.warning(
                key,
                "is shorter than the five minutes of RFC 5321 4.5.3.2; slow scanners will be cut \
                off",
            );
        }
    }
    limits
}
