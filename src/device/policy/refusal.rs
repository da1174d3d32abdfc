//! Every refusal, with its text: each names the setting that made it, in one line that any device
//! can take.

use std::{fmt::Display, net::IpAddr};

use serde::{Deserialize, Serialize};

use crate::{
    device::{DeviceSettings, identity::users::LoginRefusal},
    metrics,
    model::{Address, EnhancedCode, Reply, TlsVersion},
};

/// Octets shown of what a client has sent. RFC 5321 4.5.3.1.5: a reply has 512, of which the
/// longest name of a device takes 64.
const SHOWN_OCTETS: usize = 200;

/// Which rule refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalKind {
    /// In no device's `networks`, and not logged in.
    Stranger,
    /// `auth = "required"`.
    LoginRequired,
    /// Not a user, or not its password.
    LoginWrong,
    /// Too many of these.
    LoginTooMany,
    /// `senders`.
    Sender,
    /// `recipients`.
    Recipient,
    /// `encryption` or `oldest_tls`.
    Encryption,
    /// `max_message`.
    Size,
    /// `messages_per_minute`.
    Rate,
    /// `connections`, or a limit of all devices together.
    Connections,
}

/// A refusal: the rule, and what the client is told.
pub(in crate::device) struct Refusal {
    pub(in crate::device) kind: RefusalKind,
    /// The address it is about.
    pub(in crate::device) about: Option<Address>,
    pub(in crate::device) reply: Reply,
}

/// Whether anybody can log in.
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

/// RFC 5248: 5.7.9 wants another mechanism, here another version.
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
    // RFC 6531 3.7.4: replies have other characters only for clients that have asked for SMTPUTF8.
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
    /// As which it is counted; logins and connections have counters of their own.
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
