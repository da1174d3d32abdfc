//! Bits flip, sectors go, somebody replaces octets: it is found, told, and costs nothing else.

use postroom_journal::Acknowledged;
use proptest::prelude::*;

use crate::{MemoryDisk, append_all, open};

const PAGE: usize = 4096;

/// Three batches of three records.
fn journal() -> MemoryDisk {
    let disk = MemoryDisk::default();
    let (journal, ..) = open(&disk, 0);
    for batch in 0..3_u8 {
        // One answer is waited for before the next batch is handed in.
        for number in 0..3_u8 {
            let payload = vec![batch * 10 + number; 600];
            append_all(&journal, vec![payload]).remove(0).unwrap();
        }
    }
    disk
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_flipped_bit_costs_at_most_one_record_and_is_told(at in 0..10 * PAGE * 8) {
        let disk = journal();
        let name = disk.names().remove(0);
        disk.edit(&name, |octets| octets[at / 8] ^= 1 << (at % 8));
        let (_, replay, _) = open(&disk, 0);
        prop_assert!(replay.records.len() >= 8, "{:?}", replay.damages);
        for (sequence, payload) in &replay.records {
            let number = u8::try_from(sequence - 1).unwrap();
            prop_assert_eq!(payload, &vec![number / 3 * 10 + number % 3; 600]);
        }
        let lost: u64 = replay.damages.iter().map(|damage| damage.lost.end - damage.lost.start).sum();
        // The last record's number is not known to anybody when its header is gone.
        prop_assert!(replay.records.len() == 9 || lost == 1 || !replay.records.contains_key(&9));
    }
}

#[test]
fn a_damaged_page_is_told_as_acknowledged_when_later_batches_exist() {
    let disk = journal();
    let name = disk.names().remove(0);
    // Page 2 holds the second batch.
    disk.edit(&name, |octets| octets[2 * PAGE..3 * PAGE].fill(0));
    let (_, replay, recovery) = open(&disk, 0);
    assert_eq!((replay.records.len(), recovery.damages), (8, 1));
    assert_eq!(replay.damages[0].lost, 2..3);
    assert_eq!(replay.damages[0].acknowledged, Acknowledged::Yes);
}

#[test]
fn a_segment_whose_header_is_gone_is_shown_whole_and_reused() {
    let disk = journal();
    let name = disk.names().remove(0);
    disk.edit(&name, |octets| octets[..PAGE].fill(0xff));
    let (journal, replay, _) = open(&disk, 0);
    assert_eq!((replay.unknown, replay.records.len()), (1, 0));
    append_all(&journal, vec![b"goes on".to_vec()]).remove(0).unwrap();
}
