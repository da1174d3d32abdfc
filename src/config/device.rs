//! `[[device]]`.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

use super::{
    name,
    reference::{Key, Shown},
    table::{Table, none_of},
};
use crate::{
    device::{CertificatePattern, DeviceAuth, DeviceEncryption, DeviceSettings},
    model::{AccountName, Address, ByteSize, DeviceName, FromIdentity, Pattern, TlsVersion},
    smtp::{EXTENSIONS, EndOfData, Mechanism},
};

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "name",
        shown: Shown::As("\"printers\""),
        about: "Its name in logs, metrics and commands.",
    },
    Key {
        name: "networks",
        shown: Shown::As("[\"192.168.10.0/24\"]"),
        about: "Addresses that are this device. A single address is a network too: \
            \"192.168.10.7\". When absent, the device is known by its users only.",
    },
    Key {
        name: "certificates",
        shown: Shown::As("[]"),
        about: "TLS certificates that are this device: \"mfp7.contoso.lan\", a name in one that \
            [tls] client_ca vouches for, or \"sha256:…\", its fingerprint. They beat networks and \
            count as a login.",
    },
    Key {
        name: "auth",
        shown: Shown::As("\"none\""),
        about: "\"none\": no login is offered. \"optional\": offered. \"required\": nothing is \
            taken before one.\nDefault: \"none\" with networks or certificates, \"required\" \
            without.",
    },
    Key {
        name: "oldest_tls",
        shown: Shown::As("\"tls1.2\""),
        about: "\"ssl3\", \"tls1.0\", \"tls1.1\" or \"tls1.2\". What is older than TLS 1.2 \
            protects nothing: it counts as plaintext.",
    },
    Key {
        name: "encryption",
        shown: Shown::As("\"optional\""),
        about: "\"required\": nothing is taken from it, and no login, without TLS 1.2 or newer.",
    },
    Key {
        name: "senders",
        shown: Shown::As("[\"*\"]"),
        about: "Which senders it may use: \"*@contoso.com\", \"scan@contoso.com\", \"*\".",
    },
    Key { name: "recipients", shown: Shown::As("[\"*\"]"), about: "To whom it may write." },
    Key {
        name: "messages_per_minute",
        shown: Shown::Off("60"),
        about: "More than these are told to come back (450). When absent, no limit.",
    },
    Key {
        name: "max_message",
        shown: Shown::As("\"35MB\""),
        about: "Largest message. As Exchange Online counts: attachments grow by 37 % on the way, \
            so 35MB carries a scan of 25 MB.\nWhen absent, no more than limits.message_size of the \
            account.",
    },
    Key {
        name: "max_recipients",
        shown: Shown::As("500"),
        about: "Most recipients of one message (RFC 5321: at least 100).",
    },
    Key { name: "connections", shown: Shown::As("20"), about: "Connections at once." },
    Key {
        name: "mechanisms",
        shown: Shown::As("[\"plain\", \"login\", \"cram-md5\", \"digest-md5\"]"),
        about: "Which ways to log in are offered, in this order. The last two only where the \
            users' passwords are kept in clear.",
    },
    Key {
        name: "hide_extensions",
        shown: Shown::As("[]"),
        about: "What of the answer to EHLO confuses this device: \"SIZE\", \"PIPELINING\", \
            \"8BITMIME\", \"SMTPUTF8\", \"ENHANCEDSTATUSCODES\", \"DSN\", \"STARTTLS\", \"AUTH\", \
            or \"AUTH=\", its old form alone.",
    },
    Key {
        name: "end_of_data",
        shown: Shown::As("\"strict\""),
        about: "\"strict\": CRLF.CRLF ends a message, nothing else. \"lone_lf_then_close\": LF.LF \
            does too, and then the connection is closed.",
    },
    Key {
        name: "account",
        shown: Shown::As("\"scanner\""),
        about: "Which account carries its mail. When absent, the first.",
    },
    Key { name: "from", shown: Shown::Below, about: "" },
];

