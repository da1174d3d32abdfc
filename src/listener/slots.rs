//! The places for connections: a number in all, a number for each client and each device, and only
//! a small share for strangers.

use std::{
    cmp::Reverse,
    collections::HashMap,
    hash::Hash,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use crate::{
    device::Client,
    listener::{ReceivingLimits, error_replies},
    metrics::Metrics,
    model::{DeviceName, Reply},
};

/// Of all places, strangers together hold at most one in this many, so that devices always find
/// one.
const STRANGERS_SHARE: usize = 8;
/// Of a device's places, one address keeps at most one in this many when other addresses want in.
const ADDRESS_SHARE: usize = 4;
/// A client that sends a message gives up its place only when its text has made no progress for
/// this long.
const STALLED_AFTER: Duration = Duration::from_secs(60);

/// All places. Cheap to clone.
#[derive(Clone)]
pub(super) struct Slots(Arc<Shared>);

struct Shared {
    table: Mutex<Table>,
    metrics: Metrics,
}

/// The places that are taken, and by whom. Bounded by the number of connections.
#[derive(Default)]
struct Table {
    holders: HashMap<u64, Holder>,
    next: u64,
    strangers: usize,
    peers: HashMap<IpAddr, usize>,
    devices: HashMap<DeviceName, usize>,
}

struct Holder {
    peer: IpAddr,
    device: Option<DeviceName>,
    place: Arc<Place>,
}

/// What the holder of a place and the table tell each other.
struct Place {
    activity: Mutex<Activity>,
    wanted: Notify,
}

/// What the holder of a place is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Activity {
    /// The connection is at work for the client.
    Busy,
    /// The connection waits for a command since then.
    Idle(Instant),
    /// The connection receives a text that last made progress then.
    Receiving(Instant),
}

/// One place, held until dropped.
pub(super) struct Slot {
    shared: Arc<Shared>,
    limits: ReceivingLimits,
    id: u64,
    place: Arc<Place>,
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
        if table.holders.len() >= limits.connections {
            return Err(error_replies::TOO_BUSY);
        }
        let peer = client.peer();
        if table.peers.get(&peer).is_some_and(|held| *held >= limits.connections_per_client) {
            return Err(error_replies::TOO_MANY_FROM_YOU);
        }
        let device = table.enter(client, &limits)?;
        *table.peers.entry(peer).or_default() += 1;
        let place = Arc::new(Place { activity: Mutex::new(Activity::Busy), wanted: Notify::new() });
        let id = table.next;
        table.next = id.wrapping_add(1);
        table.holders.insert(id, Holder { peer, device, place: Arc::clone(&place) });
        self.0.metrics.receiving().connections.inc();
        Ok(Slot { shared: Arc::clone(&self.0), limits, id, place })
    }
}

impl Table {
    /// Counts a client among those of its device, or among the strangers.
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
        if self.devices.get(&device.name).is_some_and(|held| *held >= device.connections) {
            self.make_room(&device.name, client.peer(), device.connections)?;
        }
        *self.devices.entry(device.name.clone()).or_default() += 1;
        Ok(Some(device.name.clone()))
    }

    fn leave(&mut self, device: Option<&DeviceName>) {
        match device {
            Some(device) => release(&mut self.devices, device),
            None => self.strangers -= 1,
        }
    }

    /// Takes a place of this device from an address that holds more than its share: the place whose
    /// client has been idle for longest.
    fn make_room(
        &mut self,
        device: &DeviceName,
        newcomer: IpAddr,
        places: usize,
    ) -> Result<(), Reply> {
        let share = (places / ADDRESS_SHARE).max(1);
        let of_device =
            || self.holders.iter().filter(|(_, holder)| holder.device.as_ref() == Some(device));
        let mut held: HashMap<IpAddr, usize> = HashMap::new();
        for (_, holder) in of_device() {
            *held.entry(holder.peer).or_default() += 1;
        }
        let holds = |peer: IpAddr| held.get(&peer).copied().unwrap_or_default();
        if holds(newcomer) >= share {
            return Err(error_replies::TOO_MANY_OF_DEVICE);
        }
        let now = Instant::now();
        let spare = of_device()
            .filter(|(_, holder)| holds(holder.peer) > share)
            .filter_map(|(id, holder)| Some((holder.place.expendable(now)?, *id)))
            .max();
        let (_, id) = spare.ok_or(error_replies::TOO_MANY_OF_DEVICE)?;
        if let Some(holder) = self.remove(id) {
            holder.place.wanted.notify_one();
        }
        Ok(())
    }

    /// Frees a place. None when it was taken from its holder before.
    fn remove(&mut self, id: u64) -> Option<Holder> {
        let holder = self.holders.remove(&id)?;
        release(&mut self.peers, &holder.peer);
        self.leave(holder.device.as_ref());
        Some(holder)
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

impl Place {
    /// How expendable the connection is: an idle one more than one that receives a text, and the
    /// longer the more. None when the client must be left alone.
    fn expendable(&self, now: Instant) -> Option<(bool, Reverse<Instant>)> {
        match *self.activity.lock().unwrap_or_else(PoisonError::into_inner) {
            Activity::Busy => None,
            Activity::Idle(since) => Some((true, Reverse(since))),
            Activity::Receiving(progress) if progress + STALLED_AFTER <= now => {
                Some((false, Reverse(progress)))
            }
            Activity::Receiving(_) => None,
        }
    }
}

impl Slot {
    /// Counts the place as that of another device: the client has logged in, has shown a
    /// certificate, or is again what its network makes it.
    ///
    /// # Errors
    /// 421, when that device has no place left. The old place is kept.
    pub(super) fn pass_to(&mut self, client: &Client) -> Result<(), Reply> {
        let mut table = self.shared.table.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(holder) = table.holders.get(&self.id) else {
            return Err(error_replies::WANTED_BY_OTHERS);
        };
        let before = holder.device.clone();
        if before.as_ref() == client.device().map(|device| &device.name) {
            return Ok(());
        }
        let device = table.enter(client, &self.limits)?;
        table.leave(before.as_ref());
        if let Some(holder) = table.holders.get_mut(&self.id) {
            holder.device = device;
        }
        Ok(())
    }

    /// Tells the table what the connection is doing.
    pub(super) fn note(&self, activity: Activity) {
        *self.place.activity.lock().unwrap_or_else(PoisonError::into_inner) = activity;
    }

    /// Waits until the place is taken away for another client.
    pub(super) async fn wanted(&self) {
        self.place.wanted.notified().await;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut table = self.shared.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.remove(self.id);
        self.shared.metrics.receiving().connections.dec();
    }
}
