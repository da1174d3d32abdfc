//! `[[device]]`.

use ipnet::IpNet;

use super::{
    name,
    schema::device::{
        AUTH, CERTIFICATES, DEFAULTS_FROM, DEVICE_ACCOUNT, DEVICE_CONNECTIONS, DEVICE_FROM,
        ENCRYPTION, END_OF_DATA, FROM_ADDRESS, FROM_NAME, HIDE_EXTENSIONS, MAX_MESSAGE,
        MAX_RECIPIENTS, MECHANISMS, MESSAGES_PER_MINUTE, NAME, NETWORKS, Network, OLDEST_TLS,
        RECIPIENTS, REPLY_TO, SENDERS,
    },
    table::Table,
};
use crate::{
    device::{DeviceAuth, DeviceEncryption, DeviceSettings},
    model::{ByteSize, DeviceName, FromIdentity, TlsVersion},
    smtp::Mechanism,
};

/// A scan needs at least this much.
const LEAST_MESSAGE: ByteSize = ByteSize::from_octets(64 * 1024);
/// The name of the device for mail that the daemon itself creates.
const OURS: &str = "postroom";

pub(super) fn read(table: &Table<'_>) -> Option<DeviceSettings> {
    let name = name::read(table, &NAME);
    if name.as_deref() == Some(OURS) {
        table.error(
            &NAME,
            format!("\"{OURS}\" is reserved for Postroom's own mail; write another name"),
        );
    }
    let networks = table.get(&NETWORKS).unwrap_or_default();
    let certificates = table.get(&CERTIFICATES);
    let usual = if networks.is_empty() && certificates.is_empty() {
        DeviceAuth::Required
    } else {
        DeviceAuth::None
    };
    let device = DeviceSettings {
        name: DeviceName::from(String::new()),
        networks: networks.iter().map(|network| whole(table, network)).collect(),
        certificates,
        auth: table.get(&AUTH).unwrap_or(usual),
        oldest_tls: table.get(&OLDEST_TLS),
        encryption: table.get(&ENCRYPTION),
        senders: table.get(&SENDERS),
        recipients: table.get(&RECIPIENTS),
        messages_per_minute: table.get(&MESSAGES_PER_MINUTE),
        max_message: max_message(table),
        max_recipients: table.get(&MAX_RECIPIENTS),
        connections: table.get(&DEVICE_CONNECTIONS),
        mechanisms: mechanisms(table),
        hide_extensions: table.get(&HIDE_EXTENSIONS).into_iter().map(|entry| entry.0).collect(),
        end_of_data: table.get(&END_OF_DATA),
        account: table.get(&DEVICE_ACCOUNT),
        from: table.table(&DEVICE_FROM).map(|from| identity(&from)),
    };
    for (key, allowed) in [(&SENDERS, &device.senders), (&RECIPIENTS, &device.recipients)] {
        if allowed.is_empty() {
            table.warning(key, "is empty: nothing is allowed; remove the key to allow everything");
        }
    }
    check_oldest_tls(table, &device);
    Some(DeviceSettings { name: DeviceName::from(name?), ..device })
}

/// Checks `[defaults.device]`, whether or not a device has its keys.
pub(super) fn check_defaults(table: &Table<'_>) {
    table.get(&AUTH);
    table.get(&OLDEST_TLS);
    table.get(&ENCRYPTION);
    table.get(&SENDERS);
    table.get(&RECIPIENTS);
    table.get(&MESSAGES_PER_MINUTE);
    max_message(table);
    table.get(&MAX_RECIPIENTS);
    table.get(&DEVICE_CONNECTIONS);
    mechanisms(table);
    table.get(&HIDE_EXTENSIONS);
    table.get(&END_OF_DATA);
    table.get(&DEVICE_ACCOUNT);
    identity(&table.table_or_empty(&DEFAULTS_FROM));
}

fn check_oldest_tls(table: &Table<'_>, device: &DeviceSettings) {
    if device.oldest_tls >= TlsVersion::Tls12 {
        return;
    }
    if device.encryption == DeviceEncryption::Required {
        table.error(
            &OLDEST_TLS,
            "cannot be combined with encryption = \"required\": anything older than TLS 1.2 counts \
            as plaintext",
        );
    } else {
        let oldest = device.oldest_tls.as_str();
        table.warning(
            &OLDEST_TLS,
            format!(
                "anyone on the path can read and change {oldest} traffic; allow it only for \
                devices that support nothing newer"
            ),
        );
    }
}

/// The network that contains an address with a prefix length.
fn whole(table: &Table<'_>, network: &Network) -> IpNet {
    let Network { written, net } = network;
    if net.addr() != net.network() {
        let (whole, one) = (net.trunc(), net.addr());
        table.warning(
            &NETWORKS,
            format!(
                "\"{written}\" is treated as the network {whole}; write that, or \"{one}\" for \
                this address alone"
            ),
        );
    }
    net.trunc()
}

fn mechanisms(table: &Table<'_>) -> Vec<Mechanism> {
    let named = table.get(&MECHANISMS);
    if named.is_empty() {
        table.error(
            &MECHANISMS,
            "is empty: nobody could log in; remove the key to offer all mechanisms, or write auth \
            = \"none\" to offer no login",
        );
    }
    let mut once = Vec::with_capacity(named.len());
    for mechanism in named {
        if !once.contains(&mechanism.0) {
            once.push(mechanism.0);
        }
    }
    once
}

fn max_message(table: &Table<'_>) -> ByteSize {
    let size = table.get(&MAX_MESSAGE);
    if size < LEAST_MESSAGE {
        table.error(
            &MAX_MESSAGE,
            format!(
                "{size} is too small for a scan; write for example \
        \"35MB\""
            ),
        );
    }
    size
}

fn identity(table: &Table<'_>) -> FromIdentity {
    let name = table.get(&FROM_NAME);
    if name.as_deref().is_some_and(|name| name.chars().any(char::is_control)) {
        table.error(&FROM_NAME, "contains a control character; write one line of plain text");
    }
    FromIdentity { address: table.get(&FROM_ADDRESS), name, reply_to: table.get(&REPLY_TO) }
}
