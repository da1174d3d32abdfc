//! The settings of a device in the configuration, for output.

use serde::Serialize;

use crate::{
    config::Config,
    device::{DeviceAuth, DeviceEncryption, DeviceSettings},
    model::{FromIdentity, Pattern},
    smtp::EndOfData,
};

/// A `[[device]]` and the users that belong to it.
#[derive(Serialize)]
pub(super) struct Settings {
    pub(super) name: String,
    pub(super) networks: Vec<String>,
    pub(super) certificates: Vec<String>,
    pub(super) users: Vec<String>,
    auth: &'static str,
    encryption: &'static str,
    oldest_tls: &'static str,
    senders: Vec<String>,
    recipients: Vec<String>,
    messages_per_minute: Option<u32>,
    max_message: String,
    max_recipients: usize,
    connections: usize,
    mechanisms: Vec<&'static str>,
    hide_extensions: Vec<String>,
    end_of_data: &'static str,
    account: Option<String>,
    from: Option<From>,
}

#[derive(Serialize)]
struct From {
    address: Option<String>,
    name: Option<String>,
    reply_to: Option<String>,
}

impl Settings {
    pub(super) fn new(device: &DeviceSettings, config: &Config) -> Self {
        let patterns = |patterns: &[Pattern]| {
            patterns.iter().map(|pattern| pattern.as_str().to_owned()).collect()
        };
        Self {
            name: device.name.to_string(),
            networks: device.networks.iter().map(ToString::to_string).collect(),
            certificates: device.certificates.iter().map(ToString::to_string).collect(),
            users: config
                .users
                .iter()
                .filter(|user| user.device == device.name)
                .map(|user| user.name.clone())
                .collect(),
            auth: match device.auth {
                DeviceAuth::None => "none",
                DeviceAuth::Optional => "optional",
                DeviceAuth::Required => "required",
            },
            encryption: match device.encryption {
                DeviceEncryption::Optional => "optional",
                DeviceEncryption::Required => "required",
            },
            oldest_tls: device.oldest_tls.as_str(),
            senders: patterns(&device.senders),
            recipients: patterns(&device.recipients),
            messages_per_minute: device.messages_per_minute,
            max_message: device.max_message.to_string(),
            max_recipients: device.max_recipients,
            connections: device.connections,
            mechanisms: device.mechanisms.iter().map(|mechanism| mechanism.name()).collect(),
            hide_extensions: device.hide_extensions.clone(),
            end_of_data: match device.end_of_data {
                EndOfData::Strict => "strict",
                EndOfData::LoneLfThenClose => "lone_lf_then_close",
            },
            account: device.account.as_ref().map(ToString::to_string),
            from: device.from.as_ref().map(From::new),
        }
    }

    /// Formats the settings as lines of `key  value`.
    pub(super) fn render(&self) -> String {
        let list =
            |words: &[String]| if words.is_empty() { "none".to_owned() } else { words.join(", ") };
        let login = match self.auth {
            "none" => "none".to_owned(),
            auth => format!("{auth} ({})", self.mechanisms.join(", ")),
        };
        let mut rows = vec![
            ("networks", list(&self.networks)),
            ("users", list(&self.users)),
            ("auth", login),
            ("encryption", self.encryption.to_owned()),
            ("oldest_tls", self.oldest_tls.to_owned()),
            ("senders", list(&self.senders)),
            ("recipients", list(&self.recipients)),
            (
                "messages_per_minute",
                self.messages_per_minute
                    .map_or_else(|| "no limit".to_owned(), |limit| limit.to_string()),
            ),
            ("max_message", self.max_message.clone()),
            ("max_recipients", self.max_recipients.to_string()),
            ("connections", self.connections.to_string()),
            ("account", self.account.clone().unwrap_or_else(|| "the first".to_owned())),
        ];
        if !self.certificates.is_empty() {
            rows.push(("certificates", list(&self.certificates)));
        }
        if !self.hide_extensions.is_empty() {
            rows.push(("hide_extensions", list(&self.hide_extensions)));
        }
        if self.end_of_data != "strict" {
            rows.push(("end_of_data", self.end_of_data.to_owned()));
        }
        if let Some(from) = &self.from {
            rows.push(("from", from.to_string()));
        }
        rows.iter().map(|(key, value)| format!("  {key:20} {value}\n")).collect()
    }
}

impl From {
    fn new(from: &FromIdentity) -> Self {
        let text =
            |address: &Option<crate::model::Address>| address.as_ref().map(ToString::to_string);
        Self {
            address: text(&from.address),
            name: from.name.clone(),
            reply_to: text(&from.reply_to),
        }
    }
}

impl std::fmt::Display for From {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts =
            [("address", &self.address), ("name", &self.name), ("reply_to", &self.reply_to)];
        let said: Vec<String> = parts
            .iter()
            .filter_map(|(key, value)| Some(format!("{key} {}", value.as_deref()?)))
            .collect();
        f.write_str(&said.join(", "))
    }
}
