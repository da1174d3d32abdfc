//! Every refusal with its text. Each names the setting that caused it, in one line that any device
//! accepts.

use std::{fmt::Display, net::IpAddr};

use serde::{Deserialize, Serialize};

use crate::{
    device::DeviceSettings,
    metrics,
    model::{Address, EnhancedCode, Reply, TlsVersion},
};

/// The maximum number of octets shown of what a client has sent. RFC 5321 4.5.3.1.5: a reply has
/// 512, of which the longest device name takes 64.
const SHOWN_OCTETS: usize = 200;

/// The rule that a refusal comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalKind {
    /// The client is in no device's `networks` and has not logged in.
    Stranger,
    /// The device has `auth = "required"`, and the client has not logged in.
    LoginRequired,
    /// There is no such user, or the password is wrong.
    LoginWrong,
    /// Too many logins have failed.
    LoginTooMany,
    /// The sender is not among the device's `senders`.
    Sender,
    /// The recipient is not among the device's `recipients`.
    Recipient,
    /// The connection does not satisfy `encryption` or `oldest_tls`.
    Encryption,
    /// The message exceeds `max_message`.
    Size,
    /// The device exceeds `messages_per_minute`.
    Rate,
    /// The device exceeds `connections`, or all clients together exceed their limit.
    Connections,
}

/// Why a login is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::device) enum LoginRefusal {
    /// There is no such user, or the password is wrong.
    Wrong,
    /// The address or the user has failed too often.
    TooMany,
}

/// A refusal: the rule, and what the client is told.
pub(in crate::device) struct Refusal {
    pub(in crate::device) kind: RefusalKind,
    /// The address that is refused, if it is an address.
    pub(in crate::device) about: Option<Address>,
    pub(in crate::device) reply: Reply,
}

/// Whether the configuration has users, so that a client could log in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::device) enum Logins {
    Possible,
    Impossible,
}

pub(in crate::device) fn stranger(peer: IpAddr, logins: Logins) -> Refusal {
    let what_else = match logins {
        Logins::Possible => "log in, or ",
        Logins::Impossible => "",
    };
    let text = format!(
        "{peer} is not in any device's networks; {what_else}add it to [[device]] networks in the \
        configuration"
    );
    refusal(RefusalKind::Stranger, 550, EnhancedCode(5, 7, 1), &text)
}

pub(in crate::device) fn login_required(device: &DeviceSettings) -> Refusal {
    let text = format!("log in first: device \"{}\" has auth = \"required\"", device.name);
    refusal(RefusalKind::LoginRequired, 530, EnhancedCode(5, 7, 0), &text)
}

pub(in crate::device) fn login(cause: LoginRefusal) -> Refusal {
    match cause {
        LoginRefusal::Wrong => refusal(
            RefusalKind::LoginWrong,
            535,
            EnhancedCode(5, 7, 8),
            "Authentication credentials invalid",
        ),
        LoginRefusal::TooMany => refusal(
            RefusalKind::LoginTooMany,
            454,
            EnhancedCode(4, 7, 0),
            "Too many failed logins; try again later",
        ),
    }
}

pub(in crate::device) fn sender(device: &DeviceSettings, address: &Address) -> Refusal {
    let (shown, name) = (shown(address), &device.name);
    let text = format!(
        "<{shown}> is not among the senders of device \"{name}\"; add it to its senders in the \
        configuration"
    );
    Refusal {
        about: Some(address.clone()),
        ..refusal(RefusalKind::Sender, 550, EnhancedCode(5, 7, 1), &text)
    }
}

pub(in crate::device) fn recipient(device: &DeviceSettings, address: &Address) -> Refusal {
    let (shown, name) = (shown(address), &device.name);
    let text = format!(
        "<{shown}> is not among the recipients of device \"{name}\"; add it to its recipients in \
        the configuration"
    );
    Refusal {
        about: Some(address.clone()),
        ..refusal(RefusalKind::Recipient, 550, EnhancedCode(5, 7, 1), &text)
    }
}

