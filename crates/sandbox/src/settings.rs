//! What a sandbox is started with. The defaults are those of a tenant fresh from Microsoft.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::Switches;
use postroom_core::{
    clock::Clock,
    model::{Address, ByteSize, Secret},
};

/// Everything a sandbox needs to start.
#[derive(Clone)]
pub struct SandboxSettings {
    /// Where `ca.pem` and the messages go. Made when missing.
    pub dir: PathBuf,
    /// Client submission; port 0 takes a free one.
    pub submission: SocketAddr,
    /// The MX host: connector and direct send.
    pub mx: SocketAddr,
    /// The control API. Loopback only: it has no login.
    pub control: SocketAddr,
    /// The token endpoint.
    pub token: SocketAddr,
    /// Further names for the certificate.
    pub names: Vec<String>,
    /// What becomes of accepted messages.
    pub keep: Keep,
    /// Delays and patience.
    pub timing: Timing,
    /// Whose Exchange Online this is.
    pub tenant: TenantSettings,
    /// The time.
    pub clock: Clock,
}

impl SandboxSettings {
    /// A sandbox on free loopback ports with one mailbox, `scanner@contoso.com`, and Microsoft's
    /// limits.
    #[must_use]
    pub fn new(dir: PathBuf, clock: Clock) -> Self {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            dir,
            submission: any,
            mx: any,
            control: any,
            token: any,
            names: Vec::new(),
            keep: Keep::default(),
            timing: Timing::default(),
            tenant: TenantSettings::default(),
            clock,
        }
    }
}

/// What becomes of accepted messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keep {
    /// This number of the newest messages stay as files.
    Newest(usize),
    /// Nothing is written; counters only.
    Discard,
}

impl Default for Keep {
    /// Enough to look at, too few to fill a disk with scans of ordinary size.
    fn default() -> Self {
        Self::Newest(10_000)
    }
}

/// Delays and patience.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Before the answer to a failed login or an unknown command. Exchange Online, seen 2024 and
    /// 2025: five seconds.
    pub tarpit: Duration,
    /// Silence of the client. Exchange Online, seen 2018 to 2024: five minutes.
    pub idle: Duration,
    /// A session's whole length, checked between commands. Exchange Server's default: ten minutes.
    pub session: Duration,
    /// How long `slow-dot` waits. Over a minute, as a client that gives up early makes duplicates.
    pub slow_dot: Duration,
    /// Between the octets of a `slow` reply.
    pub drip: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            tarpit: Duration::from_secs(5),
            idle: Duration::from_secs(300),
            session: Duration::from_secs(600),
            slow_dot: Duration::from_secs(65),
            drip: Duration::from_millis(200),
        }
    }
}

/// Whose Exchange Online this is.
#[derive(Clone)]
pub struct TenantSettings {
    /// The accepted domains.
    pub domains: Vec<String>,
    /// The mailboxes that can log in.
    pub mailboxes: Vec<MailboxSettings>,
    /// Whether others can.
    pub unlisted: Unlisted,
    /// The limits of each mailbox.
    pub limits: Limits,
    /// What can be changed while it runs.
    pub switches: Switches,
    /// The application registered in the directory.
    pub application: Application,
}

/// An application that may fetch tokens.
#[derive(Clone)]
pub struct Application {
    /// The directory (tenant) id. The accepted domains name it, too.
    pub directory: String,
    /// The application (client) id.
    pub client_id: String,
    /// Its secret.
    pub secret: Secret,
    /// Its certificate, DER.
    pub certificate: Option<Vec<u8>>,
    /// How long access tokens hold. Microsoft's hold 60 to 90 minutes.
    pub token_lifetime: Duration,
    /// How a device code is answered by its user, who is the first mailbox.
    pub sign_in: SignIn,
    /// How often a device code may be polled.
    pub poll_interval: Duration,
}

impl Default for Application {
    fn default() -> Self {
        Self {
            directory: "11111111-2222-3333-4444-555555555555".to_owned(),
            client_id: "66666666-7777-8888-9999-000000000000".to_owned(),
            secret: Secret::new("sandbox".to_owned()),
            certificate: None,
            token_lifetime: Duration::from_secs(3599),
            sign_in: SignIn::AfterPolls(1),
            poll_interval: Duration::from_secs(5),
        }
    }
}

/// How a device code is answered by its user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SignIn {
    /// So many polls are told to wait, then the user has signed in.
    AfterPolls(u32),
    /// The user declines.
    Declined,
}

impl Default for TenantSettings {
    fn default() -> Self {
        let scanner = "scanner@contoso.com"
            .parse()
            .into_iter()
            .map(|address| MailboxSettings::new(address, "sandbox"));
        Self {
            domains: vec!["contoso.com".to_owned()],
            mailboxes: scanner.collect(),
            unlisted: Unlisted::Refused,
            limits: Limits::default(),
            switches: Switches::default(),
            application: Application::default(),
        }
    }
}

/// Logins that name no mailbox of the settings.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unlisted {
    /// Wrong credentials.
    Refused,
    /// Any password is right, for listed mailboxes too: `--open`.
    Admitted,
}

/// One mailbox.
#[derive(Clone)]
pub struct MailboxSettings {
    /// Its address, which is also the user name.
    pub address: Address,
    /// The password of AUTH LOGIN.
    pub password: Secret,
    /// Access tokens taken by XOAUTH2, besides those of the token endpoint.
    pub tokens: Vec<Secret>,
    /// Addresses it may send as, besides its own. `*@domain` is any address there.
    pub senders: Vec<String>,
}

impl MailboxSettings {
    /// A mailbox that sends as itself.
    #[must_use]
    pub fn new(address: Address, password: &str) -> Self {
        Self {
            address,
            password: Secret::new(password.to_owned()),
            tokens: Vec::new(),
            senders: Vec::new(),
        }
    }
}

/// The limits of each mailbox.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Transactions in any 60 s.
    pub messages_per_minute: usize,
    /// Recipients in any 24 h.
    pub recipients_per_day: u64,
    /// Recipients of one message.
    pub recipients_per_message: usize,
    /// Submissions at once.
    pub connections: usize,
    /// `MaxSendSize` of the mailbox.
    pub max_send_size: ByteSize,
    /// What `SIZE` announces.
    pub announced_size: ByteSize,
    /// Room for Sent Items, which keeps every message sent; none is without end.
    pub quota: Option<ByteSize>,
    /// Repetitions of one permanent error after which the mailbox is throttled (550 5.2.251 to
    /// .255); the true number is not published.
    pub continuous_errors: u32,
    /// How long that lasts.
    #[serde(with = "seconds")]
    pub throttled_for: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            messages_per_minute: 30,
            recipients_per_day: 10_000,
            recipients_per_message: 500,
            connections: 3,
            max_send_size: ByteSize::from_mebibytes(35),
            announced_size: ByteSize::from_mebibytes(150),
            quota: None,
            continuous_errors: 10,
            throttled_for: Duration::from_secs(3600),
        }
    }
}

mod seconds {
    //! Durations as whole seconds, as the control API writes them.

    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(duration.as_secs())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_secs)
    }
}
