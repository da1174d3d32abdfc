//! The devices and unknown clients that were seen, for the commands.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::device::{DeviceSighting, Devices, Sighting};

/// The devices and unknown clients that were seen.
#[derive(Clone, PartialEq, Default, Debug, Serialize, Deserialize)]
pub struct Sightings {
    /// The devices in the configuration.
    pub devices: Vec<DeviceSighting>,
    /// The clients that match no device, the latest first.
    pub strangers: Vec<Sighting>,
}

impl Sightings {
    pub(super) fn of(devices: &Devices) -> Self {
        Self { devices: devices.sightings(), strangers: devices.strangers() }
    }

    /// The same without dialogues.
    pub(super) fn summary(self) -> Self {
        let summary = |clients: Vec<Sighting>| clients.into_iter().map(Sighting::summary).collect();
        let devices = self
            .devices
            .into_iter()
            .map(|device| DeviceSighting { clients: summary(device.clients), ..device });
        Self { devices: devices.collect(), strangers: summary(self.strangers) }
    }

    /// Only the sightings of one address.
    pub(super) fn only(self, address: IpAddr) -> Self {
        let its = |clients: Vec<Sighting>| {
            clients.into_iter().filter(|client| client.peer == address).collect::<Vec<_>>()
        };
        let devices = self
            .devices
            .into_iter()
            .map(|device| DeviceSighting { clients: its(device.clients), ..device });
        Self {
            devices: devices.filter(|device| !device.clients.is_empty()).collect(),
            strangers: its(self.strangers),
        }
    }
}
