//! All sightings: of each client of each device, and of strangers. They are kept in memory, within
//! bounds.
//!
//! [`Sightings::unkept`] returns what has changed since it was last stored, as JSON under names.
//! The daemon writes it to disk and brings it back with [`Sightings::restore`]. A crash loses what
//! was not yet stored, and no message.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    device::{Counts, DeviceSighting, LoginOutcome, Sighting},
    model::{DeviceName, Timestamp},
};

/// The maximum number of clients remembered of one device, which may be a network of printers. The
/// client that was seen longest ago is forgotten first.
const CLIENTS_OF_A_DEVICE: usize = 64;
/// The maximum number of clients remembered of all devices together. With its dialogues, each takes
/// up to 32 KB, and usually 4 KB.
const CLIENTS_LIMIT: usize = 512;
/// The maximum number of strangers remembered: as many as a person would read.
const STRANGERS_LIMIT: usize = 64;

/// All sightings.
#[derive(Default)]
pub(in crate::device) struct Sightings(Mutex<Book>);

#[derive(Default)]
struct Book {
    /// Bounded by the config.
    devices: HashMap<DeviceName, Noted<DeviceSighting>>,
    clients: HashMap<Whose, Noted<Sighting>>,
    /// The names of records to delete. Bounded by the number of stored records.
    forgotten: Vec<String>,
}

/// One client: an address, and the device that it is. A stranger has none.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Whose {
    device: Option<DeviceName>,
    peer: IpAddr,
}

/// A note, and whether it is stored on disk.
struct Noted<T> {
    note: T,
    unkept: bool,
    kept_once: bool,
}

/// A record to store or, without a value, to delete.
#[derive(Clone, PartialEq, Debug)]
pub struct SightingRecord {
    /// The name of the record.
    pub name: String,
    /// The content to store.
    pub value: Option<Value>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Record {
    Device(DeviceSighting),
    Client { device: Option<DeviceName>, sighting: Box<Sighting> },
}

impl Sightings {
    /// Changes what is known of a client, and records that it was seen. What is counted for the
    /// client is also counted for its device.
    pub(in crate::device) fn note(
        &self,
        device: Option<&DeviceName>,
        peer: IpAddr,
        now: Timestamp,
        change: impl FnOnce(&mut Sighting),
    ) {
        let mut book = self.book();
        let whose = Whose { device: device.cloned(), peer };
        let client = book.client(&whose, now);
        let before = client.note.counts;
        client.note.last_seen = now;
        client.unkept = true;
        change(&mut client.note);
        let more = client.note.counts.since(before);
        if let Some(device) = device {
            let totals = book
                .devices
                .entry(device.clone())
                .or_insert_with(|| Noted::new(DeviceSighting::new(device.clone(), now)));
            totals.note.last_seen = now;
            totals.note.counts.add(more);
            totals.unkept = true;
        }
    }

    /// Forgets a stranger that has turned out to be a device.
    pub(in crate::device) fn forget_stranger(&self, peer: IpAddr) {
        self.book().forget(&Whose { device: None, peer });
    }

    /// The logins that were right, the latest last: when, as which user, and from where.
    pub(in crate::device) fn good_logins(&self) -> Vec<(Timestamp, String, IpAddr)> {
        let book = self.book();
        let mut logins = Vec::new();
        for Noted { note, .. } in book.clients.values() {
            let of_users = note.good_logins.iter().map(|(user, at)| (*at, user.clone()));
            // Records of earlier versions have the last login only.
            let last = note.login.as_ref().filter(|login| login.outcome == LoginOutcome::Right);
            let last = last.and_then(|login| Some((login.at, login.user.clone()?)));
            logins.extend(of_users.chain(last).map(|(at, user)| (at, user, note.peer)));
        }
        logins.sort();
        logins
    }

    /// Every device that was seen, sorted by name, with its clients.
    pub(in crate::device) fn devices(&self) -> Vec<DeviceSighting> {
        let book = self.book();
        let mut all: Vec<DeviceSighting> =
            book.devices.values().map(|totals| book.with_clients(&totals.note)).collect();
        all.sort_by(|a, b| a.device.cmp(&b.device));
        all
    }

    /// The strangers, the one seen last first.
    pub(in crate::device) fn strangers(&self) -> Vec<Sighting> {
        self.book().clients_of(None)
    }

    /// The records to store or delete since the last call.
    pub(in crate::device) fn unkept(&self) -> Vec<SightingRecord> {
        let mut book = self.book();
        let mut records: Vec<SightingRecord> =
            book.forgotten.drain(..).map(|name| SightingRecord { name, value: None }).collect();
        for (device, totals) in book.devices.iter_mut().filter(|(_, totals)| totals.unkept) {
            totals.keep();
            records.push(SightingRecord::of(
                name_of_device(device),
                &Record::Device(totals.note.clone()),
            ));
        }
        for (whose, client) in book.clients.iter_mut().filter(|(_, client)| client.unkept) {
            client.keep();
            let record = Record::Client {
                device: whose.device.clone(),
                sighting: Box::new(client.note.clone()),
            };
            records.push(SightingRecord::of(whose.name(), &record));
        }
        records
    }

