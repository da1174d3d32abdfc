//! A disk in memory that keeps for sure only what was synced. Sectors of 512 octets are written
//! whole or not at all, in any order.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use postroom_journal::{Disk, SegmentFile};

const SECTOR: usize = 512;

/// Cheap to clone: all clones are one disk.
#[derive(Clone, Default)]
pub(crate) struct MemoryDisk(Arc<Inner>);

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    files: BTreeMap<String, Content>,
    /// Writes and syncs that may still be done.
    deeds_left: Option<usize>,
    /// Which deed the disk refuses from then on.
    fault: Option<Fault>,
    syncs: usize,
    held: bool,
    writers: usize,
}

#[derive(Clone, Default)]
struct Content {
    /// As the kernel has it.
    now: Vec<u8>,
    /// As it survives for sure.
    durable: Vec<u8>,
    unsynced: BTreeSet<usize>,
}

/// What the disk refuses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    Write,
    Sync,
    Create,
}

/// A segment of such a disk.
pub(crate) struct MemoryFile {
    disk: MemoryDisk,
    name: String,
}

impl MemoryDisk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// After this number of further writes and syncs every one fails: the machine has stopped.
    pub(crate) fn stop_after(&self, deeds: usize) {
        self.state().deeds_left = Some(deeds);
    }

    pub(crate) fn refuse(&self, fault: Option<Fault>) {
        self.state().fault = fault;
    }

    pub(crate) fn syncs(&self) -> usize {
        self.state().syncs
    }

    /// Lets writers wait.
    pub(crate) fn hold(&self) {
        self.state().held = true;
    }

    pub(crate) fn release(&self) {
        self.state().held = false;
        self.0.changed.notify_all();
    }

    /// Returns when a writer waits.
    pub(crate) fn wait_for_writer(&self) {
        let mut state = self.state();
        while state.writers == 0 {
            state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The disk as it is after a power cut: `keeps` says of each unsynced sector whether it
    /// reached the disk.
    pub(crate) fn after_power_cut(&self, mut keeps: impl FnMut() -> bool) -> Self {
        let mut files = self.state().files.clone();
        for content in files.values_mut() {
            for sector in std::mem::take(&mut content.unsynced) {
                if keeps() {
                    let place = sector * SECTOR..(sector + 1) * SECTOR;
                    content.durable[place.clone()].copy_from_slice(&content.now[place]);
                }
            }
            content.now.clone_from(&content.durable);
        }
        let disk = Self::default();
        disk.state().files = files;
        disk
    }

    /// Changes the octets of a file behind everybody's back.
    pub(crate) fn edit(&self, name: &str, edit: impl FnOnce(&mut [u8])) {
        let mut state = self.state();
        let content = state.files.get_mut(name).unwrap();
        edit(&mut content.now);
        content.durable.clone_from(&content.now);
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.state().files.keys().cloned().collect()
    }

    fn deed(state: &mut State, deed: Fault) -> io::Result<()> {
        if state.fault == Some(deed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        match &mut state.deeds_left {
            None => Ok(()),
            Some(0) => Err(io::ErrorKind::BrokenPipe.into()),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }
}

impl Disk for MemoryDisk {
    type File = MemoryFile;

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.names())
    }

    fn create(&self, name: &str, size: usize) -> io::Result<MemoryFile> {
        let mut state = self.state();
        Self::deed(&mut state, Fault::Create)?;
        let zeros = vec![0; size];
        let content = Content { now: zeros.clone(), durable: zeros, unsynced: BTreeSet::new() };
        assert!(state.files.insert(name.to_owned(), content).is_none(), "{name} exists");
        Ok(MemoryFile { disk: self.clone(), name: name.to_owned() })
    }

    fn open(&self, name: &str) -> io::Result<MemoryFile> {
        assert!(self.state().files.contains_key(name));
        Ok(MemoryFile { disk: self.clone(), name: name.to_owned() })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.state().files.remove(name);
        Ok(())
    }
}

impl SegmentFile for MemoryFile {
    fn length(&self) -> io::Result<u64> {
        Ok(u64::try_from(self.disk.state().files[&self.name].now.len()).unwrap())
    }

    fn read(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        let state = self.disk.state();
        let at = usize::try_from(at).unwrap();
        let content = state.files.get(&self.name).ok_or(io::ErrorKind::NotFound)?;
        into.copy_from_slice(&content.now[at..at + into.len()]);
        Ok(())
    }

    fn write(&self, at: u64, octets: &[u8]) -> io::Result<()> {
        let mut state = self.disk.state();
        while state.held {
            state.writers += 1;
            self.disk.0.changed.notify_all();
            state = self.disk.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.writers -= 1;
        }
        // A write that is cut off may have reached the disk in any part, as one that was not
        // synced may: it is done before it is refused.
        let outcome = MemoryDisk::deed(&mut state, Fault::Write);
        let at = usize::try_from(at).unwrap();
        let content = state.files.get_mut(&self.name).unwrap();
        let place = at..at + octets.len();
        content.now[place.clone()].copy_from_slice(octets);
        content.unsynced.extend(place.start / SECTOR..place.end.div_ceil(SECTOR));
        outcome
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        MemoryDisk::deed(&mut state, Fault::Sync)?;
        state.syncs += 1;
        let content = state.files.get_mut(&self.name).unwrap();
        for sector in std::mem::take(&mut content.unsynced) {
            let place = sector * SECTOR..(sector + 1) * SECTOR;
            content.durable[place.clone()].copy_from_slice(&content.now[place]);
        }
        Ok(())
    }
}
