//! The settings with which a sandbox starts. The defaults are those of a new tenant.

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
    /// The folder for `ca.pem` and the messages. It is created when it is missing.
    pub dir: PathBuf,
    /// The address of client submission. Port 0 chooses a free port.
    pub submission: SocketAddr,
    /// The address of the MX host, for connectors and direct send.
    pub mx: SocketAddr,
    /// The address of the control API. It must be loopback, because the API has no login.
    pub control: SocketAddr,
    /// The address of the token endpoint.
    pub token: SocketAddr,
    /// The address of Microsoft Graph.
    pub graph: SocketAddr,
    /// Additional names for the certificate.
    pub names: Vec<String>,
    /// What happens to accepted messages.
    pub keep: Keep,
    /// Delays and timeouts.
    pub timing: Timing,
    /// The settings of the tenant.
    pub tenant: TenantSettings,
    /// The clock.
    pub clock: Clock,
}

impl SandboxSettings {
    /// A sandbox on free loopback ports, with the mailbox `scanner@contoso.com` and Microsoft's
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
            graph: any,
            names: Vec::new(),
            keep: Keep::default(),
            timing: Timing::default(),
            tenant: TenantSettings::default(),
            clock,
        }
    }
}

/// What happens to accepted messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keep {
    /// The newest messages, up to this number, are kept as files.
    Newest(usize),
    /// Nothing is written. Messages are only counted.
    Discard,
}

impl Default for Keep {
    /// Enough messages for inspection, but too few to fill a disk with scans of ordinary size.
    fn default() -> Self {
        Self::Newest(10_000)
    }
}

/// Delays and timeouts.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// The delay before the answer to a failed login or an unknown command. Exchange Online waited
    /// five seconds in 2024 and 2025.
    pub tarpit: Duration,
    /// The idle timeout. Exchange Online used five minutes from 2018 to 2024.
    pub idle: Duration,
    /// The maximum duration of a session, checked between commands. Exchange Server's default is
    /// ten minutes.
    pub session: Duration,
    /// The delay of `slow-dot`. It exceeds a minute, because a client that gives up early causes
    /// duplicates.
    pub slow_dot: Duration,
    /// The delay between the octets of a `slow` reply.
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

/// The settings of the tenant.
#[derive(Clone)]
pub struct TenantSettings {
    /// The accepted domains.
    pub domains: Vec<String>,
    /// The mailboxes that can log in.
    pub mailboxes: Vec<MailboxSettings>,
    /// Whether other logins are accepted.
    pub unlisted: Unlisted,
    /// The limits of each mailbox.
    pub limits: Limits,
    /// The settings that can change while the sandbox runs.
    pub switches: Switches,
    /// The application registered in the directory.
    pub application: Application,
}

/// An application that may fetch tokens.
#[derive(Clone)]
pub struct Application {
    /// The directory (tenant) id. An accepted domain can be used in its place.
    pub directory: String,
    /// The application (client) id.
    pub client_id: String,
    /// The client secret.
    pub secret: Secret,
    /// The certificate in DER form.
    pub certificate: Option<Vec<u8>>,
    /// The lifetime of access tokens. Microsoft's is 60 to 90 minutes.
    pub token_lifetime: Duration,
    /// How the user answers a device code. The user is the first mailbox.
    pub sign_in: SignIn,
    /// The minimum interval between polls for a device code.
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

/// How the user answers a device code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SignIn {
    /// The user signs in after this number of polls, which are told to wait.
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

/// How a login is treated that names no mailbox of the settings.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unlisted {
    /// It is refused because of wrong credentials.
    Refused,
    /// Any password is accepted, also for listed mailboxes: `--open`.
    Admitted,
}

/// One mailbox.
#[derive(Clone)]
pub struct MailboxSettings {
    /// The address, which is also the user name.
    pub address: Address,
    /// The password of AUTH LOGIN.
    pub password: Secret,
    /// Access tokens accepted by XOAUTH2, in addition to those of the token endpoint.
    pub tokens: Vec<Secret>,
    /// The addresses that the mailbox may send as, in addition to its own. `*@domain` is any
    /// address in the domain.
    pub senders: Vec<String>,
}

impl MailboxSettings {
    /// A mailbox that may only send as itself.
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
    /// Transactions in any 60 seconds.
    pub messages_per_minute: usize,
    /// Recipients in any 24 hours.
    pub recipients_per_day: u64,
    /// Recipients of one message.
    pub recipients_per_message: usize,
    /// Submissions at the same time.
    pub connections: usize,
    /// `MaxSendSize` of the mailbox in Exchange.
    pub max_send_size: ByteSize,
    /// The limit that `SIZE` announces.
    pub announced_size: ByteSize,
    /// The space for Sent Items, which keeps every sent message; none means unlimited.
    pub quota: Option<ByteSize>,
    /// The number of repetitions of one permanent error after which the mailbox is throttled (550
    /// 5.2.251 to .255). The real number is not published.
    pub continuous_errors: u32,
    /// How long the throttle lasts.
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
    //! Durations as whole seconds, the form of the control API.

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