pub(super) const FROM_KEYS: &[Key] = &[
    Key {
        name: "address",
        shown: Shown::As("\"scanner@contoso.com\""),
        about: "Sender of the envelope and of From:.",
    },
    Key { name: "name", shown: Shown::As("\"Office printers\""), about: "The name beside it." },
    Key {
        name: "reply_to",
        shown: Shown::As("\"helpdesk@contoso.com\""),
        about: "Where answers go.",
    },
];

/// Exchange Online's largest message, unless its administrator has raised it.
const MAX_MESSAGE: ByteSize = ByteSize::from_mebibytes(35);
/// Below this no scan fits.
const LEAST_MESSAGE: ByteSize = ByteSize::from_octets(64 * 1024);
const MAX_RECIPIENTS: usize = 500;
const CONNECTIONS: usize = 20;
pub(super) const MECHANISMS: &[(&str, Mechanism)] = &[
    ("plain", Mechanism::Plain),
    ("login", Mechanism::Login),
    ("cram-md5", Mechanism::CramMd5),
    ("digest-md5", Mechanism::DigestMd5),
];
const OLDEST: &[(&str, TlsVersion)] = &[
    ("ssl3", TlsVersion::Ssl3),
    ("tls1.0", TlsVersion::Tls10),
    ("tls1.1", TlsVersion::Tls11),
    ("tls1.2", TlsVersion::Tls12),
];

const ENCRYPTION: &[(&str, DeviceEncryption)] =
    &[("optional", DeviceEncryption::Optional), ("required", DeviceEncryption::Required)];

/// The device of mail that the daemon makes itself.
const OURS: &str = "postroom";

pub(super) fn read(table: &Table<'_>) -> Option<DeviceSettings> {
    let name = name(table, "name");
    if name.as_deref() == Some(OURS) {
        table.error(
            "name",
            format!("\"{OURS}\" is the name under which our own mail goes; write another"),
        );
    }
    let networks = table.list("networks", |text| network(table, text));
    let certificates = table.list("certificates", str::parse::<CertificatePattern>);
    let auth_words = [
        ("none", DeviceAuth::None),
        ("optional", DeviceAuth::Optional),
        ("required", DeviceAuth::Required),
    ];
    let by_network = networks.as_ref().is_some_and(|networks| !networks.is_empty());
    let by_certificate = certificates.as_ref().is_some_and(|certificates| !certificates.is_empty());
    let auth_default =
        if by_network || by_certificate { DeviceAuth::None } else { DeviceAuth::Required };
    let device = DeviceSettings {
        name: DeviceName::from(String::new()),
        networks: networks.unwrap_or_default(),
        certificates: certificates.unwrap_or_default(),
        auth: table.choice("auth", &auth_words).unwrap_or(auth_default),
        oldest_tls: table.choice("oldest_tls", OLDEST).unwrap_or(TlsVersion::Tls12),
        encryption: table.choice("encryption", ENCRYPTION).unwrap_or(DeviceEncryption::Optional),
        senders: patterns(table, "senders"),
        recipients: patterns(table, "recipients"),
        messages_per_minute: table.number("messages_per_minute", 1, u32::MAX),
        max_message: max_message(table),
        max_recipients: table.number("max_recipients", 1, 10_000).unwrap_or(MAX_RECIPIENTS),
        connections: table.number("connections", 1, 10_000).unwrap_or(CONNECTIONS),
        mechanisms: mechanisms(table),
        hide_extensions: table.list("hide_extensions", extension).unwrap_or_default(),
        end_of_data: end_of_data(table),
        account: table.text("account").map(AccountName::from),
        from: table.table("from", FROM_KEYS).map(|from| identity(&from)),
    };
    for (name, allowed) in [("senders", &device.senders), ("recipients", &device.recipients)] {
        if allowed.is_empty() {
            table.warning(name, "is empty: nothing is allowed; leave it out to allow everything");
        }
    }
    if device.encryption == DeviceEncryption::Required && device.oldest_tls < TlsVersion::Tls12 {
        table.error(
            "oldest_tls",
            "does not go with encryption = \"required\": what is older than \
            TLS 1.2 counts as plaintext",
        );
    } else if device.oldest_tls < TlsVersion::Tls12 {
        let oldest = device.oldest_tls.as_str();
        table.warning(
            "oldest_tls",
            format!(
                "{oldest} can be read and changed by anyone on the way; let only devices use \
                it that know nothing newer"
            ),
        );
    }
    Some(DeviceSettings { name: DeviceName::from(name?), ..device })
}

