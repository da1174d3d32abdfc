//! `[[device]]` and `[[user]]`: the clients that may submit mail.

use std::{net::IpAddr, path::PathBuf};

use ipnet::{IpNet, Ipv4Net};

use super::{
    key::{Key, Section, keys},
    setting::{Hints, Scalar, Word},
    text::none_of,
};
use crate::{
    device::{CertificatePattern, DeviceAuth, DeviceEncryption},
    model::{AccountName, Address, ByteSize, Pattern, TlsVersion},
    smtp::{EXTENSIONS, EndOfData, Mechanism},
};

const MOST_RECIPIENTS: u64 = 10_000;
const MOST_CONNECTIONS: u64 = 10_000;

keys! {
    /// A device that may submit mail. May occur several times. Postroom identifies a client by its
    /// certificate, by the user it logs in as, or by the most specific network.
    DEVICE = "[[device]]", tables [DEVICE_FROM];

    /// Its name in logs, metrics and commands.
    NAME: Key<Option<String>> = Key::new("name")
        .required("write a short name")
        .example("printers");
    /// The addresses of this device. A single address is a network too: "192.168.10.7". When
    /// absent, the device is known by its users only.
    NETWORKS: Key<Option<Vec<Network>>> = Key::new("networks").examples(&["192.168.10.0/24"]);
    /// The TLS certificates of this device: "mfp7.contoso.lan" is a name in a certificate that an
    /// authority in [tls] client_ca has issued, "sha256:…" is a fingerprint. They take precedence
    /// over networks and count as a login.
    CERTIFICATES: Key<Vec<CertificatePattern>> = Key::new("certificates").default(Vec::new);
    /// "none": no login is offered. "optional": a login is offered. "required": nothing is accepted
    /// before a login.
    ///
    /// Default: "none" with networks or certificates, "required" without.
    AUTH: Key<Option<DeviceAuth>> = Key::new("auth").example("none");
    /// "ssl3", "tls1.0", "tls1.1" or "tls1.2". Anything older than TLS 1.2 protects nothing: it
    /// counts as plaintext.
    OLDEST_TLS: Key<TlsVersion> = Key::new("oldest_tls").default(|| TlsVersion::Tls12);
    /// "required": without TLS 1.2 or newer, the device can neither log in nor send. Otherwise
    /// "optional".
    ENCRYPTION: Key<DeviceEncryption> = Key::new("encryption")
        .default(|| DeviceEncryption::Optional);
    /// The senders that it may use: "*@contoso.com", "scan@contoso.com", "*".
    SENDERS: Key<Vec<Pattern>> = Key::new("senders").default(anybody);
    /// The recipients that it may send to.
    RECIPIENTS: Key<Vec<Pattern>> = Key::new("recipients").default(anybody);
    /// The maximum number of messages a minute; further ones get a temporary refusal (450). When
    /// absent, there is no limit.
    MESSAGES_PER_MINUTE: Key<Option<u32>> = Key::new("messages_per_minute")
        .within(1, u64::MAX)
        .off("60");
    /// The largest message, as Exchange Online counts: attachments grow by 37 % on the way, so 35MB
    /// carries a scan of 25 MB.
    ///
    /// When absent, at most limits.message_size of the account.
    // 35 MB is Exchange Online's own limit, unless its administrator has raised it.
    MAX_MESSAGE: Key<ByteSize> = Key::new("max_message")
        .default(|| ByteSize::from_mebibytes(35));
    /// The maximum number of recipients of one message (RFC 5321: at least 100).
    MAX_RECIPIENTS: Key<usize> = Key::new("max_recipients")
        .within(1, MOST_RECIPIENTS)
        .default(|| 500);
    /// Simultaneous connections.
    DEVICE_CONNECTIONS: Key<usize> = Key::new("connections")
        .within(1, MOST_CONNECTIONS)
        .default(|| 20);
    /// The login mechanisms that are offered, in this order. The last two require that the
    /// passwords of the users are stored in clear.
    MECHANISMS: Key<Vec<OfferedMechanism>> = Key::new("mechanisms").default(all_mechanisms);
    /// Parts of the answer to EHLO that confuse this device: "SIZE", "PIPELINING", "8BITMIME",
    /// "SMTPUTF8", "ENHANCEDSTATUSCODES", "DSN", "STARTTLS", "AUTH", or "AUTH=", which is the old
    /// form of AUTH alone.
    HIDE_EXTENSIONS: Key<Vec<Extension>> = Key::new("hide_extensions").default(Vec::new);
    /// "strict": only CRLF.CRLF ends a message. "lone_lf_then_close": LF.LF ends it too, and then
    /// the connection is closed.
    END_OF_DATA: Key<EndOfData> = Key::new("end_of_data").default(EndOfData::default);
    /// The account that carries its mail. When absent, the first.
    DEVICE_ACCOUNT: Key<Option<AccountName>> = Key::new("account").example("scanner");
}

