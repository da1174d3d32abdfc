//! Holds the journal to its promises: through power cuts, failing syncs, flipped bits and full
//! disks, on a disk in memory that forgets what was not synced.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a broken helper should stop the test"
)]

mod damage;
mod faults;
mod memory_disk;
mod power_cut;
mod recycling;

use std::{
    collections::BTreeMap,
    sync::{Arc, mpsc},
};

use memory_disk::MemoryDisk;
use postroom_journal::{
    Appended, Damage, Draft, Journal, JournalError, Kind, Options, Recovered, Recovery, Sequence,
};

const KIND: Kind = Kind(7);
/// The smallest segment that there is.
const SEGMENT: usize = 8 * 1024 * 1024;

/// What opening a journal has shown.
#[derive(Default, Debug)]
struct Replay {
    records: BTreeMap<Sequence, Vec<u8>>,
    damages: Vec<Damage>,
    unknown: usize,
}

fn options() -> Options {
    Options { segment: SEGMENT, ..Options::default() }
}

fn open(disk: &MemoryDisk, from: Sequence) -> (Journal<MemoryDisk>, Replay, Recovery) {
    open_with(disk, from, options())
}

fn open_with(
    disk: &MemoryDisk,
    from: Sequence,
    options: Options,
) -> (Journal<MemoryDisk>, Replay, Recovery) {
    let mut replay = Replay::default();
    let mut last = 0;
    let (journal, recovery) =
        Journal::open(disk.clone(), options, from, |recovered| match recovered {
            Recovered::Record { sequence, payload, .. } => {
                assert!(sequence > last, "replayed in order, each once");
                last = sequence;
                replay.records.insert(sequence, payload.to_vec());
            }
            Recovered::Damage { damage, .. } => replay.damages.push(damage),
            Recovered::Unknown { .. } => replay.unknown += 1,
        })
        .unwrap();
    (journal, replay, recovery)
}

/// Appends one record and waits for the answer.
fn append(
    journal: &Journal<MemoryDisk>,
    payload: impl Into<Vec<u8>>,
) -> Result<Appended, JournalError> {
    append_all(journal, vec![payload.into()]).remove(0)
}

/// Appends records together and waits for all answers, in order.
fn append_all(
    journal: &Journal<MemoryDisk>,
    payloads: Vec<Vec<u8>>,
) -> Vec<Result<Appended, JournalError>> {
    let answers: Vec<_> = payloads
        .into_iter()
        .map(|payload| {
            let (tell, answer) = mpsc::channel();
            let draft = Draft { kind: KIND, payload };
            let joined = journal.append(draft, move |result| tell.send(result).unwrap());
            (joined, answer)
        })
        .collect();
    answers
        .into_iter()
        .map(|(joined, answer)| joined.and_then(|()| answer.recv().unwrap()))
        .collect()
}

#[test]
fn what_was_appended_is_replayed_and_read() {
    let disk = MemoryDisk::default();
    let (journal, replay, recovery) = open(&disk, 0);
    assert_eq!((replay.records.len(), recovery), (0, Recovery { next: 1, ..Recovery::default() }));
    let first = append(&journal, "one").unwrap();
    let second = append(&journal, vec![b'x'; 300_000]).unwrap();
    assert_eq!((first.sequence, second.sequence), (1, 2));
    assert_eq!(journal.read(second.place).unwrap().payload.len(), 300_000);
    drop(journal);
    let (journal, replay, recovery) = open(&disk, 0);
    assert_eq!(replay.records.keys().copied().collect::<Vec<_>>(), [1, 2]);
    assert_eq!(replay.records[&1], b"one");
    assert_eq!(journal.read(first.place).unwrap(), Draft { kind: KIND, payload: b"one".to_vec() });
    assert_eq!((recovery.records, recovery.damages, recovery.next), (2, 0, 3));
    assert_eq!(append(&journal, "three").unwrap().sequence, 3);
}

#[test]
fn those_who_come_together_share_one_sync() {
    let disk = MemoryDisk::default();
    let (journal, ..) = open(&disk, 0);
    append(&journal, "first").unwrap();
    let before = (disk.syncs(), journal.counters());
    disk.hold();
    // The committer takes the first of them, or some; the rest comes together.
    let answers = std::thread::scope(|scope| {
        let payloads = (0..100_u8).map(|number| vec![number]).collect();
        let all = scope.spawn(|| append_all(&journal, payloads));
        disk.wait_for_writer();
        disk.release();
        all.join().unwrap()
    });
    assert!(answers.iter().all(Result::is_ok));
    let after = journal.counters();
    assert_eq!(after.records - before.1.records, 100);
    let batches = after.batches - before.1.batches;
    assert_eq!(u64::try_from(disk.syncs() - before.0).unwrap(), batches);
    assert!(batches <= 3, "{batches} batches");
}

#[test]
fn what_waits_is_committed_when_the_journal_is_closed() {
    let disk = MemoryDisk::default();
    let (journal, ..) = open(&disk, 0);
    let (tell, answer) = mpsc::channel();
    for number in 0..50_u8 {
        let tell = tell.clone();
        let draft = Draft { kind: KIND, payload: vec![number] };
        journal.append(draft, move |result| tell.send(result.is_ok()).unwrap()).unwrap();
    }
    drop(journal);
    assert_eq!(answer.try_iter().filter(|good| *good).count(), 50);
    assert_eq!(open(&disk, 0).1.records.len(), 50);
}

#[test]
fn a_record_that_is_too_long_is_refused_at_once() {
    let (journal, ..) = open(&MemoryDisk::default(), 0);
    let refused = append(&journal, vec![0; 3 * 1024 * 1024]);
    assert!(matches!(refused, Err(JournalError::TooLong { length: 3_145_728 })));
}

#[test]
fn a_head_stands_at_the_beginning_of_each_segment() {
    let disk = MemoryDisk::default();
    let head = Arc::new(|| vec![Draft { kind: Kind(1), payload: b"budget".to_vec() }]);
    let (journal, ..) = open_with(&disk, 0, Options { head, ..options() });
    for _ in 0..20 {
        append(&journal, vec![b'x'; 1_000_000]).unwrap();
    }
    assert_eq!(journal.segments().len(), 3);
    drop(journal);
    let (journal, replay, _) = open(&disk, 0);
    let budgets = replay.records.values().filter(|payload| *payload == b"budget").count();
    assert_eq!((budgets, replay.records.len()), (3, 23));
    for (_, first) in journal.segments() {
        assert_eq!(replay.records[&first], b"budget");
    }
}