    /// Marks everything as not stored, after a write has failed.
    pub(in crate::device) fn keep_again(&self) {
        let mut book = self.book();
        book.devices.values_mut().for_each(|totals| totals.unkept = true);
        book.clients.values_mut().for_each(|client| client.unkept = true);
    }

    /// Restores a stored record. An outdated record is deleted instead.
    pub(in crate::device) fn restore(
        &self,
        name: String,
        value: Value,
        is_current: impl Fn(Option<&DeviceName>, IpAddr) -> bool,
    ) -> Restored {
        let mut book = self.book();
        let Ok(record) = serde_json::from_value::<Record>(value) else {
            book.forgotten.push(name);
            return Restored::Unreadable;
        };
        match record {
            Record::Device(totals) if is_device(&totals, &is_current) => {
                book.devices.insert(totals.device.clone(), Noted::restored(totals));
            }
            Record::Client { device, sighting } if is_current(device.as_ref(), sighting.peer) => {
                let whose = Whose { device, peer: sighting.peer };
                book.make_room(&whose);
                book.clients.insert(whose, Noted::restored(*sighting));
            }
            Record::Device(_) | Record::Client { .. } => book.forgotten.push(name),
        }
        Restored::Readable
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a stored record could be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::device) enum Restored {
    Readable,
    Unreadable,
}

/// Whether a device still exists. Its totals belong to no address, so any address serves to ask.
fn is_device(
    totals: &DeviceSighting,
    is_current: impl Fn(Option<&DeviceName>, IpAddr) -> bool,
) -> bool {
    is_current(Some(&totals.device), IpAddr::from([0, 0, 0, 0]))
}

impl Book {
    fn client(&mut self, whose: &Whose, now: Timestamp) -> &mut Noted<Sighting> {
        if !self.clients.contains_key(whose) {
            self.make_room(whose);
        }
        self.clients
            .entry(whose.clone())
            .or_insert_with(|| Noted::new(Sighting::new(whose.peer, now)))
    }

    /// Forgets the client that was seen longest ago where a newcomer would exceed a bound.
    fn make_room(&mut self, newcomer: &Whose) {
        let peers = self.clients.keys().filter(|whose| whose.device == newcomer.device).count();
        let known = self.clients.keys().filter(|whose| whose.device.is_some()).count();
        let limit = if newcomer.device.is_some() { CLIENTS_OF_A_DEVICE } else { STRANGERS_LIMIT };
        let is_rival = |whose: &Whose| {
            let too_many_of_all =
                newcomer.device.is_some() && whose.device.is_some() && known >= CLIENTS_LIMIT;
            (whose.device == newcomer.device && peers >= limit) || too_many_of_all
        };
        let rivals = self.clients.iter().filter(|(whose, _)| is_rival(whose));
        // An administrator looks for strangers that were refused. Those that only connected are
        // forgotten first.
        let asked = |whose: &Whose, seen: &Sighting| {
            whose.device.is_none()
                && (seen.last_refusal.is_some() || seen.failed_handshake.is_some())
        };
        let worth = |(whose, client): &(&Whose, &Noted<Sighting>)| {
            (asked(whose, &client.note), client.note.last_seen)
        };
        if let Some(oldest) = rivals.min_by_key(worth).map(|(whose, _)| whose.clone()) {
            self.forget(&oldest);
        }
    }

    fn forget(&mut self, whose: &Whose) {
        if let Some(client) = self.clients.remove(whose)
            && client.kept_once
        {
            self.forgotten.push(whose.name());
        }
    }

    fn clients_of(&self, device: Option<&DeviceName>) -> Vec<Sighting> {
        let own = self.clients.iter().filter(|(whose, _)| whose.device.as_ref() == device);
        let mut clients: Vec<Sighting> = own.map(|(_, client)| client.note.clone()).collect();
        clients.sort_by(|a, b| b.last_seen.cmp(&a.last_seen).then(a.peer.cmp(&b.peer)));
        clients
    }

    fn with_clients(&self, totals: &DeviceSighting) -> DeviceSighting {
        DeviceSighting { clients: self.clients_of(Some(&totals.device)), ..totals.clone() }
    }
}

impl Whose {
    fn name(&self) -> String {
        match &self.device {
            Some(device) => format!("client/{}/{device}", self.peer),
            None => format!("stranger/{}", self.peer),
        }
    }
}

fn name_of_device(device: &DeviceName) -> String {
    format!("device/{device}")
}

impl<T> Noted<T> {
    const fn new(note: T) -> Self {
        Self { note, unkept: true, kept_once: false }
    }

    const fn restored(note: T) -> Self {
        Self { note, unkept: false, kept_once: true }
    }

    const fn keep(&mut self) {
        self.unkept = false;
        self.kept_once = true;
    }
}

impl SightingRecord {
    fn of(name: String, record: &Record) -> Self {
        // Plain data with strings for keys cannot fail to serialize.
        Self { name, value: serde_json::to_value(record).ok() }
    }
}

impl DeviceSighting {
    fn new(device: DeviceName, now: Timestamp) -> Self {
        Self {
            device,
            first_seen: now,
            last_seen: now,
            counts: Counts::default(),
            clients: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