keys! {
    /// The sender of the device's mail, whatever the device writes. Optional.
    DEVICE_FROM = "[device.from]", tables [];

    /// The sender in the envelope and in From:.
    FROM_ADDRESS: Key<Option<Address>> = Key::new("address").example("scanner@contoso.com");
    /// The display name in From:.
    FROM_NAME: Key<Option<String>> = Key::new("name").example("Office printers");
    /// The address for replies.
    REPLY_TO: Key<Option<Address>> = Key::new("reply_to").example("helpdesk@contoso.com");
}

/// The keys that every device has unless it says otherwise.
pub(in crate::config) static DEFAULTS: Section =
    Section { header: "[defaults]", about: &[], keys: &[&DEFAULTS_DEVICE], this: || &DEFAULTS };

/// The keys of `[[device]]`, except those that say which device it is.
pub(in crate::config) static DEFAULTS_DEVICE: Section = Section {
    header: "[defaults.device]",
    about: &[
        "What every [[device]] has that does not say otherwise. Takes each key of [[device]] but",
        "name, networks and certificates. Optional.",
    ],
    keys: &[
        &AUTH,
        &OLDEST_TLS,
        &ENCRYPTION,
        &SENDERS,
        &RECIPIENTS,
        &MESSAGES_PER_MINUTE,
        &MAX_MESSAGE,
        &MAX_RECIPIENTS,
        &DEVICE_CONNECTIONS,
        &MECHANISMS,
        &HIDE_EXTENSIONS,
        &END_OF_DATA,
        &DEVICE_ACCOUNT,
        &DEFAULTS_FROM,
    ],
    this: || &DEFAULTS_DEVICE,
};

/// As `[device.from]`.
pub(in crate::config) static DEFAULTS_FROM: Section = Section {
    header: "[defaults.device.from]",
    about: &[],
    keys: &[&FROM_ADDRESS, &FROM_NAME, &REPLY_TO],
    this: || &DEFAULTS_FROM,
};

keys! {
    /// A login for devices. May occur several times. Optional.
    USER = "[[user]]", tables [];

    /// The user name, without realm or domain: "mfp1@anything" and "ANYTHING\mfp1" also mean this
    /// user. Old devices accept only short names.
    USER_NAME: Key<Option<String>> = Key::new("name")
        .required("write a short name")
        .example("mfp1");
    /// A file with the password on one line, or with its argon2 hash ($argon2id$…). CRAM-MD5 and
    /// DIGEST-MD5 need the password itself.
    PASSWORD_FILE: Key<Option<PathBuf>> = Key::new("password_file")
        .required("write the path of a file with the password on one line")
        .example("/etc/postroom/mfp1.pass");
    /// The device whose rules apply after the login.
    USER_DEVICE: Key<Option<String>> = Key::new("device")
        .required("write the name of a [[device]]")
        .example("printers");
}

fn anybody() -> Vec<Pattern> {
    "*".parse().into_iter().collect()
}

/// A network, and its text in the config.
pub(in crate::config) struct Network {
    /// The text in the config.
    pub(in crate::config) written: String,
    /// The text in the config. Its address is not always the first one of the network.
    pub(in crate::config) net: IpNet,
}

