//! Gives the journal's oldest segments back, after what still counts in them has been logged again.
//!
//! The journal may take twice what the waiting messages in it take, and [`SPARE`] segments. Beyond
//! that, the oldest segment is read. Messages whose text is in it are appended again. So is every
//! value that the index still holds as the segment says it. When that is durable, the segment is
//! released. Every record that counts is then in a segment that is kept, and of two records about one
//! thing the older one is released first.
//!
//! An idle spool gives nothing back, since it writes nothing: work is done for what was written
//! meanwhile, at most two segments for one.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use postroom_journal::Sequence;

use crate::spool::{
    SpoolError,
    core::Core,
    index::{keys, local::Memory, place::Located, view::View},
    journal::{
        log::Log,
        record::{CHANGE, MESSAGE, Operation, Record, end_message, write_operation},
    },
    rebuild::segment_records,
    threads::lock,
};

/// Segments that are kept whatever they hold.
const SPARE: u64 = 4;
/// Records looked at while nobody may change anything.
const PORTION: usize = 32;

/// What has been done.
#[derive(Default)]
pub(super) struct Reclaim {
    /// The ordinal of the newest segment when we last looked.
    newest: u64,
    /// Segments that may be read for those that were begun.
    allowance: u64,
    /// Segments that we have begun ourselves by appending what still counts, in octets.
    copied: u64,
}

impl Reclaim {
    /// Releases what is surplus.
    pub(super) fn run(&mut self, core: &Core) -> Result<(), SpoolError> {
        let log = core.index.log()?;
        self.grow_allowance(&log);
        while self.allowance > 0 && is_too_much(core, &log) {
            let segments = log.segments();
            let (Some((oldest, _)), Some((_, next))) = (segments.first(), segments.get(1)) else {
                return Ok(());
            };
            // Only what the store has can be given up.
            if next.saturating_sub(1) > core.index.position() {
                return Ok(());
            }
            self.allowance -= 1;
            let refused = Arc::new(AtomicBool::new(false));
            self.copied += save(core, &log, *oldest, *next, &refused)?;
            core.index.make_durable()?;
            if refused.load(Ordering::Relaxed) {
                // The text of a message is in the old segment only.
                return Ok(());
            }
            log.release(*next)?;
        }
        Ok(())
    }

    /// Two for each segment that others have filled.
    fn grow_allowance(&mut self, log: &Log) {
        let Some((newest, _)) = log.segments().last().copied() else { return };
        let begun = newest.saturating_sub(self.newest);
        let size = log.segment_octets().max(1);
        let own = (self.copied / size).min(begun);
        self.copied -= own * size;
        self.newest = newest;
        self.allowance = (self.allowance + 2 * (begun - own)).min(1024);
    }
}

fn is_too_much(core: &Core, log: &Log) -> bool {
    let usage = log.usage();
    let size = log.segment_octets();
    let used = u64::try_from(usage.used).unwrap_or(u64::MAX).saturating_mul(size);
    let kept = lock(&core.index.memory.tally).kept_octets;
    used > kept.saturating_mul(2).saturating_add(SPARE * size)
}

/// Appends what still counts in a segment. Yields its octets.
/// `refused` tells whether the disk refused a message.
fn save(
    core: &Core,
    log: &Log,
    segment: u64,
    next: Sequence,
    refused: &Arc<AtomicBool>,
) -> Result<u64, SpoolError> {
    let mut octets = 0;
    let mut portion = Vec::new();
    segment_records(log, segment, next.saturating_sub(1), &mut |_sequence, located, record| {
        portion.push(Owned::of(located, &record));
        if portion.len() >= PORTION {
            octets += save_portion(core, &std::mem::take(&mut portion), refused)?;
        }
        Ok(())
    })?;
    octets += save_portion(core, &portion, refused)?;
    Ok(octets)
}

/// What may count of a record.
struct Owned {
    located: Located,
    message: Option<Vec<u8>>,
    operations: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Owned {
    fn of(located: Located, record: &Record<'_>) -> Self {
        // Lines of the history are in the store, and are not needed to send mail.
        let counts = |operation: &&Operation<'_>| !operation.key.starts_with(keys::JOURNAL);
        let operations = record.operations.iter().filter(counts);
        let operations = operations
            .filter_map(|Operation { key, value }| Some((key.to_vec(), (*value)?.to_vec())));
        let message = record.message.map(<[u8]>::to_vec);
        Self { located, message, operations: operations.collect() }
    }
}

fn save_portion(
    core: &Core,
    portion: &[Owned],
    refused: &Arc<AtomicBool>,
) -> Result<u64, SpoolError> {
    let mut octets = 0;
    core.index.alone(|view, log| {
        let mut change = Vec::new();
        let mut logged = Vec::new();
        for owned in portion {
            if move_message(core, view, log, owned, (&mut octets, refused))? {
                continue;
            }
            for (key, value) in &owned.operations {
                if view.read(key)?.as_ref() == Some(value) {
                    write_operation(Operation { key, value: Some(value) }, &mut change);
                    logged.push(key.clone());
                }
            }
            if change.len() > log.most_payload() / 4 {
                octets += append(log, &mut change, &mut logged)?;
            }
        }
        octets += append(log, &mut change, &mut logged)?;
        Ok(())
    })?;
    Ok(octets)
}

fn append(log: &Log, change: &mut Vec<u8>, logged: &mut Vec<Vec<u8>>) -> Result<u64, SpoolError> {
    if change.is_empty() {
        return Ok(0);
    }
    let octets = u64::try_from(change.len()).unwrap_or(u64::MAX);
    log.append(CHANGE, std::mem::take(change), std::mem::take(logged), |_answer| {})?;
    Ok(octets)
}

/// Appends a message once more, with its entry as it is now, if its text is in this record.
fn move_message(
    core: &Core,
    view: View<'_>,
    log: &Log,
    owned: &Owned,
    (octets, refused): (&mut u64, &Arc<AtomicBool>),
) -> Result<bool, SpoolError> {
    let Some(message) = &owned.message else { return Ok(false) };
    let entry = owned.operations.iter().find(|(key, _value)| key.starts_with(keys::ENTRIES));
    let Some(id) = entry.and_then(|(key, _value)| keys::id_of(key)) else { return Ok(false) };
    let (key, place) = (keys::entry(id), keys::place(id));
    let (Some(value), Some(now)) = (view.read(&key)?, view.read(&place)?) else {
        return Ok(false);
    };
    if Located::from_value(&now) != Some(owned.located) {
        return Ok(false);
    }
    let mut payload = Vec::with_capacity(message.len() + value.len() + 64);
    payload.extend_from_slice(message);
    write_operation(Operation { key: &key, value: Some(&value) }, &mut payload);
    end_message(message.len(), &mut payload);
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    *octets += u64::from(length);
    let (memory, old) = (Arc::clone(&core.index.memory), owned.located);
    let refused = Arc::clone(refused);
    log.append(MESSAGE, payload, vec![key], move |answer| match answer {
        Ok((_durable, appended)) => {
            let new = Located { place: appended.place, octets: length };
            Memory::move_place(&memory, place, old, new);
        }
        Err(_refused) => refused.store(true, Ordering::Relaxed),
    })?;
    Ok(true)
}
