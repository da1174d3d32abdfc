//! Whether a login is right, without telling who exists: an unknown user costs what a wrong
//! password costs, and failures are counted by address and by name, whether the name exists or not.

use std::{
    hash::{BuildHasher, RandomState},
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::{
    device::{
        PasswordSource, UserSettings,
        policy::rate::{Failures, Patience},
        registry::Device,
    },
    model::Secret,
};

/// Ten tries to get a password right at the device's panel, then one in 30 s.
const ADDRESS_PATIENCE: Patience =
    Patience { burst: NonZeroU32::new(10).unwrap(), forget_one_in: Duration::from_secs(30) };
/// Several devices may share a user, and all have the wrong password after it was changed.
const USER_PATIENCE: Patience =
    Patience { burst: NonZeroU32::new(30).unwrap(), forget_one_in: Duration::from_secs(10) };

/// All users, and who failed to be one.
pub(in crate::device) struct Users {
    users: Vec<User>,
    /// Stands in for the users that do not exist.
    decoy: PasswordSource,
    failures: Failures<Culprit>,
    failures_of_names: Failures<u64>,
    hasher: RandomState,
}

/// Who failed, as seen from the network. Names are kept as hashes: they are as long and as many as
/// a stranger likes.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Culprit {
    Address(IpAddr),
    NameAtAddress(IpAddr, u64),
}

struct User {
    settings: UserSettings,
    device: Arc<Device>,
    /// From where it last logged in. There, the failures of others do not lock it out: not those of
    /// another program on the same server, nor those of whoever tries its name from elsewhere.
    last_good: Mutex<Option<IpAddr>>,
}

/// A login that is right.
#[derive(Clone)]
pub(in crate::device) struct LoggedIn {
    pub(in crate::device) user: Arc<str>,
    pub(in crate::device) device: Arc<Device>,
}

/// A login that is not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::device) enum LoginRefusal {
    /// No such user, or not its password.
    Wrong,
    /// Too many failures from there, or for that user.
    TooMany,
}

impl Users {
    pub(in crate::device) fn new(users: Vec<UserSettings>, devices: &[Arc<Device>]) -> Self {
        let hash = |user: &UserSettings| match &user.password {
            PasswordSource::Argon2(_) => Some(user.password.clone()),
            PasswordSource::Clear { .. } => None,
        };
        let decoy = users.iter().find_map(hash);
        let decoy = decoy.unwrap_or(PasswordSource::Clear {
            file: "decoy".into(),
            secret: Secret::new(String::new()),
        });
        let known = |settings: UserSettings| {
            let device = devices.iter().find(|device| device.settings.name == settings.device)?;
            Some(User { device: Arc::clone(device), settings, last_good: Mutex::new(None) })
        };
        Self {
            users: users.into_iter().filter_map(known).collect(),
            decoy,
            failures: Failures::new(ADDRESS_PATIENCE),
            failures_of_names: Failures::new(USER_PATIENCE),
            hasher: RandomState::new(),
        }
    }

    pub(in crate::device) fn exist(&self) -> bool {
        !self.users.is_empty()
    }

    /// The user that this name means, by the name in the config. Not for clients: they must not
    /// learn who exists.
    pub(in crate::device) fn known(&self, name: &str) -> Option<&str> {
        self.find(name).map(|user| user.settings.name.as_str())
    }

    /// Whether a user of this name has a password that `matches`.
    pub(in crate::device) fn verify(
        &self,
        peer: IpAddr,
        name: &str,
        matches: impl Fn(&PasswordSource) -> bool,
    ) -> Result<LoggedIn, LoginRefusal> {
        let network = network(peer);
        let name_hash = self.hasher.hash_one(bare(name).to_lowercase());
        let (address, pair) =
            (Culprit::Address(network), Culprit::NameAtAddress(network, name_hash));
        let user = self.find(name);
        let at_home = user.is_some_and(|user| {
            *user.last_good.lock().unwrap_or_else(PoisonError::into_inner) == Some(peer)
        });
        let locked_by_others =
            self.failures.is_locked(&address) || self.failures_of_names.is_locked(&name_hash);
        if self.failures.is_locked(&pair) || (locked_by_others && !at_home) {
            return Err(LoginRefusal::TooMany);
        }
        if let Some(user) = user.filter(|user| matches(&user.settings.password)) {
            *user.last_good.lock().unwrap_or_else(PoisonError::into_inner) = Some(peer);
            return Ok(LoggedIn {
                user: user.settings.name.as_str().into(),
                device: Arc::clone(&user.device),
            });
        }
        if !user.is_some_and(|user| matches!(user.settings.password, PasswordSource::Argon2(_))) {
            // The result does not count: a user without a hash, or no user, must not be known by a
            // quicker answer.
            let _irrelevant = matches(&self.decoy);
        }
        self.failures.record(&address);
        self.failures.record(&pair);
        self.failures_of_names.record(&name_hash);
        Err(LoginRefusal::Wrong)
    }

    /// The name as it came, else what remains without `@host` or `DOMAIN\`, which devices add on
    /// their own.
    fn find(&self, name: &str) -> Option<&User> {
        let named = |name: &str| {
            self.users.iter().find(|user| user.settings.name.eq_ignore_ascii_case(name))
        };
        named(name).or_else(|| named(bare(name)))
    }
}

fn bare(name: &str) -> &str {
    let name = name.rsplit_once('\\').map_or(name, |(_, user)| user);
    name.split_once('@').map_or(name, |(user, _)| user)
}

/// One IPv6 client has a whole /64 to come from (RFC 8981).
fn network(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn realm_and_domain_are_taken_off_a_name() {
        for (given, expected) in [
            ("mfp1", "mfp1"),
            ("mfp1@contoso.com", "mfp1"),
            ("CONTOSO\\mfp1", "mfp1"),
            ("CONTOSO\\mfp1@hq", "mfp1"),
            ("", ""),
        ] {
            assert_eq!(bare(given), expected, "{given}");
        }
    }

    #[test]
    fn an_ipv6_client_is_counted_by_its_network() {
        let of = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("192.168.1.9"), "192.168.1.9");
    }
}
