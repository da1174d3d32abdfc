//! What one connection's client is taken for.

use std::{net::IpAddr, sync::Arc};

use crate::{
    device::{
        identity::directory::LoggedIn,
        policy::device::{Authentication, Device},
    },
    model::DeviceName,
};

/// What one connection's client is taken for: its address, and what is known beyond that.
#[derive(Clone)]
pub(in crate::device) struct Identity {
    /// The client's address. An IPv4 address is never in its IPv6-mapped form.
    pub(in crate::device) peer: IpAddr,
    /// The device that the client is. A stranger has none.
    pub(in crate::device) device: Option<Arc<Device>>,
    /// The user that the client has logged in as, by its name in the configuration.
    pub(in crate::device) user: Option<Arc<str>>,
    /// The entry of `certificates` that the client's certificate matches.
    pub(in crate::device) certificate: Option<Arc<str>>,
}

impl Identity {
    /// A client known by its address alone.
    pub(in crate::device) const fn of_address(peer: IpAddr, device: Option<Arc<Device>>) -> Self {
        Self { peer, device, user: None, certificate: None }
    }

    /// The same client after it has shown the certificate of a device.
    pub(in crate::device) fn certified(
        mut self,
        device: Arc<Device>,
        certificate: Arc<str>,
    ) -> Self {
        self.device = Some(device);
        self.certificate = Some(certificate);
        self
    }

    /// The same client after it has logged in.
    pub(in crate::device) fn logged_in(mut self, login: LoggedIn) -> Self {
        self.device = Some(login.device);
        self.user = Some(login.user);
        self
    }

    /// Whether the client has logged in or shown a known certificate.
    pub(in crate::device) const fn authentication(&self) -> Authentication {
        if self.user.is_some() || self.certificate.is_some() {
            Authentication::Given
        } else {
            Authentication::Missing
        }
    }

    /// The name of the device that the client is.
    pub(in crate::device) fn device_name(&self) -> Option<&DeviceName> {
        self.device.as_ref().map(|device| &device.settings.name)
    }
}