impl Scalar for Network {
    fn parse(text: &str, _hints: &Hints<'_>) -> Result<Self, String> {
        let net = text.parse::<IpNet>().or_else(|_no_net| text.parse::<IpAddr>().map(IpNet::from));
        let net = net.map_err(|_neither| {
            format!(
                "\"{text}\" is not a network; write for example \"192.168.10.0/24\" or \
                \"192.168.10.7\""
            )
        })?;
        if let Some(plain) = unmapped(net) {
            return Err(format!(
                "\"{text}\" would match nothing: IPv4 addresses are compared in their own form; \
                write \"{plain}\""
            ));
        }
        Ok(Self { written: text.to_owned(), net })
    }

    fn text(&self) -> String {
        self.written.clone()
    }
}

/// The IPv4 network that corresponds to an IPv4-mapped one (RFC 4291 2.5.5.2), such as
/// `::ffff:10.0.0.0/104`.
fn unmapped(net: IpNet) -> Option<IpNet> {
    let IpNet::V6(net) = net else {
        return None;
    };
    let (address, length) = (net.addr().to_ipv4_mapped()?, net.prefix_len().checked_sub(96)?);
    Ipv4Net::new(address, length).ok().map(|plain| IpNet::V4(plain.trunc()))
}

/// An entry of `mechanisms`; its case does not matter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct OfferedMechanism(pub(in crate::config) Mechanism);

impl OfferedMechanism {
    /// Every mechanism with its word, in the order of the default.
    pub(in crate::config) const WORDS: [(&'static str, Mechanism); 4] = [
        ("plain", Mechanism::Plain),
        ("login", Mechanism::Login),
        ("cram-md5", Mechanism::CramMd5),
        ("digest-md5", Mechanism::DigestMd5),
    ];
}

fn all_mechanisms() -> Vec<OfferedMechanism> {
    OfferedMechanism::WORDS.iter().map(|(_, mechanism)| OfferedMechanism(*mechanism)).collect()
}

impl Scalar for OfferedMechanism {
    fn parse(text: &str, _hints: &Hints<'_>) -> Result<Self, String> {
        let lower = text.to_ascii_lowercase();
        let found = Self::WORDS.iter().find(|(word, _)| *word == lower);
        found
            .map(|(_, mechanism)| Self(*mechanism))
            .ok_or_else(|| none_of(text, Self::WORDS.iter().map(|(word, _)| *word)))
    }

    fn text(&self) -> String {
        let found = Self::WORDS.iter().find(|(_, mechanism)| *mechanism == self.0);
        found.map_or("", |(word, _)| *word).to_owned()
    }
}

/// An entry of `hide_extensions`, in upper case.
pub(in crate::config) struct Extension(pub(in crate::config) String);

impl Scalar for Extension {
    fn parse(text: &str, _hints: &Hints<'_>) -> Result<Self, String> {
        let upper = text.to_ascii_uppercase();
        if EXTENSIONS.contains(&upper.as_str()) {
            Ok(Self(upper))
        } else {
            Err(none_of(text, EXTENSIONS.into_iter()))
        }
    }

    fn text(&self) -> String {
        self.0.clone()
    }
}

impl Word for DeviceAuth {
    const WORDS: &'static [(&'static str, Self)] =
        &[("none", Self::None), ("optional", Self::Optional), ("required", Self::Required)];
}

impl Word for TlsVersion {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("ssl3", Self::Ssl3),
        ("tls1.0", Self::Tls10),
        ("tls1.1", Self::Tls11),
        ("tls1.2", Self::Tls12),
    ];
}

impl Word for DeviceEncryption {
    const WORDS: &'static [(&'static str, Self)] =
        &[("optional", Self::Optional), ("required", Self::Required)];
}

impl Word for EndOfData {
    const WORDS: &'static [(&'static str, Self)] =
        &[("strict", Self::Strict), ("lone_lf_then_close", Self::LoneLfThenClose)];
}
