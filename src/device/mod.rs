//! Who a client is, what it may do, how often, and what has been seen of it.
//!
//! A client is known by its network (longest prefix wins) or by the user it logs in as. Decisions are pure; the only
//! state is how often a device has sent (governor) and how often logins have failed.

mod settings;

pub use settings::{DeviceAuth, DeviceSettings, FromIdentity, PasswordSource, Pattern, UserSettings};

use std::{net::IpAddr, sync::Arc};

use crate::{
    clock::Clock,
    metrics::Metrics,
    model::{Address, ByteSize, Reply, ReversePath, TlsVersion},
    smtp::{Login, SessionSettings},
};

/// All devices and users of the config. Cheap to clone.
#[derive(Clone)]
pub struct Devices {}

impl Devices {
    /// From the checked config.
    #[must_use]
    pub fn new(_devices: Vec<DeviceSettings>, _users: Vec<UserSettings>, _hostname: String, _clock: Clock, _metrics: Metrics) -> Self {
        todo!()
    }

    /// The device of a network address. Unknown clients get a stranger: it may talk, log in where users exist, and nothing else.
    #[must_use]
    pub fn identify(&self, _peer: IpAddr) -> Client {
        todo!()
    }
}

/// One connection's standing: which device it is, and what it may do. Changes when it logs in.
#[derive(Clone)]
pub struct Client {}

impl Client {
    /// The device's name; none for a stranger.
    #[must_use]
    pub fn device(&self) -> Option<&DeviceSettings> {
        todo!()
    }

    /// What its session offers. `starttls` is the listener's word, `tls` what is on now.
    #[must_use]
    pub fn session_settings(&self, _starttls: crate::smtp::StartTls, _tls: Option<TlsVersion>) -> Arc<SessionSettings> {
        todo!()
    }

    /// Verifies a login; the client that results, or the reply to give. May take long (argon2): call it off the async threads.
    ///
    /// # Errors
    /// 535 5.7.8 for a wrong one, 454 4.7.0 after too many.
    pub fn log_in(&self, _login: &Login) -> Result<(Client, String), Reply> {
        todo!()
    }

    /// May it send from this address now? Counts against `messages_per_minute`.
    ///
    /// # Errors
    /// 550 5.7.1 for a stranger or a sender that is not allowed (naming the setting), 530 5.7.0 when it must log in
    /// first, 450 4.7.1 when too fast, 552 5.3.4 when the declared size is too large.
    pub fn permit_sender(&self, _sender: &ReversePath, _size: Option<ByteSize>) -> Result<(), Reply> {
        todo!()
    }

    /// May it write to this address?
    ///
    /// # Errors
    /// 550 5.7.1, naming the setting.
    pub fn permit_recipient(&self, _recipient: &Address) -> Result<(), Reply> {
        todo!()
    }
}
