//! The only file that names sled: ordered keys and values, changed in atomic batches, made durable
//! on request.
//!
//! What we ask of a store is little, so that another can take its place
//! (`docs/adr/0002-sled-and-sync.md`): read a key, walk a range in both directions, write a batch
//! all or nothing, sync.
//!
//! # Failure
//! Opening tells a broken store from one that the operating system refuses: the first may be moved
//! aside, the second may not. sled panics on some damage; here a panic of its becomes an error.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs::{self, File},
    io::{self, ErrorKind},
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    thread,
    time::Duration,
};

use crate::spool::{SpoolError, index::keys};

/// Pages kept in memory. The queue of an ordinary office fits whole.
const CACHE_OCTETS: u64 = 16 * 1024 * 1024;

/// sled rewrites half-empty segments of its file only in its background thread, which also flushes;
/// without that thread the file would grow for ever. Our own syncs do not wait for it.
const HOUSEKEEPING_MILLIS: u64 = 1000;

/// A store that was just closed in this process gives up its lock only when its threads have ended.
const LOCK_PATIENCE: Duration = Duration::from_millis(20);
const LOCK_TRIES: u32 = 250;

/// An open store.
pub(in crate::spool) struct Store {
    db: sled::Db,
    folder: PathBuf,
    file: File,
    blobs_synced: Mutex<BTreeSet<OsString>>,
}

/// Why a store was not opened, or no longer works.
pub(in crate::spool) enum Trouble {
    /// What is there makes no sense: move it aside and begin anew.
    Broken(String),
    /// The operating system refused; what is there may be whole.
    Refused(io::Error),
}

impl Store {
    /// Opens or creates.
    pub(in crate::spool) fn open(folder: &Path) -> Result<Self, Trouble> {
        let db = open_patiently(folder)?;
        let file = File::open(folder.join("db")).map_err(Trouble::Refused)?;
        let store = Self { db, folder: folder.to_owned(), file, blobs_synced: Mutex::default() };
        store.sync_creation().map_err(Trouble::Refused)?;
        Ok(store)
    }

    /// True when nothing was there before.
    pub(in crate::spool) fn is_new(&self) -> bool {
        !self.db.was_recovered()
    }

    /// The number of the journal's last record that is in it; none in a store that is older than
    /// the journal, or was not finished.
    pub(in crate::spool) fn position(&self) -> Result<Option<u64>, SpoolError> {
        let value = self.read(keys::POSITION)?;
        Ok(value.and_then(|value| value.try_into().ok()).map(u64::from_be_bytes))
    }

    /// Closes a store that has failed; what it still wants to write is given up.
    pub(in crate::spool) fn abandon(self) {
        // sled may panic on its way out, too.
        drop(catch_unwind(AssertUnwindSafe(move || drop(self))));
    }

    /// Reads all keys.
    pub(in crate::spool) fn walk(&self) -> Result<(), SpoolError> {
        let everything = vec![0]..vec![u8::MAX];
        self.pairs(everything).try_for_each(|pair| pair.map(drop))
    }

    pub(in crate::spool) fn read(&self, key: &[u8]) -> Result<Option<Vec<u8>>, SpoolError> {
        guard(|| self.db.get(key)).map(|value| value.map(|value| value.to_vec()))
    }

    pub(in crate::spool) fn has(&self, key: &[u8]) -> Result<bool, SpoolError> {
        guard(|| self.db.contains_key(key))
    }

    /// The pairs of a range of keys, from either end. Changes made meanwhile may or may not be
    /// seen.
    pub(in crate::spool) fn pairs(&self, range: Range<Vec<u8>>) -> StorePairs {
        // An empty range is one that sled would panic on.
        let range = if range.start > range.end { range.start.clone()..range.start } else { range };
        StorePairs { iter: self.db.range(range), failed: false }
    }

