//! What an administrator of the tenant, or Microsoft, could change: while the sandbox runs.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// What can be changed while it runs. Names are those of the control API.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Switches {
    /// `SmtpClientAuthenticationDisabled`.
    pub smtp_auth: SmtpAuth,
    /// Whether passwords are taken.
    pub basic: Basic,
    /// How a bad token is refused.
    pub token_refusal: TokenRefusal,
    /// What exceeding the rate brings.
    pub over_rate: OverRate,
    /// `RejectDirectSend`.
    pub reject_direct_send: bool,
    /// The inbound connector.
    pub connector: Connector,
    /// The mailbox sends spam, says outbound spam control.
    pub blocked: bool,
    /// The application has no FullAccess on the mailbox (yet): 430 at end of data.
    pub no_full_access: bool,
}

impl Switches {
    /// The same with one switch set, from its name and value as the control API writes them.
    ///
    /// # Errors
    /// What is wrong with the name or the value.
    pub fn with(self, name: &str, value: &str) -> Result<Self, String> {
        let value = value.parse().map_or_else(|_no_bool| Value::from(value), Value::Bool);
        overlaid(self, [(name.to_owned(), value)].into_iter().collect())
    }
}

/// `current` with the fields of `changes` in place of its own.
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
    /// Logins are taken.
    #[default]
    Enabled,
    /// Off for the organization.
    DisabledForTenant,
    /// Off for the mailbox.
    DisabledForMailbox,
}

/// Whether passwords are taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basic {
    /// They are: until the end of December 2026.
    #[default]
    Enabled,
    /// Switched off by policy: 535 5.7.139.
    Disabled,
    /// Switched off by Microsoft: 550 5.7.30.
    Retired,
}

/// How a bad token is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenRefusal {
    /// 535 at once, as Exchange Online does.
    #[default]
    AtOnce,
    /// The reason in a challenge, and 535 after the client's empty line, as Google does.
    Challenge,
}

/// What exceeding the messages per minute brings. Microsoft's texts contradict each other, and so
/// do reports.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OverRate {
    /// The 250 waits until the minute allows it (Microsoft's text of 2025).
    #[default]
    Delay,
    /// 421 4.4.2 at `MAIL FROM` (Exchange Server, and reports).
    Reject,
}

/// The inbound connector of the MX side.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Connector {
    /// None: mail to others than the tenant's mailboxes is refused.
    #[default]
    Absent,
    /// Matches every client by address: senders must be of an accepted domain (ATTR36).
    ByAddress,
    /// Matches clients whose certificate names an accepted domain.
    ByCertificate,
}
