//! Who a client is, what it may do, how often, and what has been seen of it.
//!
//! A client is known by its network (longest prefix wins), by the certificate it shows or by the
//! user it logs in as. Decisions are pure; the only state is how often a device has sent
//! (governor), how often logins have failed, and what was seen of each device.
//!
//! - `settings`: what the config says
//! - `registry`: [`Devices`], all of them, and how a client is recognised
//! - `client`: [`Client`], one connection's standing, and what is remembered of it
//! - `refusal`: every refusal with its text
//! - [`advice`]: what to change when it was refused
//! - `certificate`: devices known by the certificate that they show
//! - `encryption`: what its TLS means for what it may do
//! - `login`: whether a login is right, without telling who exists
//! - `password`: one password against one stored secret
//! - `rate`: governor on tokio's time; failed logins counted within bounds
//! - `window`: POP before SMTP
//! - `sighting`: [`Sighting`], what was seen of one client; `sightings`: of all of them, within
//!   bounds

mod client;
mod identity;
mod observe;
mod policy;
mod registry;
mod settings;

pub use client::{Client, Parting};
pub use identity::certificate::{CertificatePattern, ClientCertificate, Fingerprint, Worth};
pub use observe::sighting::{
    CertificateSighting, Counts, DeviceSighting, HandshakeSighting, LoginOutcome, LoginSighting,
    MessageSighting, QuirkSighting, RefusalSighting, Sighting, TlsSighting,
};
pub use observe::{advice, sightings::SightingRecord};
pub use policy::encryption::TlsRefusal;
pub use policy::refusal::RefusalKind;
pub use registry::Devices;
pub use settings::{DeviceAuth, DeviceEncryption, DeviceSettings, PasswordSource, UserSettings};

#[cfg(test)]
mod fixture {
    //! A device and a user to vary, for the tests of this module.

    use super::*;
    use crate::{
        clock::Clock,
        metrics::Metrics,
        model::{ByteSize, Secret, Timestamp, TlsVersion},
        smtp::{EndOfData, Mechanism},
    };

    pub(super) fn device(name: &str, networks: &[&str]) -> DeviceSettings {
        DeviceSettings {
            name: name.into(),
            networks: networks.iter().map(|network| network.parse().unwrap()).collect(),
            certificates: Vec::new(),
            auth: DeviceAuth::Optional,
            oldest_tls: TlsVersion::Tls12,
            encryption: DeviceEncryption::Optional,
            senders: vec!["*".parse().unwrap()],
            recipients: vec!["*".parse().unwrap()],
            messages_per_minute: None,
            max_message: ByteSize::from_mebibytes(35),
            max_recipients: 100,
            connections: 20,
            mechanisms: vec![Mechanism::CramMd5, Mechanism::Plain, Mechanism::Login],
            hide_extensions: Vec::new(),
            end_of_data: EndOfData::Strict,
            account: None,
            from: None,
        }
    }

    pub(super) fn user(name: &str, device: &str, password: &str) -> UserSettings {
        let password = PasswordSource::Clear {
            file: "user.pass".into(),
            secret: Secret::new(password.into()),
        };
        UserSettings { name: name.into(), password, device: device.into() }
    }

    pub(super) fn devices(devices: Vec<DeviceSettings>, users: Vec<UserSettings>) -> Devices {
        Devices::new(
            devices,
            users,
            "postroom.contoso.lan",
            Clock::fixed(Timestamp::ZERO),
            Metrics::new(),
        )
    }
}
