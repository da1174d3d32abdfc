//! All devices and users of the config, and how a client is recognised.

use std::{net::IpAddr, num::NonZeroU32, sync::Arc};

use crate::{
    clock::Clock,
    device::{
        Client, DeviceAuth, DeviceEncryption, DeviceSettings, DeviceSighting, Sighting,
        SightingRecord, UserSettings,
        identity::password::Memory,
        identity::pop_windows::Windows,
        identity::users::Users,
        observe::sightings::{Restored, Sightings},
        policy::rate::MessageRate,
    },
    metrics::Metrics,
    model::{ByteSize, DeviceName, TlsVersion},
    pop::Apop,
    smtp::{EndOfData, Mechanism, NoLogin, SessionSettings, StartTls},
};

/// All devices and users of the config. Cheap to clone.
#[derive(Clone)]
pub struct Devices(Arc<Registry>);

pub(super) struct Registry {
    pub(super) devices: Vec<Arc<Device>>,
    pub(super) users: Users,
    pub(super) windows: Windows,
    /// For the passwords of which only a hash is known.
    pub(super) memory: Memory,
    pub(super) stranger: Offer,
    pub(super) oldest_tls_of_strangers: TlsVersion,
    pub(super) sightings: Sightings,
    pub(super) clock: Clock,
    pub(super) metrics: Metrics,
}

/// One device, with what follows from its settings worked out once.
pub(super) struct Device {
    pub(super) settings: DeviceSettings,
    pub(super) offer: Offer,
    pub(super) rate: Option<MessageRate>,
}

/// What sessions offer, ready to be shared by all of them.
pub(super) struct Offer {
    /// In clear, where STARTTLS is there.
    before_tls: Arc<SessionSettings>,
    /// In clear for good, or under TLS that protects nothing.
    in_clear: Arc<SessionSettings>,
    encrypted: Arc<SessionSettings>,
    pub(super) apop: Apop,
}

