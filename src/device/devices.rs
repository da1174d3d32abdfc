//! All devices and users of the configuration, and what was seen of them.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::watch;

use crate::{
    clock::Clock,
    device::{
        Client, DeviceSighting, DirectorySettings, Sighting, SightingRecord,
        client::ClientMemory,
        identity::{
            directory::Directory, login::LoginGuard, password::Memory, pop_windows::PopWindows,
        },
        observe::{observer::Observer, sightings::Restored},
    },
    metrics::Metrics,
    model::DeviceName,
};

/// All devices and users of the configuration. Cheap to clone.
///
/// The settings come from a `watch` channel: a client is identified by the latest, and keeps what
/// it was identified with. What was seen and counted outlives a change of the settings.
#[derive(Clone)]
pub struct Devices(Arc<Shared>);

struct Shared {
    settings: watch::Receiver<Arc<DirectorySettings>>,
    latest: Mutex<Latest>,
    memory: Arc<ClientMemory>,
}

/// The directory, and the settings that it was made of.
struct Latest {
    settings: Arc<DirectorySettings>,
    directory: Arc<Directory>,
}

impl Devices {
    /// The devices and users of a checked configuration.
    #[must_use]
    pub fn new(
        settings: watch::Receiver<Arc<DirectorySettings>>,
        clock: Clock,
        metrics: Metrics,
    ) -> Self {
        let current = Arc::clone(&settings.borrow());
        let latest =
            Latest { directory: Arc::new(Directory::new(&current, None)), settings: current };
        let memory = ClientMemory {
            logins: LoginGuard::new(),
            pop_windows: PopWindows::new(),
            hashing: Memory::default(),
            observer: Observer::new(clock, metrics),
        };
        let (latest, memory) = (Mutex::new(latest), Arc::new(memory));
        Self(Arc::new(Shared { settings, latest, memory }))
    }

    /// The client at this address. A client that is in no device's networks is a stranger: it may
    /// talk, log in where there are users, and nothing else.
    #[must_use]
    pub fn identify(&self, peer: IpAddr) -> Client {
        Client::identify(self.directory(), Arc::clone(&self.0.memory), peer)
    }

    /// The directory of the latest settings.
    fn directory(&self) -> Arc<Directory> {
        let current = Arc::clone(&self.0.settings.borrow());
        let mut latest = self.0.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&current, &latest.settings) {
            let directory = Directory::new(&current, Some(&latest.directory));
            *latest = Latest { settings: current, directory: Arc::new(directory) };
        }
        Arc::clone(&latest.directory)
    }

    /// The names of the configured devices.
    #[must_use]
    pub fn names(&self) -> Vec<DeviceName> {
        self.directory().names().cloned().collect()
    }

    /// What was seen of each device.
    #[must_use]
    pub fn sightings(&self) -> Vec<DeviceSighting> {
        self.0.memory.observer.sightings.devices()
    }

    /// The last clients that were strangers, the latest first.
    #[must_use]
    pub fn strangers(&self) -> Vec<Sighting> {
        self.0.memory.observer.sightings.strangers()
    }

    /// The sightings that have changed since the last call, to be stored.
    #[must_use]
    pub fn unkept_sightings(&self) -> Vec<SightingRecord> {
        self.0.memory.observer.sightings.unkept()
    }

    /// Reports that the sightings could not be stored: the next call of
    /// [`Devices::unkept_sightings`] returns all of them again.
    pub fn keep_sightings_again(&self) {
        self.0.memory.observer.sightings.keep_again();
    }

    /// Restores stored sightings, given as name and value. Outdated records are dropped: those of
    /// devices that are gone, and those of strangers that are now a device. Returns the number of
    /// records that could not be read; they are dropped, too.
    pub fn restore_sightings(&self, records: Vec<(String, serde_json::Value)>) -> usize {
        let directory = self.directory();
        let is_current = |device: Option<&DeviceName>, peer: IpAddr| match device {
            Some(device) => directory.device(device).is_some(),
            None => self.identify(peer).device().is_none(),
        };
        let restored = records
            .into_iter()
            .map(|(name, value)| self.0.memory.observer.sightings.restore(name, value, is_current));
        let unreadable = restored.filter(|restored| *restored == Restored::Unreadable).count();
        self.remember_homes(&directory);
        unreadable
    }

    /// A restart must not forget where each user logs in from: a stranger who fails as that user
    /// would lock the user's own device out.
    fn remember_homes(&self, directory: &Directory) {
        let memory = &self.0.memory;
        for (_, name, peer) in memory.observer.sightings.good_logins() {
            if let Some(user) = directory.user(&name) {
                memory.logins.remember_home(&user.settings.name, peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        device::{
            DeviceAuth, DeviceEncryption, DeviceSettings, PasswordSource, UserSettings, fixture,
        },
        model::TlsVersion,
        pop_before_smtp::Apop,
        smtp::{Mechanism, NoLogin, StartTls},
    };

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
