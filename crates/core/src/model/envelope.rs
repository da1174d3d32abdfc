//! What a device said about a message, apart from the message itself.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::model::{Address, DeviceName, MessageId, ReversePath, Timestamp};

/// Sender, recipients, and what the device said about them. Never changed after acceptance: it
/// heads the spool file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Envelope {
    /// The id, which is assigned when `DATA` is accepted.
    pub id: MessageId,
    /// The time at which `DATA` was accepted.
    pub received: Timestamp,
    /// The device, by its name in the config; for Postroom's own mail, `postroom`.
    pub device: DeviceName,
    /// The connection by which it reached us.
    pub via: Via,
    /// `MAIL FROM`.
    pub sender: ReversePath,
    /// `RCPT TO`: at least one recipient, without duplicates.
    pub recipients: Vec<Recipient>,
    /// The other parameters of `MAIL FROM`.
    pub parameters: MailParameters,
}

/// The parameters after the address in `MAIL FROM`, except `SIZE`. They travel as a whole from the
/// session to the next server.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct MailParameters {
    /// `BODY=` (RFC 6152).
    #[serde(default)]
    pub body: BodyKind,
    /// `SMTPUTF8` was given (RFC 6531), or an address needs it.
    #[serde(default)]
    pub smtputf8: bool,
    /// `RET=` (RFC 3461 4.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ret: Option<ReturnContent>,
    /// `ENVID=` (RFC 3461 4.4), still in xtext.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envid: Option<String>,
}

/// The connection that handed the message in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Via {
    /// The client's address; `None` for Postroom's own mail.
    pub peer: Option<IpAddr>,
    /// The name that it gave in `HELO` or `EHLO`, made printable.
    pub helo: String,
    /// `EHLO` was used.
    pub esmtp: bool,
    /// The version of TLS; `None` on a plaintext connection.
    pub tls: Option<TlsVersion>,
    /// The user it logged in as.
    pub user: Option<String>,
}

/// Protocol versions, oldest first. Below 1.2 counts as plaintext in every policy decision.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum TlsVersion {
    /// RFC 6101.
    #[serde(rename = "ssl3")]
    Ssl3,
    /// RFC 2246.
    #[serde(rename = "tls1.0")]
    Tls10,
    /// RFC 4346.
    #[serde(rename = "tls1.1")]
    Tls11,
    /// RFC 5246.
    #[serde(rename = "tls1.2")]
    Tls12,
    /// RFC 8446.
    #[serde(rename = "tls1.3")]
    Tls13,
}

impl TlsVersion {
    /// All versions, oldest first.
    pub const ALL: [Self; 5] = [Self::Ssl3, Self::Tls10, Self::Tls11, Self::Tls12, Self::Tls13];

    /// The name in the config, the log and `Received:`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ssl3 => "ssl3",
            Self::Tls10 => "tls1.0",
            Self::Tls11 => "tls1.1",
            Self::Tls12 => "tls1.2",
            Self::Tls13 => "tls1.3",
        }
    }

    /// RFC 8996: older than TLS 1.2 protects nothing.
    #[must_use]
    pub fn is_secure(self) -> bool {
        self >= Self::Tls12
    }
}

/// One `RCPT TO`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Recipient {
    /// The recipient's address.
    pub address: Address,
    /// `NOTIFY=` (RFC 3461 4.1); `None` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<Notify>,
    /// `ORCPT=` (RFC 3461 4.2), still in xtext.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orcpt: Option<String>,
}

impl Recipient {
    /// A recipient without options.
    #[must_use]
    pub const fn new(address: Address) -> Self {
        Self { address, notify: None, orcpt: None }
    }
}

/// The events that the sender wants to learn of. None of them is `NOTIFY=NEVER`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Notify {
    /// `SUCCESS`.
    pub success: bool,
    /// `FAILURE`.
    pub failure: bool,
    /// `DELAY`.
    pub delay: bool,
}

/// `BODY=` of `MAIL FROM` (RFC 6152).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyKind {
    /// Not given, or `7BIT`. Devices send 8-bit text even then.
    #[default]
    SevenBit,
    /// `8BITMIME`.
    EightBitMime,
}

/// `RET=` (RFC 3461 4.3): how much of the message a failure notice returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReturnContent {
    /// The whole message.
    Full,
    /// The header only.
    Headers,
}
