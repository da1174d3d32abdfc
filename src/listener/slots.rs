//! Places for connections: so many in all, so many from one client, and only a small share for
//! strangers.

use std::{
    collections::HashMap,
    hash::Hash,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    device::Client,
    listener::{ReceivingLimits, error_replies},
    metrics::Metrics,
    model::{DeviceName, Reply},
};

/// Of all places, strangers together hold at most one in this many, so that devices always find
/// one.
const STRANGERS_SHARE: usize = 8;

/// All places. Cheap to clone.
#[derive(Clone)]
pub(super) struct Slots(Arc<Shared>);

struct Shared {
    table: Mutex<Table>,
    metrics: Metrics,
}

/// Bounded by the number of connections: an entry lives as long as one of them.
#[derive(Default)]
struct Table {
    total: usize,
    strangers: usize,
    peers: HashMap<IpAddr, usize>,
    devices: HashMap<DeviceName, usize>,
}

/// One place, held until dropped.
pub(super) struct Slot {
    shared: Arc<Shared>,
    limits: ReceivingLimits,
    peer: IpAddr,
    holder: Option<DeviceName>,
}

impl Slots {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self(Arc::new(Shared { table: Mutex::default(), metrics }))
    }

    /// Takes a place for a client that has just connected.
    ///
    /// # Errors
    /// 421, when there is none for it.
    pub(super) fn take(&self, client: &Client, limits: ReceivingLimits) -> Result<Slot, Reply> {
        let mut table = self.0.table.lock().unwrap_or_else(PoisonError::into_inner);
        if table.total >= limits.connections {
            return Err(error_replies::TOO_BUSY);
        }
        let peer = client.peer();
        if table.peers.get(&peer).is_some_and(|held| *held >= limits.connections_per_client) {
            return Err(error_replies::TOO_MANY_FROM_YOU);
        }
        let holder = table.enter(client, &limits)?;
        table.total += 1;
        *table.peers.entry(peer).or_default() += 1;
        self.0.metrics.receiving().connections.inc();
        Ok(Slot { shared: Arc::clone(&self.0), limits, peer, holder })
    }
}

impl Table {
    fn enter(
        &mut self,
        client: &Client,
        limits: &ReceivingLimits,
    ) -> Result<Option<DeviceName>, Reply> {
        let Some(device) = client.device() else {
            if self.strangers >= (limits.connections / STRANGERS_SHARE).max(1) {
                return Err(error_replies::TOO_BUSY);
            }
            self.strangers += 1;
            return Ok(None);
        };
        let held = self.devices.entry(device.name.clone()).or_default();
        if *held >= device.connections {
            return Err(error_replies::TOO_MANY_OF_DEVICE);
        }
        *held += 1;
        Ok(Some(device.name.clone()))
    }

    fn leave(&mut self, holder: Option<&DeviceName>) {
        match holder {
            Some(device) => release(&mut self.devices, device),
            None => self.strangers -= 1,
        }
    }
}

fn release<K: Hash + Eq>(held: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = held.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            held.remove(key);
        }
    }
}

impl Slot {
    /// The client has logged in, or is again what its network says: its place now counts as that
    /// device's.
    ///
    /// # Errors
    /// 421, when that device has no place left; the old one is kept.
    pub(super) fn pass_to(&mut self, client: &Client) -> Result<(), Reply> {
        if self.holder.as_ref() == client.device().map(|device| &device.name) {
            return Ok(());
        }
        let mut table = self.shared.table.lock().unwrap_or_else(PoisonError::into_inner);
        let holder = table.enter(client, &self.limits)?;
        table.leave(self.holder.as_ref());
        self.holder = holder;
        Ok(())
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut table = self.shared.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.total -= 1;
        release(&mut table.peers, &self.peer);
        table.leave(self.holder.as_ref());
        self.shared.metrics.receiving().connections.dec();
    }
}