impl Offer {
    fn new(settings: SessionSettings, apop: Apop, encryption: DeviceEncryption) -> Self {
        let encrypted = SessionSettings { starttls: StartTls::Absent, ..settings };
        let mut in_clear = encrypted.clone();
        if encryption == DeviceEncryption::Required && !encrypted.mechanisms.is_empty() {
            // RFC 4954 4: what must not be sent in clear is not asked for in clear.
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

    /// `starttls` is the listener's word, `on` the TLS there is now.
    pub(super) fn settings(
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

impl Devices {
    /// From the checked config. A user whose device is not there cannot log in; the config refuses
    /// such a user.
    #[must_use]
    pub fn new(
        devices: Vec<DeviceSettings>,
        users: Vec<UserSettings>,
        hostname: &str,
        clock: Clock,
        metrics: Metrics,
    ) -> Self {
        let stranger = Offer::new(
            offered_to_strangers(&devices, &users, hostname),
            apop(&users.iter().collect::<Vec<_>>()),
            DeviceEncryption::Optional,
        );
        // Of those without networks, one that has no user is known by its certificate, and that
        // needs TLS 1.2.
        let has_user =
            |device: &&DeviceSettings| users.iter().any(|user| user.device == device.name);
        let roaming = devices.iter().filter(|device| device.networks.is_empty()).filter(has_user);
        let oldest_tls_of_strangers =
            roaming.map(|device| device.oldest_tls).min().unwrap_or(TlsVersion::Tls12);
        let devices: Vec<Arc<Device>> = devices
            .into_iter()
            .map(|device| Arc::new(Device::new(device, &users, hostname)))
            .collect();
        let users = Users::new(users, &devices);
        Self(Arc::new(Registry {
            devices,
            users,
            windows: Windows::new(),
            memory: Memory::default(),
            stranger,
            oldest_tls_of_strangers,
            sightings: Sightings::default(),
            clock,
            metrics,
        }))
    }

    /// The device of a network address: the longest prefix wins, among equals the first in the
    /// file. Unknown clients get a stranger: it may talk, log in where users exist, and nothing
    /// else.
    #[must_use]
    pub fn identify(&self, peer: IpAddr) -> Client {
        // A dual-stack socket shows IPv4 clients as ::ffff:192.168.7.9.
        let peer = peer.to_canonical();
        let mut best: Option<(u8, &Arc<Device>)> = None;
        for device in &self.0.devices {
            let prefix = device
                .settings
                .networks
                .iter()
                .filter(|n| n.contains(&peer))
                .map(ipnet::IpNet::prefix_len)
                .max();
            if let Some(prefix) = prefix
                && best.is_none_or(|(longest, _)| prefix > longest)
            {
                best = Some((prefix, device));
            }
        }
        let client =
            Client::new(Arc::clone(&self.0), peer, best.map(|(_, device)| Arc::clone(device)));
        client.after_pop().unwrap_or(client)
    }

    /// What was seen of each device.
    #[must_use]
    pub fn sightings(&self) -> Vec<DeviceSighting> {
        self.0.sightings.devices()
    }

    /// The last clients that were no device, the latest first.
    #[must_use]
    pub fn strangers(&self) -> Vec<Sighting> {
        self.0.sightings.strangers()
    }

    /// The sightings that have changed since the last call, to be kept.
    #[must_use]
    pub fn unkept_sightings(&self) -> Vec<SightingRecord> {
        self.0.sightings.unkept()
    }

    /// What was to be kept could not be: the next call of [`Devices::unkept_sightings`] gives all
    /// of it again.
    pub fn keep_sightings_again(&self) {
        self.0.sightings.keep_again();
    }

    /// Takes back what was kept, as name and value. What the config has outlived is dropped:
    /// devices that are gone, and strangers that are now a device. Returns how many could not be
    /// read; they are dropped, too.
    pub fn restore_sightings(&self, records: Vec<(String, serde_json::Value)>) -> usize {
        let is_current = |device: Option<&DeviceName>, peer: IpAddr| match device {
            Some(device) => self.0.devices.iter().any(|known| known.settings.name == *device),
            None => self.identify(peer).device().is_none(),
        };
        let restored = records
            .into_iter()
            .map(|(name, value)| self.0.sightings.restore(name, value, is_current));
        restored.filter(|restored| *restored == Restored::Unreadable).count()
    }
}

impl Device {
    fn new(settings: DeviceSettings, users: &[UserSettings], hostname: &str) -> Self {
        let own: Vec<&UserSettings> =
            users.iter().filter(|user| user.device == settings.name).collect();
        // A device without users of its own lends its network to those of others.
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
        let offer = Offer::new(offered, apop(&loggers), settings.encryption);
        let rate =
            settings.messages_per_minute.and_then(NonZeroU32::new).map(MessageRate::per_minute);
        Self { settings, offer, rate }
    }
}

/// The mechanisms of a list that every one of these users can log in with. A device takes the first
/// that it likes of those offered (Canon: CRAM-MD5 before all others), so one that fails for some
/// user must not be offered at all.
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

/// As [`verifiable`]: a device that sees a timestamp may know nothing but `APOP` any more.
fn apop(users: &[&UserSettings]) -> Apop {
    let all = users.iter().all(|user| user.password.verifies_apop());
    if all && !users.is_empty() { Apop::Offered } else { Apop::Absent }
}

/// A stranger may become any user's device, so it is offered what any of those devices is, as far
/// as all users can be verified.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::{PasswordSource, fixture};

    fn identified(networks: &[(&str, &[&str])], peer: &str) -> Option<String> {
        let devices =
            networks.iter().map(|(name, networks)| fixture::device(name, networks)).collect();
        let client = fixture::devices(devices, Vec::new()).identify(peer.parse().unwrap());
        client.device().map(|device| device.name.to_string())
    }

    #[test]
    fn a_client_is_the_device_whose_network_fits_closest() {
        let office: &[(&str, &[&str])] = &[
            ("all", &["192.168.0.0/16", "2001:db8::/32"]),
            ("printers", &["192.168.10.0/24"]),
            ("reception", &["10.0.0.0/8", "192.168.10.7/32"]),
            ("also printers", &["192.168.10.0/24"]),
        ];
        for (peer, device) in [
            ("192.168.10.8", Some("printers")),
            ("::ffff:192.168.10.8", Some("printers")),
            ("192.168.10.7", Some("reception")),
            ("192.168.11.7", Some("all")),
            ("2001:db8::9", Some("all")),
            ("172.16.0.1", None),
        ] {
            assert_eq!(identified(office, peer), device.map(str::to_owned), "{peer}");
        }
    }

    fn hashed(name: &str, device: &str) -> UserSettings {
        UserSettings {
            password: PasswordSource::Argon2("$argon2id$…".into()),
            ..fixture::user(name, device, "")
        }
    }

    fn offered(
        devices: Vec<DeviceSettings>,
        users: Vec<UserSettings>,
        peer: &str,
    ) -> Vec<Mechanism> {
        let client = fixture::devices(devices, users).identify(peer.parse().unwrap());
        client.session_settings(StartTls::Offered, None).mechanisms.clone()
    }

    #[test]
    fn only_what_all_its_users_can_log_in_with_is_offered_to_a_device() {
        let device = || vec![fixture::device("printers", &["10.0.0.0/8"])];
        let (clear, hash) = (fixture::user("mfp1", "printers", "x"), hashed("mfp2", "printers"));
        let all = vec![Mechanism::CramMd5, Mechanism::Plain, Mechanism::Login];
        assert_eq!(offered(device(), vec![clear.clone()], "10.0.0.1"), all);
        assert_eq!(offered(device(), vec![clear.clone()], "172.16.0.1"), all);
        assert_eq!(
            offered(device(), vec![clear.clone(), hash.clone()], "10.0.0.1"),
            [Mechanism::Plain, Mechanism::Login]
        );
        assert_eq!(
            offered(device(), vec![clear, hash], "172.16.0.1"),
            [Mechanism::Plain, Mechanism::Login]
        );
        assert_eq!(offered(device(), Vec::new(), "10.0.0.1"), []);
        assert_eq!(offered(device(), Vec::new(), "172.16.0.1"), []);
    }

    #[test]
    fn a_stranger_may_use_the_oldest_tls_of_those_that_it_could_log_in_as() {
        let roaming =
            DeviceSettings { oldest_tls: TlsVersion::Tls10, ..fixture::device("laptops", &[]) };
        let oldest = |users| {
            fixture::devices(vec![roaming.clone()], users)
                .identify("172.16.0.1".parse().unwrap())
                .oldest_tls()
        };
        assert_eq!(oldest(vec![fixture::user("anna", "laptops", "x")]), TlsVersion::Tls10);
        assert_eq!(oldest(Vec::new()), TlsVersion::Tls12);
    }

    #[test]
    fn no_login_is_offered_in_clear_to_a_device_that_must_encrypt() {
        let device = DeviceSettings {
            encryption: DeviceEncryption::Required,
            ..fixture::device("printers", &["10.0.0.0/8"])
        };
        let client = fixture::devices(vec![device], vec![fixture::user("mfp1", "printers", "x")])
            .identify("10.0.0.1".parse().unwrap());
        for (starttls, on) in [
            (StartTls::Offered, None),
            (StartTls::Absent, None),
            (StartTls::Offered, Some(TlsVersion::Tls11)),
        ] {
            let settings = client.session_settings(starttls, on);
            assert_eq!(
                (settings.mechanisms.as_slice(), settings.no_login),
                ([].as_slice(), NoLogin::InClear),
                "{starttls:?} {on:?}"
            );
        }
        assert_eq!(
            client.session_settings(StartTls::Offered, Some(TlsVersion::Tls13)).mechanisms.len(),
            3
        );
    }

    #[test]
    fn apop_is_offered_where_every_user_has_a_clear_password() {
        let apop = |users| {
            let devices =
                fixture::devices(vec![fixture::device("printers", &["10.0.0.0/8"])], users);
            ["10.0.0.1", "172.16.0.1"].map(|peer| devices.identify(peer.parse().unwrap()).apop())
        };
        let (clear, hash) = (fixture::user("mfp1", "printers", "x"), hashed("mfp2", "printers"));
        assert_eq!(apop(vec![clear.clone()]), [Apop::Offered; 2]);
        assert_eq!(apop(vec![clear, hash]), [Apop::Absent; 2]);
        assert_eq!(apop(Vec::new()), [Apop::Absent; 2]);
    }

    #[test]
    fn a_device_that_is_not_to_log_in_is_not_offered_to() {
        let device = DeviceSettings {
            auth: DeviceAuth::None,
            ..fixture::device("printers", &["10.0.0.0/8"])
        };
        assert_eq!(
            offered(vec![device], vec![fixture::user("mfp1", "printers", "x")], "10.0.0.1"),
            []
        );
    }
}
