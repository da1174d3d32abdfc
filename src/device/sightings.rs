//! What was last seen of each device, and of clients that are none, for the administrator. In memory.

use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};

use crate::{
    model::{DeviceName, MessageId, Reply, Timestamp},
    smtp::Quirk,
};

/// What was last seen of one device.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Sighting {
    /// Which.
    pub device: DeviceName,
    /// From where it last connected or logged in.
    pub peer: IpAddr,
    /// When.
    pub last_seen: Timestamp,
    /// Messages accepted from it since the start.
    pub messages: u64,
    /// The last of them.
    pub last_message: Option<(Timestamp, MessageId)>,
    /// The last thing that it was refused, in our words.
    pub last_refusal: Option<(Timestamp, Reply)>,
    /// What it does against the standards.
    pub quirks: BTreeSet<Quirk>,
}

/// A client that is no device, so that the administrator can make it one.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct StrangerSighting {
    /// From where.
    pub peer: IpAddr,
    /// When it last connected.
    pub last_seen: Timestamp,
    /// What it was refused.
    pub last_refusal: Option<Reply>,
}

/// Strangers remembered; the one seen longest ago makes room. As many as a person would read.
const STRANGERS_LIMIT: usize = 64;

/// All sightings. The devices are bounded by the config.
#[derive(Default)]
pub(super) struct Sightings {
    devices: Mutex<HashMap<DeviceName, Sighting>>,
    strangers: Mutex<Vec<StrangerSighting>>,
}

impl Sightings {
    /// Changes what is known of a device, which is thereby seen.
    pub(super) fn of_device(&self, device: &DeviceName, peer: IpAddr, now: Timestamp, change: impl FnOnce(&mut Sighting)) {
        let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        // Looked up twice, so that the name is copied only the first time.
        if !devices.contains_key(device) {
            devices.insert(
                device.clone(),
                Sighting {
                    device: device.clone(),
                    peer,
                    last_seen: now,
                    messages: 0,
                    last_message: None,
                    last_refusal: None,
                    quirks: BTreeSet::new(),
                },
            );
        }
        if let Some(sighting) = devices.get_mut(device) {
            sighting.peer = peer;
            sighting.last_seen = now;
            change(sighting);
        }
    }

    /// Changes what is known of a stranger.
    pub(super) fn of_stranger(&self, peer: IpAddr, now: Timestamp, change: impl FnOnce(&mut StrangerSighting)) {
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sighting = match strangers.iter().position(|s| s.peer == peer) {
            Some(place) => strangers.remove(place),
            None => StrangerSighting { peer, last_seen: now, last_refusal: None },
        };
        sighting.last_seen = now;
        change(&mut sighting);
        if strangers.len() >= STRANGERS_LIMIT {
            strangers.remove(0);
        }
        strangers.push(sighting);
    }

    /// Every device that was seen, by name.
    pub(super) fn devices(&self) -> Vec<Sighting> {
        let devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<Sighting> = devices.values().cloned().collect();
        all.sort_by(|a, b| a.device.cmp(&b.device));
        all
    }

    /// The strangers remembered, last seen first.
    pub(super) fn strangers(&self) -> Vec<StrangerSighting> {
        let strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        strangers.iter().rev().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn only_the_latest_strangers_are_remembered_and_the_last_comes_first() {
        let sightings = Sightings::default();
        for n in 0..100_u32 {
            sightings.of_stranger(Ipv4Addr::from(n).into(), Timestamp::from_millis(n.into()), |_| {});
        }
        sightings.of_stranger(Ipv4Addr::from(50).into(), Timestamp::from_millis(1000), |_| {});
        let strangers = sightings.strangers();
        assert_eq!(strangers.len(), STRANGERS_LIMIT);
        assert_eq!(strangers[0].peer, IpAddr::from(Ipv4Addr::from(50)));
        assert_eq!(strangers[1].peer, IpAddr::from(Ipv4Addr::from(99)));
    }

    #[test]
    fn what_is_seen_of_a_device_adds_up() {
        let sightings = Sightings::default();
        let name = DeviceName::from("printers");
        let peer = IpAddr::from(Ipv4Addr::LOCALHOST);
        sightings.of_device(&name, peer, Timestamp::ZERO, |s| s.messages += 1);
        sightings.of_device(&name, peer, Timestamp::from_millis(7), |s| s.messages += 1);
        let seen = sightings.devices();
        assert_eq!(seen.len(), 1);
        assert_eq!((seen[0].messages, seen[0].last_seen), (2, Timestamp::from_millis(7)));
    }
}
