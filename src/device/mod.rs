//! Who a client is, what it may do, and what was seen of it.
//!
//! - `settings`: the settings of devices and users; `certificate_pattern`: those of `certificates`
//! - `policy`: what a client may do, decided from the settings
//! - `identity`: who a client is, by its network, its certificate or its login
//! - `observe`: what was seen of each client; [`advice`]: what to change when it was refused
//! - `client`: [`Client`], one connection's client, which joins the three
//! - `devices`: [`Devices`], all of them, by the latest settings
//! - `stopwatch`: elapsed time for limits

mod certificate_pattern;
mod client;
mod devices;
mod identity;
mod observe;
mod policy;
mod settings;
mod stopwatch;

pub use certificate_pattern::CertificatePattern;
pub use client::Client;
pub use devices::Devices;
pub use identity::certificate::{ClientCertificate, Worth};
pub use observe::{
    advice,
    observer::Parting,
    sighting::{
        CertificateSighting, Counts, DeviceSighting, HandshakeSighting, LoginOutcome,
        LoginSighting, MessageSighting, QuirkSighting, RefusalSighting, Sighting, TlsSighting,
    },
    sightings::SightingRecord,
};
pub use policy::{refusal::RefusalKind, tls::TlsRefusal};
pub use settings::{
    DeviceAuth, DeviceEncryption, DeviceSettings, DirectorySettings, PasswordSource, UserSettings,
};

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
