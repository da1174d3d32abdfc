//! The disk refuses: nobody is told that a record is durable when it is not, and the journal goes
//! on when the disk does.

use crate::{JournalError, MemoryDisk, append, memory_disk::Fault, open};

fn check(fault: Fault, verb: &str) {
    let disk = MemoryDisk::default();
    let (journal, ..) = open(&disk, 0);
    append(&journal, "before").unwrap();
    disk.refuse(Some(fault));
    let refused = append(&journal, "refused");
    assert!(matches!(refused, Err(JournalError::Disk { what, .. }) if what == verb), "{refused:?}");
    let in_failed = journal.segments().len();
    disk.refuse(None);
    append(&journal, "after").unwrap();
    assert_eq!(journal.segments().len(), in_failed + 1, "a new segment, never the failed one");
    assert_eq!(journal.counters().refused, 1);
    drop(journal);
    // The kernel may have kept the refused record, or not; the others are there.
    for keeps in [false, true] {
        let (_, replay, _) = open(&disk.after_power_cut(|| keeps), 0);
        let texts: Vec<_> = replay.records.values().map(|t| String::from_utf8_lossy(t)).collect();
        assert!(texts.iter().any(|text| text == "before"), "{texts:?}");
        assert!(texts.iter().any(|text| text == "after"), "{texts:?}");
    }
}

#[test]
fn a_refused_write_is_not_acknowledged_and_its_segment_is_left() {
    check(Fault::Write, "write");
}

#[test]
fn a_failed_sync_is_not_acknowledged_and_its_segment_is_left() {
    check(Fault::Sync, "sync");
}

#[test]
fn a_full_disk_refuses_records_until_there_is_room() {
    let disk = MemoryDisk::default();
    disk.refuse(Some(Fault::Create));
    let (journal, ..) = open(&disk, 0);
    let refused = append(&journal, "no room");
    assert!(matches!(refused, Err(JournalError::Disk { what: "extend", .. })), "{refused:?}");
    disk.refuse(None);
    append(&journal, "room").unwrap();
    drop(journal);
    let (_, replay, _) = open(&disk, 0);
    assert_eq!(replay.records.into_values().collect::<Vec<_>>(), [b"room"]);
}
