//! What a session offers a client: extensions, sizes and login mechanisms.

use std::sync::Arc;

use crate::{
    device::{DeviceAuth, DeviceEncryption, DeviceSettings, UserSettings},
    model::{ByteSize, TlsVersion},
    pop_before_smtp::Apop,
    smtp::{EndOfData, Mechanism, NoLogin, SessionSettings, StartTls},
};

/// What sessions offer, computed once and shared by all of them.
pub(in crate::device) struct Offer {
    /// For plaintext on a port that offers STARTTLS.
    before_tls: Arc<SessionSettings>,
    /// For plaintext on a port without STARTTLS, and for TLS that protects nothing.
    in_clear: Arc<SessionSettings>,
    /// For TLS 1.2 and newer.
    encrypted: Arc<SessionSettings>,
    /// Whether every user could log in with `APOP`.
    pub(in crate::device) apop: Apop,
}

impl Offer {
    /// What a device is offered.
    pub(in crate::device) fn to_device(
        settings: &DeviceSettings,
        users: &[UserSettings],
        hostname: &str,
    ) -> Self {
        let own: Vec<&UserSettings> =
            users.iter().filter(|user| user.device == settings.name).collect();
        // Users of other devices may log in from the network of a device that has none itself.
        let loggers: Vec<&UserSettings> = if own.is_empty() { users.iter().collect() } else { own };
        let mechanisms = match settings.auth {
            DeviceAuth::None => Vec::new(),
            DeviceAuth::Optional | DeviceAuth::Required => {
                verifiable(&settings.mechanisms, &loggers)
            }
        };
        let offered = SessionSettings {
            hostname: hostname.to_owned(),
            max_message: settings.max_message,
            max_recipients: settings.max_recipients,
            starttls: StartTls::Absent,
            mechanisms,
            no_login: NoLogin::Never,
            hide_extensions: settings.hide_extensions.clone(),
            end_of_data: settings.end_of_data,
        };
        Self::new(offered, apop(&loggers), settings.encryption)
    }

    /// What a stranger is offered. It may log in as any user, so it is offered what any user's
    /// device is offered, as far as the passwords of all users can be verified.
    pub(in crate::device) fn to_strangers(
        devices: &[DeviceSettings],
        users: &[UserSettings],
        hostname: &str,
    ) -> Self {
        let offered = offered_to_strangers(devices, users, hostname);
        let apop = apop(&users.iter().collect::<Vec<_>>());
        Self::new(offered, apop, DeviceEncryption::Optional)
    }

    fn new(settings: SessionSettings, apop: Apop, encryption: DeviceEncryption) -> Self {
        let encrypted = SessionSettings { starttls: StartTls::Absent, ..settings };
        let mut in_clear = encrypted.clone();
        if encryption == DeviceEncryption::Required && !encrypted.mechanisms.is_empty() {
            // RFC 4954 4: a mechanism is not offered where its secret would be sent in clear.
            in_clear.mechanisms.clear();
            in_clear.no_login = NoLogin::InClear;
        }
        let before_tls = SessionSettings { starttls: StartTls::Offered, ..in_clear.clone() };
        Self {
            before_tls: before_tls.into(),
            in_clear: in_clear.into(),
            encrypted: encrypted.into(),
            apop,
        }
    }

    /// The settings of a session: `starttls` is what the listener offers, `on` is the TLS of the
    /// connection.
    pub(in crate::device) fn settings(
        &self,
        starttls: StartTls,
        on: Option<TlsVersion>,
    ) -> Arc<SessionSettings> {
        Arc::clone(match (on, starttls) {
            (Some(version), _) if version.is_secure() => &self.encrypted,
            (Some(_), _) | (None, StartTls::Absent) => &self.in_clear,
            (None, StartTls::Offered) => &self.before_tls,
        })
    }
}

/// The listed mechanisms that work for every one of these users. A device picks the first offered
/// mechanism that it prefers (Canon: CRAM-MD5 before all others), so a mechanism that fails for
/// some user must not be offered at all.
fn verifiable(mechanisms: &[Mechanism], users: &[&UserSettings]) -> Vec<Mechanism> {
    if users.is_empty() {
        return Vec::new();
    }
    mechanisms
        .iter()
        .copied()
        .filter(|mechanism| users.iter().all(|user| user.password.verifies(*mechanism)))
        .collect()
}

/// Whether `APOP` works for every one of these users. Like [`verifiable`]: a device that sees a
/// timestamp may try nothing but `APOP`.
fn apop(users: &[&UserSettings]) -> Apop {
    let all = users.iter().all(|user| user.password.verifies_apop());
    if all && !users.is_empty() { Apop::Offered } else { Apop::Absent }
}

fn offered_to_strangers(
    devices: &[DeviceSettings],
    users: &[UserSettings],
    hostname: &str,
) -> SessionSettings {
    let of_users = |device: &&DeviceSettings| users.iter().any(|user| user.device == device.name);
    let reachable: Vec<&DeviceSettings> = devices.iter().filter(of_users).collect();
    let mut listed: Vec<Mechanism> = Vec::new();
    for mechanism in reachable.iter().flat_map(|device| &device.mechanisms) {
        if !listed.contains(mechanism) {
            listed.push(*mechanism);
        }
    }
    SessionSettings {
        hostname: hostname.to_owned(),
        max_message: reachable
            .iter()
            .map(|device| device.max_message)
            .max()
            .unwrap_or(ByteSize::from_octets(0)),
        max_recipients: 1,
        starttls: StartTls::Absent,
        mechanisms: verifiable(&listed, &users.iter().collect::<Vec<_>>()),
        no_login: NoLogin::Never,
        hide_extensions: Vec::new(),
        end_of_data: EndOfData::Strict,
    }
}
