//! Learning mode: for a bounded time, unknown devices of one network may send.

use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{
    device::{DeviceSighting, Sighting},
    model::{DeviceName, Timestamp, TlsVersion},
};

/// The device that unknown devices count as.
pub const LEARNING_DEVICE: &str = "learning";
/// The longest time that learning mode lasts.
pub const LONGEST_LEARNING: Duration = Duration::from_secs(24 * 3600);

/// A request to begin learning mode: `POST /api/v1/learning`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LearnRequest {
    /// The network whose unknown devices may send.
    pub network: IpNet,
    /// How long, in seconds.
    pub seconds: u64,
    /// The oldest version of TLS that they may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_tls: Option<TlsVersion>,
}

/// Learning mode as it is: `GET /api/v1/learning`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Learning {
    /// The network whose unknown devices may send.
    pub network: IpNet,
    /// When it ends by itself.
    pub until: Timestamp,
    /// The recipients that they may send to.
    pub recipients: Vec<String>,
    /// Who began it.
    pub by: String,
}

/// What learning mode has seen: `GET /api/v1/learning`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Learned {
    /// Learning mode, while it lasts.
    pub learning: Option<Learning>,
    /// The devices that it has admitted, with what each does.
    pub clients: Vec<Sighting>,
}

impl Learned {
    pub(super) fn of(learning: Option<Learning>, sightings: Vec<DeviceSighting>) -> Self {
        let ours = |sighting: &DeviceSighting| sighting.device == DeviceName::from(LEARNING_DEVICE);
        let clients = sightings.into_iter().find(ours).map(|sighting| sighting.clients);
        let clients = clients.unwrap_or_default().into_iter().map(Sighting::summary).collect();
        Self { learning, clients }
    }
}