fn network(table: &Table<'_>, text: &str) -> Result<IpNet, String> {
    let net = text.parse::<IpNet>().or_else(|_no_net| text.parse::<IpAddr>().map(IpNet::from));
    let net = net.map_err(|_neither| {
        format!(
            "\"{text}\" is no network; write for example \"192.168.10.0/24\" or \"192.168.10.7\""
        )
    })?;
    if let Some(plain) = unmapped(net) {
        return Err(format!(
            "\"{text}\" would fit nobody: addresses of IPv4 are compared in their own form; write \
            \"{plain}\""
        ));
    }
    if net.addr() != net.network() {
        let (whole, one) = (net.trunc(), net.addr());
        table.warning(
            "networks",
            format!(
                "\"{text}\" is taken as the network {whole}; write that, \
            or \"{one}\" for this address alone"
            ),
        );
    }
    Ok(net.trunc())
}

/// What is meant by a network of IPv4 in IPv6's clothes (RFC 4291 2.5.5.2), `::ffff:10.0.0.0/104`.
fn unmapped(net: IpNet) -> Option<IpNet> {
    let IpNet::V6(net) = net else {
        return None;
    };
    let (address, length) = (net.addr().to_ipv4_mapped()?, net.prefix_len().checked_sub(96)?);
    Ipv4Net::new(address, length).ok().map(|plain| IpNet::V4(plain.trunc()))
}

fn mechanism(text: &str) -> Result<Mechanism, String> {
    let lower = text.to_ascii_lowercase();
    let found = MECHANISMS.iter().find(|(word, _)| *word == lower).map(|(_, mechanism)| *mechanism);
    found.ok_or_else(|| none_of(text, MECHANISMS.iter().map(|(word, _)| *word)))
}

fn mechanisms(table: &Table<'_>) -> Vec<Mechanism> {
    let Some(named) = table.list("mechanisms", mechanism) else {
        return MECHANISMS.iter().map(|(_, mechanism)| *mechanism).collect();
    };
    if named.is_empty() {
        table.error(
            "mechanisms",
            "is empty: nobody could log in; leave it out for all of them, or \
                write auth = \"none\" to offer no login",
        );
    }
    let mut once = Vec::with_capacity(named.len());
    for mechanism in named {
        if !once.contains(&mechanism) {
            once.push(mechanism);
        }
    }
    once
}

fn extension(text: &str) -> Result<String, String> {
    let upper = text.to_ascii_uppercase();
    if EXTENSIONS.contains(&upper.as_str()) {
        Ok(upper)
    } else {
        Err(none_of(text, EXTENSIONS.into_iter()))
    }
}

/// Address patterns; absent ones allow everything.
pub(super) fn patterns(table: &Table<'_>, name: &'static str) -> Vec<Pattern> {
    table.list(name, str::parse).unwrap_or_else(|| "*".parse().into_iter().collect())
}

fn max_message(table: &Table<'_>) -> ByteSize {
    let size = table.size("max_message").unwrap_or(MAX_MESSAGE);
    if size < LEAST_MESSAGE {
        table.error("max_message", format!("{size} carries no scan; write for example \"35MB\""));
    }
    size
}

fn end_of_data(table: &Table<'_>) -> EndOfData {
    let words = [("strict", EndOfData::Strict), ("lone_lf_then_close", EndOfData::LoneLfThenClose)];
    table.choice("end_of_data", &words).unwrap_or_default()
}

fn identity(table: &Table<'_>) -> FromIdentity {
    let name = table.text("name");
    if name.as_deref().is_some_and(|name| name.chars().any(char::is_control)) {
        table.error("name", "contains a control character; write one line of plain text");
    }
    let example = "\"scanner@contoso.com\"";
    FromIdentity {
        address: table.parse::<Address>("address", example),
        name,
        reply_to: table.parse("reply_to", example),
    }
}
