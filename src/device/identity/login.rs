//! Whether a login is right, without revealing who exists: an unknown user costs what a wrong
//! password costs, and failures are counted by address and by name, whether the name exists or not.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::device::{
    PasswordSource,
    identity::{
        directory::{Directory, LoggedIn, User, bare_user_name},
        failures::{Failures, Tolerance},
    },
    policy::refusal::LoginRefusal,
};

/// Ten attempts to type a password at the device's panel, then one in 30 s.
const ADDRESS_TOLERANCE: Tolerance =
    Tolerance { burst: NonZeroU32::new(10).unwrap(), forget_one_in: Duration::from_secs(30) };
/// Several devices may share a user, and all of them have the wrong password after a change.
const USER_TOLERANCE: Tolerance =
    Tolerance { burst: NonZeroU32::new(30).unwrap(), forget_one_in: Duration::from_secs(10) };

/// Verifies logins, and locks out addresses and names that fail too often.
pub(in crate::device) struct LoginGuard {
    failures: Failures<Culprit>,
    failures_of_names: Failures<u64>,
    hasher: RandomState,
    /// The address that each user last logged in from, by the name in the configuration, which
    /// bounds it. At that address, the failures of others do not lock the user out: neither those
    /// of another program on the same server, nor those of an attacker who tries its name from
    /// elsewhere.
    homes: Mutex<HashMap<String, IpAddr>>,
}

/// The client of a failed login, by address or by name. Names are kept as hashes, because a
/// stranger chooses their length and number.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Culprit {
    Address(IpAddr),
    NameAtAddress(IpAddr, u64),
}

impl LoginGuard {
    pub(in crate::device) fn new() -> Self {
        Self {
            failures: Failures::new(ADDRESS_TOLERANCE),
            failures_of_names: Failures::new(USER_TOLERANCE),
            hasher: RandomState::new(),
            homes: Mutex::default(),
        }
    }

    /// Whether a user of this name has a password that `matches`.
    pub(in crate::device) fn verify(
        &self,
        directory: &Directory,
        peer: IpAddr,
        name: &str,
        matches: impl Fn(&PasswordSource) -> bool,
    ) -> Result<LoggedIn, LoginRefusal> {
        let network = network(peer);
        let name_hash = self.hasher.hash_one(bare_user_name(name).to_lowercase());
        let (address, pair) =
            (Culprit::Address(network), Culprit::NameAtAddress(network, name_hash));
        let user = directory.user(name);
        let at_home = user.is_some_and(|user| self.is_at_home(user, peer));
        let locked_by_others =
            self.failures.is_locked(&address) || self.failures_of_names.is_locked(&name_hash);
        if self.failures.is_locked(&pair) || (locked_by_others && !at_home) {
            return Err(LoginRefusal::TooMany);
        }
        if let Some(user) = user.filter(|user| matches(&user.settings.password)) {
            self.remember_home(&user.settings.name, peer);
            return Ok(user.log_in());
        }
        if !user.is_some_and(|user| matches!(user.settings.password, PasswordSource::Argon2(_))) {
            // The result does not count. Without this, a quicker answer would reveal that there is
            // no such user, or that its password is not hashed.
            let _irrelevant = matches(directory.decoy());
        }
        self.failures.record(&address);
        self.failures.record(&pair);
        self.failures_of_names.record(&name_hash);
        Err(LoginRefusal::Wrong)
    }

    /// Notes the address that a user has logged in from.
    pub(in crate::device) fn remember_home(&self, user: &str, peer: IpAddr) {
        self.homes.lock().unwrap_or_else(PoisonError::into_inner).insert(user.to_owned(), peer);
    }

    fn is_at_home(&self, user: &User, peer: IpAddr) -> bool {
        let homes = self.homes.lock().unwrap_or_else(PoisonError::into_inner);
        homes.get(&user.settings.name) == Some(&peer)
    }
}

/// One IPv6 client has a whole /64 to choose its addresses from (RFC 8981).
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
    fn an_ipv6_client_is_counted_by_its_network() {
        let of = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("192.168.1.9"), "192.168.1.9");
    }
}