    /// All of the changes or nothing of them. Readers see them at once; after [`Store::sync`] they
    /// are durable.
    pub(in crate::spool) fn write<'a>(
        &self,
        changes: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
    ) -> Result<(), SpoolError> {
        let mut batch = sled::Batch::default();
        for (key, value) in changes {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        guard(|| self.db.apply_batch(batch))
    }

    /// Returns when everything written before is on the disk.
    pub(in crate::spool) fn sync(&self) -> Result<(), SpoolError> {
        guard(|| self.db.flush())?;
        // A flush hands the pages to the disk by sync_file_range, which neither empties the disk's
        // own cache nor writes the file's length (spacejam/sled#1452), and it never syncs the files
        // of large values.
        self.sync_blobs().map_err(|e| SpoolError::io("sync", &self.folder, e))?;
        self.file.sync_data().map_err(|e| SpoolError::io("sync", &self.folder, e))
    }

    fn sync_blobs(&self) -> io::Result<()> {
        let folder = self.folder.join("blobs");
        let mut synced = self.blobs_synced.lock().unwrap_or_else(PoisonError::into_inner);
        let mut present = BTreeSet::new();
        let mut fresh = false;
        for blob in fs::read_dir(&folder)? {
            let blob = blob?;
            if !synced.contains(&blob.file_name()) {
                match File::open(blob.path()).and_then(|file| file.sync_all()) {
                    Ok(()) => fresh = true,
                    // Its value was replaced meanwhile.
                    Err(e) if e.kind() == ErrorKind::NotFound => continue,
                    Err(e) => return Err(e),
                }
            }
            present.insert(blob.file_name());
        }
        *synced = present;
        if fresh { File::open(&folder)?.sync_all() } else { Ok(()) }
    }

    /// sled syncs neither its settings nor the folder into which it has put its files.
    fn sync_creation(&self) -> io::Result<()> {
        File::open(self.folder.join("conf"))?.sync_all()?;
        self.file.sync_all()?;
        File::open(&self.folder)?.sync_all()
    }
}

/// One key with its value.
pub(in crate::spool) struct Pair {
    pub(in crate::spool) key: Vec<u8>,
    pub(in crate::spool) value: Vec<u8>,
}

/// The pairs of a range, one after the other.
pub(in crate::spool) struct StorePairs {
    iter: sled::Iter,
    failed: bool,
}

impl StorePairs {
    fn step(
        &mut self,
        advance: impl FnOnce(&mut sled::Iter) -> Option<sled::Result<(sled::IVec, sled::IVec)>>,
    ) -> Option<Result<Pair, SpoolError>> {
        if self.failed {
            return None;
        }
        let iter = &mut self.iter;
        let pair = guard(|| advance(iter).transpose()).transpose()?;
        // After an error sled gives the same one for ever.
        self.failed = pair.is_err();
        Some(pair.map(|(key, value)| Pair { key: key.to_vec(), value: value.to_vec() }))
    }
}

impl Iterator for StorePairs {
    type Item = Result<Pair, SpoolError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step(Iterator::next)
    }
}

impl DoubleEndedIterator for StorePairs {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.step(DoubleEndedIterator::next_back)
    }
}

fn open_patiently(folder: &Path) -> Result<sled::Db, Trouble> {
    let config = sled::Config::new()
        .path(folder)
        .cache_capacity(CACHE_OCTETS)
        .flush_every_ms(Some(HOUSEKEEPING_MILLIS));
    for _try in 1..LOCK_TRIES {
        match open_once(&config) {
            // Our own lock on the data folder is held already: this can only be a store of this
            // very process on its way out.
            Err(Trouble::Refused(error))
                if error.to_string().contains("could not acquire lock") =>
            {
                thread::sleep(LOCK_PATIENCE);
            }
            settled => return settled,
        }
    }
    open_once(&config)
}

fn open_once(config: &sled::Config) -> Result<sled::Db, Trouble> {
    match catch_unwind(AssertUnwindSafe(|| config.open())) {
        Ok(Ok(db)) => Ok(db),
        Ok(Err(error)) => Err(sort(error)),
        Err(panic) => Err(Trouble::Broken(words_of(panic.as_ref()))),
    }
}

fn sort(error: sled::Error) -> Trouble {
    match error {
        // What sled says of files that end early or hold nonsense.
        sled::Error::Io(error)
            if matches!(
                error.kind(),
                ErrorKind::UnexpectedEof | ErrorKind::InvalidData | ErrorKind::InvalidInput
            ) =>
        {
            Trouble::Broken(error.to_string())
        }
        sled::Error::Io(error) => Trouble::Refused(error),
        broken @ (sled::Error::CollectionNotFound(_)
        | sled::Error::Unsupported(_)
        | sled::Error::ReportableBug(_)
        | sled::Error::Corruption { .. }) => Trouble::Broken(broken.to_string()),
    }
}

/// Runs one call into sled, which panics where it finds its own files inconsistent.
fn guard<T>(call: impl FnOnce() -> sled::Result<T>) -> Result<T, SpoolError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => match sort(error) {
            Trouble::Broken(reason) => Err(SpoolError::Index(reason)),
            Trouble::Refused(error) => Err(SpoolError::io("use", Path::new("index"), error)),
        },
        Err(panic) => Err(SpoolError::Index(words_of(panic.as_ref()))),
    }
}

fn words_of(panic: &(dyn std::any::Any + Send)) -> String {
    let words = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    format!("panic: {}", words.unwrap_or("without words"))
}
