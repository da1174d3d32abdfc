//! What was seen of one client, and of a device that is several: words without effects, as they are
//! kept and shown.

use std::{collections::BTreeMap, net::IpAddr};

use serde::{Deserialize, Serialize};

use crate::{
    device::RefusalKind,
    model::{Address, DeviceName, Dialogue, MessageId, Reply, Timestamp, TlsVersion},
    smtp::Quirk,
};

/// What was seen of one device, all its clients together.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct DeviceSighting {
    /// Which.
    pub device: DeviceName,
    /// When for the first time.
    pub first_seen: Timestamp,
    /// When last.
    pub last_seen: Timestamp,
    /// Since then, of all clients, also of those that are no longer remembered.
    pub counts: Counts,
    /// Each address that it came from, the latest first.
    pub clients: Vec<Sighting>,
}

/// What was seen of one address.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Sighting {
    /// Which.
    pub peer: IpAddr,
    /// When for the first time.
    pub first_seen: Timestamp,
    /// When last.
    pub last_seen: Timestamp,
    /// Since then.
    pub counts: Counts,
    /// What it calls itself, made printable.
    #[serde(default)]
    pub helo: Option<String>,
    /// Of its last connection; none is plaintext.
    #[serde(default)]
    pub tls: Option<TlsSighting>,
    /// The entry of `certificates` that it was known by.
    #[serde(default)]
    pub certificate: Option<String>,
    /// The last certificate it has shown that is no device's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown_certificate: Option<CertificateSighting>,
    /// The last handshake that failed.
    #[serde(default)]
    pub failed_handshake: Option<HandshakeSighting>,
    /// The mechanism it asked for last, offered or not.
    #[serde(default)]
    pub mechanism: Option<String>,
    /// Its last login.
    #[serde(default)]
    pub login: Option<LoginSighting>,
    /// When each user last logged in from there, by the name in the configuration, which bounds it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub good_logins: BTreeMap<String, Timestamp>,
    /// The last message accepted from it.
    #[serde(default)]
    pub last_message: Option<MessageSighting>,
    /// The last thing that it was refused.
    #[serde(default)]
    pub last_refusal: Option<RefusalSighting>,
    /// What it does against the standards.
    #[serde(default)]
    pub quirks: BTreeMap<Quirk, QuirkSighting>,
    /// Its last connection without trouble.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_dialogue: Option<Dialogue>,
    /// Its last connection with trouble.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_trouble: Option<Dialogue>,
}

/// How often.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Counts {
    /// Connections.
    pub connections: u64,
    /// Messages accepted.
    pub messages: u64,
    /// Octets of them, as stored.
    pub octets: u64,
    /// Refusals.
    pub refusals: u64,
}

/// What a handshake has agreed on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TlsSighting {
    /// The version.
    pub version: TlsVersion,
    /// The cipher suite.
    pub cipher: String,
}

/// A handshake that failed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HandshakeSighting {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
    /// The `oldest_tls` that would let it in, when that is why.
    pub needs: Option<TlsVersion>,
}

/// A certificate that is no device's.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CertificateSighting {
    /// When.
    pub at: Timestamp,
    /// The first of its names, which anybody may have written into it.
    pub names: Vec<String>,
    /// Its fingerprint as `certificates` takes it; none when it would not be known by that either.
    #[serde(default)]
    pub entry: Option<String>,
    /// Why nobody is known by it.
    pub reason: String,
}

/// A login.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LoginSighting {
    /// When.
    pub at: Timestamp,
    /// As whom, by the name in the config; none for a name that is not there, since people do type
    /// their password there.
    pub user: Option<String>,
    /// Whether it was right.
    pub outcome: LoginOutcome,
}

/// What came of a login.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoginOutcome {
    /// It was right.
    Right,
    /// No such user, or not its password.
    Wrong,
    /// Not looked at, after too many that were wrong.
    TooMany,
}

/// A message that was accepted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MessageSighting {
    /// When.
    pub at: Timestamp,
    /// Which.
    pub id: MessageId,
    /// How large, as stored.
    pub octets: u64,
}

/// Something that was refused.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RefusalSighting {
    /// When.
    pub at: Timestamp,
    /// Which rule refused it.
    pub kind: RefusalKind,
    /// The address it is about, where it is about one.
    #[serde(default)]
    pub about: Option<Address>,
    /// In our words.
    pub reply: Reply,
}

/// Something that a client does against the standards.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct QuirkSighting {
    /// In how many connections.
    pub connections: u64,
    /// When last.
    pub last_seen: Timestamp,
}

impl Sighting {
    pub(in crate::device) fn new(peer: IpAddr, now: Timestamp) -> Self {
        Self {
            peer,
            first_seen: now,
            last_seen: now,
            counts: Counts::default(),
            helo: None,
            tls: None,
            certificate: None,
            unknown_certificate: None,
            failed_handshake: None,
            mechanism: None,
            login: None,
            good_logins: BTreeMap::new(),
            last_message: None,
            last_refusal: None,
            quirks: BTreeMap::new(),
            last_dialogue: None,
            last_trouble: None,
        }
    }

    /// Without what was said, for lists.
    #[must_use]
    pub fn summary(self) -> Self {
        let without_lines = |dialogue: Dialogue| Dialogue { lines: Vec::new(), ..dialogue };
        Self { last_dialogue: None, last_trouble: self.last_trouble.map(without_lines), ..self }
    }

    /// When something last went wrong, and what.
    #[must_use]
    pub fn trouble(&self) -> Option<(Timestamp, String)> {
        let dialogue = self
            .last_trouble
            .as_ref()
            .and_then(|dialogue| Some((dialogue.begun, dialogue.trouble.clone()?)));
        let refusal =
            self.last_refusal.as_ref().map(|refusal| (refusal.at, refusal.reply.to_string()));
        let handshake =
            self.failed_handshake.as_ref().map(|failed| (failed.at, failed.reason.clone()));
        [refusal, handshake, dialogue].into_iter().flatten().max_by_key(|(at, _)| *at)
    }
}

impl Counts {
    /// What has been added since `before`.
    pub(in crate::device) const fn since(self, before: Self) -> Self {
        Self {
            connections: self.connections.saturating_sub(before.connections),
            messages: self.messages.saturating_sub(before.messages),
            octets: self.octets.saturating_sub(before.octets),
            refusals: self.refusals.saturating_sub(before.refusals),
        }
    }

    pub(in crate::device) const fn add(&mut self, more: Self) {
        self.connections = self.connections.saturating_add(more.connections);
        self.messages = self.messages.saturating_add(more.messages);
        self.octets = self.octets.saturating_add(more.octets);
        self.refusals = self.refusals.saturating_add(more.refusals);
    }
}
