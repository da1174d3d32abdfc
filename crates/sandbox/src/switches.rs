//! The settings that the tenant's administrator or Microsoft could change during operation.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// The settings that can change while the sandbox runs. The names are those of the control API.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Switches {
    /// `SmtpClientAuthenticationDisabled`.
    pub smtp_auth: SmtpAuth,
    /// Whether password logins are accepted.
    pub basic: Basic,
    /// How a bad token is refused.
    pub token_refusal: TokenRefusal,
    /// What happens when a client exceeds the message rate.
    pub over_rate: OverRate,
    /// `RejectDirectSend`.
    pub reject_direct_send: bool,
    /// The kind of inbound connector.
    pub connector: Connector,
    /// Outbound spam control has blocked the mailbox.
    pub blocked: bool,
    /// The application does not have FullAccess to the mailbox (yet): 430 at end of data.
    pub no_full_access: bool,
}

impl Switches {
    /// Returns a copy with one switch set. Name and value are in the form of the control API.
    ///
    /// # Errors
    /// When the name or the value is invalid.
    pub fn with(self, name: &str, value: &str) -> Result<Self, String> {
        let value = value.parse().map_or_else(|_no_bool| Value::from(value), Value::Bool);
        overlaid(self, [(name.to_owned(), value)].into_iter().collect())
    }
}

/// Returns `current` with the fields of `changes` replaced.
pub(crate) fn overlaid<T: Serialize + DeserializeOwned>(
    current: T,
    changes: Map<String, Value>,
) -> Result<T, String> {
    let mut value = serde_json::to_value(current).map_err(|error| error.to_string())?;
    if let Value::Object(fields) = &mut value {
        fields.extend(changes);
    }
    serde_path_to_error::deserialize(value).map_err(|error| error.to_string())
}

/// `SmtpClientAuthenticationDisabled`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SmtpAuth {
    /// Logins are accepted.
    #[default]
    Enabled,
    /// Logins are disabled for the organization.
    DisabledForTenant,
    /// Logins are disabled for the mailbox.
    DisabledForMailbox,
}

/// Whether password logins are accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basic {
    /// Passwords are accepted: until the end of December 2026.
    #[default]
    Enabled,
    /// A policy disables passwords: 535 5.7.139.
    Disabled,
    /// Microsoft has retired passwords: 550 5.7.30.
    Retired,
}

/// How a bad token is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenRefusal {
    /// With 535 at once, as Exchange Online does.
    #[default]
    AtOnce,
    /// With the reason in a challenge, then 535 after the client's empty line, as Google does.
    Challenge,
}

/// What happens when a client exceeds the messages per minute. Microsoft's texts contradict each
/// other, and so do reports.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OverRate {
    /// The 250 is delayed until the rate allows it (Microsoft's text of 2025).
    #[default]
    Delay,
    /// `MAIL FROM` is refused with 421 4.4.2 (Exchange Server and reports).
    Reject,
}

/// The inbound connector on the MX side.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Connector {
    /// There is no connector: mail to anyone except the tenant's mailboxes is refused.
    #[default]
    Absent,
    /// The connector matches every client by address. Senders must be in an accepted domain
    /// (ATTR36).
    ByAddress,
    /// The connector matches clients whose certificate names an accepted domain.
    ByCertificate,
}
