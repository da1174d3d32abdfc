//! What was seen of one client, and of a device with several clients. Plain data, as it is stored
//! and shown.

use std::{collections::BTreeMap, net::IpAddr};

use serde::{Deserialize, Serialize};

use crate::{
    device::RefusalKind,
    model::{Address, DeviceName, Dialogue, MessageId, Reply, Timestamp, TlsVersion},
    smtp::Quirk,
};

/// What was seen of one device, with all its clients.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct DeviceSighting {
    /// The device as the config names it.
    pub device: DeviceName,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// When it was last seen.
    pub last_seen: Timestamp,
    /// What was counted since then, including clients that are no longer remembered.
    pub counts: Counts,
    /// The addresses that it has connected from, the latest first.
    pub clients: Vec<Sighting>,
}

/// What was seen of one address.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Sighting {
    /// The address of the client.
    pub peer: IpAddr,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// When it was last seen.
    pub last_seen: Timestamp,
    /// What was counted since then.
    pub counts: Counts,
    /// The name that it gives in EHLO or HELO, made printable.
    #[serde(default)]
    pub helo: Option<String>,
    /// The TLS of its last connection. None means plaintext.
    #[serde(default)]
    pub tls: Option<TlsSighting>,
    /// The entry of `certificates` that its certificate matches.
    #[serde(default)]
    pub certificate: Option<String>,
    /// The last certificate that it has shown and that belongs to no device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown_certificate: Option<CertificateSighting>,
    /// The last TLS handshake that failed.
    #[serde(default)]
    pub failed_handshake: Option<HandshakeSighting>,
    /// The mechanism that it asked for last, whether it was offered or not.
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
    /// The last refusal.
    #[serde(default)]
    pub last_refusal: Option<RefusalSighting>,
    /// Where it departs from the standards.
    #[serde(default)]
    pub quirks: BTreeMap<Quirk, QuirkSighting>,
    /// Its last connection without trouble.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_dialogue: Option<Dialogue>,
    /// Its last connection with trouble.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_trouble: Option<Dialogue>,
}

/// How often each thing has happened.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Counts {
    /// The number of connections.
    pub connections: u64,
    /// The number of accepted messages.
    pub messages: u64,
    /// The octets of these messages, as stored.
    pub octets: u64,
    /// The number of refusals.
    pub refusals: u64,
}

/// The version and cipher that a handshake has agreed on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TlsSighting {
    /// The TLS version.
    pub version: TlsVersion,
    /// The cipher suite.
    pub cipher: String,
}

/// A handshake that failed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HandshakeSighting {
    /// When it happened.
    pub at: Timestamp,
    /// The reason.
    pub reason: String,
    /// The `oldest_tls` that would admit the client, if that setting is the reason.
    pub needs: Option<TlsVersion>,
}

/// A certificate that belongs to no device.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CertificateSighting {
    /// When it happened.
    pub at: Timestamp,
    /// The first of its names, which its maker may have chosen freely.
    pub names: Vec<String>,
    /// Its fingerprint, in the form of an entry of `certificates`. None when such an entry would
    /// not help.
    #[serde(default)]
    pub entry: Option<String>,
    /// Why no device is known by it.
    pub reason: String,
}

/// A login.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LoginSighting {
    /// When it happened.
    pub at: Timestamp,
    /// The user, by its name in the configuration. None for an unknown name, since people sometimes
    /// type their password there.
    pub user: Option<String>,
    /// Whether it was right.
    pub outcome: LoginOutcome,
}

/// The result of a login.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoginOutcome {
    /// It was right.
    Right,
    /// There is no such user, or the password is wrong.
    Wrong,
    /// It was not verified, because too many logins had failed.
    TooMany,
}

/// A message that was accepted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MessageSighting {
    /// When it happened.
    pub at: Timestamp,
    /// The id of the message.
    pub id: MessageId,
    /// Its size in octets, as stored.
    pub octets: u64,
}

/// A refusal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RefusalSighting {
    /// When it happened.
    pub at: Timestamp,
    /// The rule that refused.
    pub kind: RefusalKind,
    /// The address that was refused, if it was an address.
    #[serde(default)]
    pub about: Option<Address>,
    /// The reply that the client got.
    pub reply: Reply,
}

/// A way in which a client departs from the standards.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct QuirkSighting {
    /// The number of connections that it was seen in.
    pub connections: u64,
    /// When it was last seen.
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

    /// The same without dialogues, for lists.
    #[must_use]
    pub fn summary(self) -> Self {
        let without_lines = |dialogue: Dialogue| Dialogue { lines: Vec::new(), ..dialogue };
        Self { last_dialogue: None, last_trouble: self.last_trouble.map(without_lines), ..self }
    }

    /// What last went wrong, and when.
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
    /// What was added since `before`.
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
