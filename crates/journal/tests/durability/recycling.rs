//! Segments are released oldest first and used again; what they held before is never seen again.

use crate::{JournalError, MemoryDisk, Options, SEGMENT, append, open, open_with, options};

const MEGABYTE: usize = 1_000_000;

#[test]
fn released_segments_are_used_again_and_their_records_are_gone() {
    let disk = MemoryDisk::default();
    let (journal, ..) = open(&disk, 0);
    let first = append(&journal, vec![b'0'; MEGABYTE]).unwrap();
    for number in 1..60_u8 {
        append(&journal, vec![number; MEGABYTE]).unwrap();
        let newest = journal.segments().last().unwrap().1;
        journal.release(newest).unwrap();
    }
    let usage = journal.usage();
    assert!(usage.used == 1 && usage.free <= 3, "{usage:?}");
    assert!(disk.names().len() <= 4, "{:?}", disk.names());
    assert!(matches!(journal.read(first.place), Err(JournalError::Gone)));
    let kept = journal.segments()[0].1;
    drop(journal);
    let (_, replay, _) = open(&disk, kept);
    assert!(replay.records.keys().all(|sequence| *sequence >= kept));
    assert_eq!(replay.records.keys().last(), Some(&60));
    assert_eq!(replay.damages, []);
}

#[test]
fn without_a_position_everything_that_is_left_is_replayed_and_is_the_newest_part() {
    let disk = MemoryDisk::default();
    let (journal, ..) = open(&disk, 0);
    for number in 0..60_u8 {
        append(&journal, vec![number; MEGABYTE]).unwrap();
        let newest = journal.segments().last().unwrap().1;
        journal.release(newest).unwrap();
    }
    drop(journal);
    let (_, replay, _) = open(&disk, 0);
    let sequences: Vec<u64> = replay.records.keys().copied().collect();
    let first = sequences[0];
    assert_eq!(sequences, (first..=60).collect::<Vec<_>>(), "no hole in what is left");
    assert_eq!(replay.damages, []);
}

#[test]
fn segments_of_another_size_are_read_and_then_deleted() {
    for (before, after) in [(2 * SEGMENT, SEGMENT), (SEGMENT, 2 * SEGMENT)] {
        let disk = MemoryDisk::default();
        let (journal, ..) = open_with(&disk, 0, Options { segment: before, ..options() });
        for number in 0..12_u8 {
            append(&journal, vec![number; MEGABYTE]).unwrap();
        }
        drop(journal);
        let (journal, replay, _) = open_with(&disk, 0, Options { segment: after, ..options() });
        assert_eq!((replay.records.len(), replay.damages), (12, vec![]));
        let old = disk.names();
        assert_eq!(append(&journal, "new").unwrap().sequence, 13);
        let newest = journal.segments().last().unwrap().1;
        journal.release(newest).unwrap();
        for number in 0..40_u8 {
            append(&journal, vec![number; MEGABYTE]).unwrap();
        }
        assert!(disk.names().iter().all(|name| !old.contains(name)), "{old:?} {:?}", disk.names());
    }
}

#[test]
fn a_segment_is_kept_while_it_holds_anything_that_was_not_released() {
    let disk = MemoryDisk::default();
    let (journal, ..) = open(&disk, 0);
    let all: Vec<_> =
        (0..20_u8).map(|number| append(&journal, vec![number; MEGABYTE]).unwrap()).collect();
    let second = journal.segments()[1].1;
    journal.release(second - 1).unwrap();
    assert!(journal.read(all[0].place).is_ok(), "one record of the first segment is still wanted");
    journal.release(second).unwrap();
    assert!(matches!(journal.read(all[0].place), Err(JournalError::Gone)));
    assert!(all.iter().filter(|a| a.sequence >= second).all(|a| journal.read(a.place).is_ok()));
}
