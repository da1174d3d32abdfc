//! The keys before the first table, and the tables that have few keys.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use super::{
    account::ACCOUNT,
    device::{DEVICE, USER},
    key::{Key, keys},
    listener::{LISTENER, RECEIVING, TLS},
    setting::{Hints, Scalar, Word},
};
use crate::{
    model::{AccountName, Address, ByteSize},
    upstream::Dnssec,
};

keys! {
    ROOT = "", tables [
        LISTENER, RECEIVING, TLS, DEVICE, USER, ACCOUNT, DNS, RETRY, REPORT, SPOOL, ADMIN, METRICS,
    ];

    /// The name by which the daemon introduces itself to devices and to upstream servers. Write a
    /// full name: Exchange Online refuses some bare machine names.
    HOSTNAME: Key<Option<String>> = Key::new("hostname")
        .required("write the full name of this machine, for example \"postroom.contoso.lan\"")
        .example("postroom.contoso.lan");
    /// The folder of the messages, the index and the keys. Each daemon needs its own.
    DATA_DIR: Key<PathBuf> = Key::new("data_dir").default(|| PathBuf::from("/var/lib/postroom"));
    /// How long a stop waits for sessions and attempts under way. A message whose attempt is then
    /// cut off is attempted again: it is never lost, but it may be delivered twice.
    STOP_TIMEOUT: Key<Duration> = Key::new("stop_timeout").default(|| Duration::from_secs(60));
}

keys! {
    /// DNS servers and checks for route = "direct". Optional.
    DNS = "[dns]", tables [];

    /// DNS servers. When absent, those of the machine (/etc/resolv.conf).
    SERVERS: Key<Option<Vec<DnsServer>>> = Key::new("servers")
        .off_list(&["192.0.2.53", "[2001:db8::53]:53"]);
    /// "auto": signatures are validated if the DNS server passes them on; DANE depends on that.
    /// "off": they are not validated.
    DNSSEC: Key<Dnssec> = Key::new("dnssec").default(Dnssec::default);
    /// DNSKEY records to trust instead of the root's, for a root of your own.
    TRUST_ANCHOR: Key<Option<PathBuf>> = Key::new("trust_anchor").off("/etc/postroom/root.key");
}

keys! {
    /// When Postroom tries a message again that it could not deliver. Optional.
    RETRY = "[retry]", tables [];

    /// How long to wait after the first, second, … failed attempt; the last one repeats. The
    /// shortest is 30m (RFC 5321 4.5.4.1).
    SPACING: Key<Vec<Duration>> = Key::new("spacing")
        .default(|| vec![HOUR / 2, HOUR / 2, HOUR, 2 * HOUR, 4 * HOUR]);
    /// After this time, Postroom gives up on the recipient and informs the administrator (RFC 5321
    /// 4.5.4.1: at least 4 to 5 days).
    GIVE_UP_AFTER: Key<Duration> = Key::new("give_up_after").default(|| 5 * DAY);
    /// After this time, Postroom informs the administrator that a message is late.
    DELAY_NOTICE_AFTER: Key<Duration> = Key::new("delay_notice_after").default(|| 4 * HOUR);
}

keys! {
    /// Notices and alerts to the administrator.
    REPORT = "[report]", tables [];

    /// The address that gets notices about failures and about accounts that need attention. When
    /// absent, they appear only in the log.
    ADMINISTRATOR: Key<Option<Address>> = Key::new("administrator").example("it@contoso.com");
    /// The sender of this mail. When absent, the address of the account that carries it.
    FROM: Key<Option<Address>> = Key::new("from").off("postroom@contoso.com");
    /// The account that carries it. When absent, the first.
    REPORT_ACCOUNT: Key<Option<AccountName>> = Key::new("account").off("scanner");
    /// Whether queue list and history show the subjects of messages. The journal keeps them for
    /// spool.journal_keep then. The log never has them.
    KEEP_SUBJECTS: Key<bool> = Key::new("keep_subjects").default(|| false);
}

keys! {
    /// The storage of messages. Optional.
    SPOOL = "[spool]", tables [];

    /// With less free space than this, devices get a temporary refusal (452), so that the disk does
    /// not fill up.
    MIN_FREE: Key<ByteSize> = Key::new("min_free").default(|| ByteSize::from_mebibytes(500));
    /// How long Postroom keeps the line about each delivered or failed recipient.
    JOURNAL_KEEP: Key<Duration> = Key::new("journal_keep").default(|| 90 * DAY);
}

keys! {
    /// Health and metrics over HTTP. Commands use data_dir/admin.sock instead. Optional.
    ADMIN = "[admin]", tables [];

    /// Serves /healthz, /readyz and /metrics. It cannot change anything.
    ADMIN_ADDRESS: Key<SocketAddr> = Key::new("address")
        .default(|| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8025));
}

keys! {
    /// A second address for /metrics alone, for a Prometheus on another machine. When absent,
    /// metrics are on the admin address only.
    METRICS = "[metrics]", tables [];

    /// Serves /metrics.
    METRICS_ADDRESS: Key<Option<SocketAddr>> = Key::new("address")
        .required("write for example \"0.0.0.0:9925\", or leave [metrics] out")
        .example("0.0.0.0:9925");
}

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A DNS server: an address, with or without a port.
#[derive(Clone, Copy)]
pub(in crate::config) struct DnsServer(pub(in crate::config) SocketAddr);

impl Scalar for DnsServer {
    fn parse(text: &str, _hints: &Hints<'_>) -> Result<Self, String> {
        const PORT: u16 = 53;
        let alone = || Some(SocketAddr::new(text.parse::<IpAddr>().ok()?, PORT));
        text.parse().ok().or_else(alone).map(Self).ok_or_else(|| {
            format!(
                "\"{text}\" is not an address; write for example \"192.0.2.53\" or \
                \"192.0.2.53:5353\""
            )
        })
    }

    fn text(&self) -> String {
        self.0.to_string()
    }
}

impl Word for Dnssec {
    const WORDS: &'static [(&'static str, Self)] = &[("auto", Self::Auto), ("off", Self::Off)];
}
