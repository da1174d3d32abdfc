//! A device and a user for tests to vary.

use std::sync::Arc;

use tokio::sync::watch;

use crate::{
    clock::Clock,
    device::{
        DeviceAuth, DeviceEncryption, DeviceSettings, Devices, DirectorySettings, PasswordSource,
        UserSettings,
    },
    metrics::Metrics,
    model::{ByteSize, Secret, Timestamp, TlsVersion},
    smtp::{EndOfData, Mechanism},
};

pub(crate) fn device(name: &str, networks: &[&str]) -> DeviceSettings {
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
    let password =
        PasswordSource::Clear { file: "user.pass".into(), secret: Secret::new(password.into()) };
    UserSettings { name: name.into(), password, device: device.into() }
}

pub(super) fn devices(devices: Vec<DeviceSettings>, users: Vec<UserSettings>) -> Devices {
    let settings = DirectorySettings { devices, users, hostname: "postroom.contoso.lan".into() };
    let (_never_changed, settings) = watch::channel(Arc::new(settings));
    Devices::new(settings, Clock::fixed(Timestamp::ZERO), Metrics::new())
}
