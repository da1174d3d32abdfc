//! What is known about the usual services: host, port, encryption, login, limits.

use crate::{
    config::{
        schema::{account::PRESET, none_of},
        table::Table,
    },
    model::ByteSize,
    queue::LimitSettings,
    upstream::AuthMethod,
};

/// One service.
#[derive(Debug)]
pub(in crate::config) struct Preset {
    /// The name in the config.
    pub(in crate::config) name: &'static str,
    /// The host; `None` if the config must name it.
    pub(in crate::config) host: Option<&'static str>,
    /// The ports. The first is the default; without any, every port is allowed.
    pub(in crate::config) ports: &'static [u16],
    /// The reason why other ports are refused.
    pub(in crate::config) port_reason: &'static str,
    /// How the service encrypts, and whether `tls` may change that.
    pub(in crate::config) encryption: Encryption,
    /// How a password is presented.
    pub(in crate::config) password_method: AuthMethod,
    /// The mechanisms that the service offers; if there are none, the config decides.
    pub(in crate::config) methods: &'static [AuthMethod],
    /// The limits of the service.
    pub(in crate::config) limits: LimitSettings,
    /// The source of these limits.
    pub(in crate::config) source: &'static str,
    /// Whether the service refuses more recipients in one message than that from any client.
    pub(in crate::config) is_strict: bool,
    /// Whether it accepts mail only within the organization and only from the account's address.
    pub(in crate::config) is_internal: bool,
    /// The kind of operator.
    pub(in crate::config) service: Service,
}

/// How a service encrypts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::config) enum Encryption {
    /// Only STARTTLS.
    StartTlsOnly,
    /// Any kind, as the config says; the default is what is usual on the port.
    AsConfigured,
}

/// The operator of a service, as far as advice depends on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::config) enum Service {
    /// Exchange Online, submission to a mailbox: Microsoft is retiring passwords there.
    ExchangeOnline,
    /// Another service of Microsoft.
    Microsoft,
    /// Azure Communication Services, whose login has a form of its own.
    Azure,
    /// Any other operator.
    Other,
}

/// Microsoft, "How to set up a multifunction device or application to send email": "If your device
/// recommends or defaults to port 465, it doesn't support SMTP AUTH client submission".
const NO_465: &str = "Exchange Online offers client submission only with STARTTLS on 587 and 25; \
port 465 does not answer";

/// Exchange Online: 30 messages a minute, 10,000 recipients in 24 h, 500 recipients of one message,
/// 3 connections; 35 MB, unless the mailbox's `MaxSendSize` was raised.
pub(super) const MAILBOX: LimitSettings = LimitSettings {
    messages_per_minute: Some(30),
    recipients_per_day: Some(10_000),
    recipients_per_message: 500,
    connections: 3,
    message_size: Some(ByteSize::from_mebibytes(35)),
};

/// Exchange Online, seen 2025-11: `250-AUTH LOGIN XOAUTH2`; anything else is answered with 504
/// 5.7.4.
const LOGIN_OR_TOKEN: &[AuthMethod] = &[AuthMethod::Login, AuthMethod::Xoauth2];
/// The mechanisms that need no clear password at the server, because the service keeps none.
const NO_CHALLENGE: &[AuthMethod] = &[AuthMethod::Login, AuthMethod::Plain, AuthMethod::Xoauth2];

const fn exchange_online(name: &'static str, host: &'static str) -> Preset {
    Preset {
        name,
        host: Some(host),
        ports: &[587, 25],
        port_reason: NO_465,
        encryption: Encryption::StartTlsOnly,
        password_method: AuthMethod::Login,
        methods: LOGIN_OR_TOKEN,
        limits: MAILBOX,
        source: "Microsoft, \"Exchange Online limits\"",
        is_strict: false,
        is_internal: false,
        service: Service::ExchangeOnline,
    }
}

/// A service about which nothing is known.
pub(in crate::config) const CUSTOM: Preset = Preset {
    name: "custom",
    host: None,
    ports: &[],
    port_reason: "",
    encryption: Encryption::AsConfigured,
    password_method: AuthMethod::Plain,
    methods: &[],
    // RFC 5321 4.5.3.1.8: a server accepts at least 100 recipients in one message.
    limits: LimitSettings {
        messages_per_minute: None,
        recipients_per_day: None,
        recipients_per_message: 100,
        connections: 10,
        message_size: None,
    },
    source: "",
    is_strict: false,
    is_internal: false,
    service: Service::Other,
};

