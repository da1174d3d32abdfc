//! The devices and users of the configuration, and how a client is recognised among them.

use std::{net::IpAddr, sync::Arc};

use crate::{
    device::{
        DirectorySettings, PasswordSource, UserSettings,
        certificate_pattern::CertificatePattern,
        identity::certificate::ClientCertificate,
        policy::{device::Device, offer::Offer},
    },
    model::{DeviceName, Secret, TlsVersion},
};

/// The devices and users of one configuration. Immutable: a reload makes a new one.
pub(in crate::device) struct Directory {
    devices: Vec<Arc<Device>>,
    users: Vec<User>,
    /// Stands in for users that do not exist.
    decoy: PasswordSource,
    stranger: Offer,
    oldest_tls_of_strangers: TlsVersion,
}

/// One user, with the device that it belongs to.
pub(in crate::device) struct User {
    pub(in crate::device) settings: UserSettings,
    device: Arc<Device>,
}

/// A login that was right.
#[derive(Clone)]
pub(in crate::device) struct LoggedIn {
    pub(in crate::device) user: Arc<str>,
    pub(in crate::device) device: Arc<Device>,
}

impl Directory {
    /// The directory of a checked configuration. A user without its device cannot log in; the
    /// configuration refuses such a user. `before` is the directory that this one replaces.
    pub(in crate::device) fn new(settings: &DirectorySettings, before: Option<&Self>) -> Self {
        let DirectorySettings { devices, users, hostname } = settings;
        let known = |name| before.and_then(|before| before.device(name));
        let built: Vec<Arc<Device>> = devices
            .iter()
            .map(|device| {
                let before = known(&device.name).map(Arc::as_ref);
                Arc::new(Device::new(device.clone(), users, hostname, before))
            })
            .collect();
        let with_device = |settings: &UserSettings| {
            let device = built.iter().find(|device| device.settings.name == settings.device)?;
            Some(User { device: Arc::clone(device), settings: settings.clone() })
        };
        Self {
            users: users.iter().filter_map(with_device).collect(),
            devices: built,
            decoy: decoy(users),
            stranger: Offer::to_strangers(devices, users, hostname),
            oldest_tls_of_strangers: oldest_tls_of_strangers(settings),
        }
    }

    /// What sessions with this device offer, or with a stranger.
    pub(in crate::device) fn offer<'a>(&'a self, device: Option<&'a Arc<Device>>) -> &'a Offer {
        device.map_or(&self.stranger, |device| &device.offer)
    }

    /// The oldest TLS that a stranger may use. It may be a device that is known by its user only,
    /// and that logs in after the handshake.
    pub(in crate::device) const fn oldest_tls_of_strangers(&self) -> TlsVersion {
        self.oldest_tls_of_strangers
    }

    /// Whether there are users at all.
    pub(in crate::device) const fn has_users(&self) -> bool {
        !self.users.is_empty()
    }

    /// The device of this name.
    pub(in crate::device) fn device(&self, name: &DeviceName) -> Option<&Arc<Device>> {
        self.devices.iter().find(|device| device.settings.name == *name)
    }

    /// The names of all devices, in the order of the configuration.
    pub(in crate::device) fn names(&self) -> impl Iterator<Item = &DeviceName> {
        self.devices.iter().map(|device| &device.settings.name)
    }

    /// The device of a network address: the longest prefix wins, and among equals the first in the
    /// file.
    pub(in crate::device) fn by_network(&self, peer: IpAddr) -> Option<&Arc<Device>> {
        let mut best: Option<(u8, &Arc<Device>)> = None;
        for device in &self.devices {
            let networks = device.settings.networks.iter();
            let prefix = networks.filter(|n| n.contains(&peer)).map(ipnet::IpNet::prefix_len).max();
            if let Some(prefix) = prefix
                && best.is_none_or(|(longest, _)| prefix > longest)
            {
                best = Some((prefix, device));
            }
        }
        best.map(|(_, device)| device)
    }

    /// The device that a certificate belongs to. A fingerprint is one certificate, a name may be
    /// many: a fingerprint wins over a name, and among equals the first in the file wins.
    pub(in crate::device) fn by_certificate(
        &self,
        shown: &ClientCertificate,
    ) -> Option<(&Arc<Device>, &CertificatePattern)> {
        let all = || {
            self.devices.iter().flat_map(|device| {
                device.settings.certificates.iter().map(move |pattern| (device, pattern))
            })
        };
        let narrow = |(_, pattern): &(&Arc<Device>, &CertificatePattern)| {
            matches!(pattern, CertificatePattern::Fingerprint(_))
        };
        let fits = |(_, pattern): &(&Arc<Device>, &CertificatePattern)| pattern.fits(shown);
        all().filter(narrow).find(fits).or_else(|| all().find(fits))
    }

    /// The user that a client means by this name: the name as it came, else what remains without
    /// `@host` or `DOMAIN\`, which devices add on their own.
    ///
    /// Clients must not learn the result: it would tell them who exists.
    pub(in crate::device) fn user(&self, name: &str) -> Option<&User> {
        let named = |name: &str| {
            self.users.iter().find(|user| user.settings.name.eq_ignore_ascii_case(name))
        };
        named(name).or_else(|| named(bare_user_name(name)))
    }

    /// The password that a login by an unknown name is compared with.
    pub(in crate::device) const fn decoy(&self) -> &PasswordSource {
        &self.decoy
    }
}

impl User {
    /// The login of this user, once it is known to be right.
    pub(in crate::device) fn log_in(&self) -> LoggedIn {
        LoggedIn { user: self.settings.name.as_str().into(), device: Arc::clone(&self.device) }
    }
}

/// A name without the `@host` or `DOMAIN\` that devices add on their own.
pub(in crate::device) fn bare_user_name(name: &str) -> &str {
    let name = name.rsplit_once('\\').map_or(name, |(_, user)| user);
    name.split_once('@').map_or(name, |(user, _)| user)
}

/// A login by an unknown name must cost as much as a wrong password does, so the decoy is a hash if
/// any user has one.
fn decoy(users: &[UserSettings]) -> PasswordSource {
    let hash = |user: &UserSettings| match &user.password {
        PasswordSource::Argon2(_) => Some(user.password.clone()),
        PasswordSource::Clear { .. } => None,
    };
    users.iter().find_map(hash).unwrap_or_else(|| PasswordSource::Clear {
        file: "decoy".into(),
        secret: Secret::new(String::new()),
    })
}

/// Only a device without networks can still be a stranger when it has logged in. One that has no
/// user is known by its certificate, and that needs TLS 1.2.
fn oldest_tls_of_strangers(settings: &DirectorySettings) -> TlsVersion {
    let DirectorySettings { devices, users, .. } = settings;
    let roaming = devices
        .iter()
        .filter(|device| device.networks.is_empty())
        .filter(|device| users.iter().any(|user| user.device == device.name));
    roaming.map(|device| device.oldest_tls).min().unwrap_or(TlsVersion::Tls12)
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
            assert_eq!(bare_user_name(given), expected, "{given}");
        }
    }
}