pub(in crate::device) fn size(device: &DeviceSettings) -> Refusal {
    let text =
        format!("too large: max_message of device \"{}\" is {}", device.name, device.max_message);
    refusal(RefusalKind::Size, 552, EnhancedCode(5, 3, 4), &text)
}

pub(in crate::device) fn rate(device: &DeviceSettings) -> Refusal {
    let limit = device.messages_per_minute.unwrap_or_default();
    let text = format!(
        "too fast: messages_per_minute of device \"{}\" is {limit}; try again later",
        device.name
    );
    refusal(RefusalKind::Rate, 450, EnhancedCode(4, 7, 1), &text)
}

/// RFC 5248: 5.7.9 asks for another mechanism; here, it asks for another version.
pub(in crate::device) fn old_tls(device: &DeviceSettings, on: TlsVersion) -> Refusal {
    let (version, oldest, name) = (on.as_str(), device.oldest_tls.as_str(), &device.name);
    let text = format!("{version} is too old: oldest_tls of device \"{name}\" is \"{oldest}\"");
    refusal(RefusalKind::Encryption, 534, EnhancedCode(5, 7, 9), &text)
}

pub(in crate::device) fn plaintext(device: &DeviceSettings, on: Option<TlsVersion>) -> Refusal {
    let but = on
        .map(|version| format!(", and {} counts as plaintext", version.as_str()))
        .unwrap_or_default();
    // RFC 3207 4: the code for "Must issue a STARTTLS command first".
    let text = format!(
        "use TLS 1.2 or newer: device \"{}\" has encryption = \"required\"{but}",
        device.name
    );
    refusal(RefusalKind::Encryption, 530, EnhancedCode(5, 7, 0), &text)
}

fn refusal(kind: RefusalKind, code: u16, enhanced: EnhancedCode, text: &str) -> Refusal {
    // RFC 6531 3.7.4: replies are ASCII unless the client has asked for SMTPUTF8.
    let ascii: String = text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect();
    Refusal { kind, about: None, reply: Reply::with(code, enhanced, &ascii) }
}

fn shown(sent: &impl Display) -> String {
    let text = sent.to_string();
    match text.split_at_checked(text.floor_char_boundary(SHOWN_OCTETS)) {
        Some((kept, cut)) if !cut.is_empty() => format!("{kept}..."),
        Some(_) | None => text,
    }
}

impl RefusalKind {
    /// The metric's label for this rule. Logins and connections have counters of their own.
    pub(in crate::device) const fn metric(self) -> Option<metrics::Refusal> {
        match self {
            Self::Stranger => Some(metrics::Refusal::Stranger),
            Self::LoginRequired => Some(metrics::Refusal::LoginRequired),
            Self::Sender => Some(metrics::Refusal::Sender),
            Self::Recipient => Some(metrics::Refusal::Recipient),
            Self::Encryption => Some(metrics::Refusal::Encryption),
            Self::Size => Some(metrics::Refusal::Size),
            Self::Rate => Some(metrics::Refusal::Rate),
            Self::LoginWrong | Self::LoginTooMany | Self::Connections => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::fixture;

    #[test]
    fn every_refusal_is_one_line_of_ascii_within_the_bound_of_a_reply() {
        let device = fixture::device(&"ö".repeat(32), &[]);
        let address: Address = format!("{}@{}", "é".repeat(64), "a.".repeat(127)).parse().unwrap();
        let peer: IpAddr = "2001:db8:1111:2222:3333:4444:5555:6666".parse().unwrap();
        let all = [
            stranger(peer, Logins::Possible),
            stranger(peer, Logins::Impossible),
            login_required(&device),
            login(LoginRefusal::Wrong),
            login(LoginRefusal::TooMany),
            sender(&device, &address),
            recipient(&device, &address),
            old_tls(&device, TlsVersion::Ssl3),
            plaintext(&device, Some(TlsVersion::Tls11)),
            size(&device),
            rate(&device),
        ];
        for Refusal { reply, .. } in all {
            let line = format!("{reply}\r\n");
            assert!(line.len() <= 512 && line.is_ascii() && line.lines().count() == 1, "{line}");
        }
    }
}