/// The MX hosts of Exchange Online. Microsoft publishes no rates for them; a transaction has at
/// most 200 recipients in one domain (non-delivery report 4.5.3).
pub(in crate::config) const MX: Preset = Preset {
    name: "an MX host",
    limits: LimitSettings { recipients_per_message: 200, ..CUSTOM.limits },
    source: "Microsoft, non-delivery report 4.5.3",
    is_strict: true,
    service: Service::Microsoft,
    ..CUSTOM
};

/// The replacement for a misspelt preset, which has been noted: it causes no further problems.
pub(in crate::config) const MISSPELT: Preset =
    Preset { name: "misspelt", host: Some("misspelt.invalid"), ..CUSTOM };

pub(in crate::config) const PRESETS: &[Preset] = &[
    exchange_online("office365", "smtp.office365.com"),
    exchange_online("office365-gcc-high", "smtp.office365.us"),
    exchange_online("office365-dod", "outlook-dod.office365.us"),
    exchange_online("office365-china", "smtp.partner.outlook.cn"),
    Preset {
        // High Volume Email: only recipients inside the tenant; 50 recipients a message, 10 MB, no
        // rates; passwords until September 2028.
        name: "hve",
        host: Some("smtp.hve.mx.microsoft"),
        ports: &[587],
        port_reason: "High Volume Email is available only with STARTTLS on 587",
        encryption: Encryption::StartTlsOnly,
        password_method: AuthMethod::Login,
        methods: LOGIN_OR_TOKEN,
        limits: LimitSettings {
            messages_per_minute: None,
            recipients_per_day: None,
            recipients_per_message: 50,
            connections: 10,
            message_size: Some(ByteSize::from_mebibytes(10)),
        },
        source: "Microsoft, \"High Volume Email for Microsoft 365\"",
        is_strict: true,
        is_internal: true,
        service: Service::Microsoft,
    },
    Preset {
        // Custom domain: 30 messages a minute and 100 an hour, until Microsoft raises this on
        // request; 50 recipients a message, 10 MB.
        name: "azure-communication-services",
        host: Some("smtp.azurecomm.net"),
        ports: &[587, 25],
        port_reason: "Azure Communication Services are available only with STARTTLS on 587 and 25",
        encryption: Encryption::StartTlsOnly,
        password_method: AuthMethod::Login,
        methods: NO_CHALLENGE,
        limits: LimitSettings {
            messages_per_minute: Some(30),
            recipients_per_day: None,
            recipients_per_message: 50,
            connections: 3,
            message_size: Some(ByteSize::from_mebibytes(10)),
        },
        source: "Microsoft, \"Service limits for Azure Communication Services\"",
        is_strict: true,
        is_internal: false,
        service: Service::Azure,
    },
    Preset {
        // A private account: 500 recipients a day, 100 a message over SMTP, 25 MB. Workspace:
        // 10,000 recipients a day; raise the limit there.
        name: "gmail",
        host: Some("smtp.gmail.com"),
        ports: &[587, 465, 25],
        port_reason: "Gmail is available only on 587, 465 and 25",
        encryption: Encryption::AsConfigured,
        password_method: AuthMethod::Plain,
        methods: NO_CHALLENGE,
        limits: LimitSettings {
            messages_per_minute: None,
            recipients_per_day: Some(500),
            recipients_per_message: 100,
            connections: 3,
            message_size: Some(ByteSize::from_mebibytes(25)),
        },
        source: "Google, \"Gmail sending limits\"",
        is_strict: false,
        is_internal: false,
        service: Service::Other,
    },
    CUSTOM,
];

/// The preset of an account.
pub(in crate::config) fn read(table: &Table<'_>) -> &'static Preset {
    let Some(text) = table.get(&PRESET) else {
        return &CUSTOM;
    };
    PRESETS.iter().find(|preset| preset.name == text).unwrap_or_else(|| {
        table.error(&PRESET, none_of(&text, PRESETS.iter().map(|preset| preset.name)));
        &MISSPELT
    })
}
