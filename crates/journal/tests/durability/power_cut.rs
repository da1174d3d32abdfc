//! The power goes at any moment; any subset of what was not synced has reached the disk.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::{MemoryDisk, append_all, open};

/// Appends in rounds until the machine stops, and tells what was acknowledged and what was tried.
struct Run {
    acknowledged: BTreeMap<u64, Vec<u8>>,
    tried: Vec<Vec<u8>>,
}

fn payload(round: usize, number: usize, length: usize) -> Vec<u8> {
    let mut payload = format!("{round}.{number}:").into_bytes();
    payload.resize(payload.len() + length, b'x');
    payload
}

fn work(disk: &MemoryDisk, rounds: &[Vec<usize>]) -> Run {
    let mut run = Run { acknowledged: BTreeMap::new(), tried: Vec::new() };
    let (journal, ..) = open(disk, 0);
    for (round, lengths) in rounds.iter().enumerate() {
        let payloads: Vec<_> = lengths
            .iter()
            .enumerate()
            .map(|(number, length)| payload(round, number, *length))
            .collect();
        run.tried.extend(payloads.clone());
        for (payload, answer) in payloads.clone().into_iter().zip(append_all(&journal, payloads)) {
            if let Ok(appended) = answer {
                run.acknowledged.insert(appended.sequence, payload);
            }
        }
    }
    run
}

fn hold_promises(disk: &MemoryDisk, run: &Run) {
    let (journal, replay, recovery) = open(disk, 0);
    for (sequence, payload) in &run.acknowledged {
        assert_eq!(replay.records.get(sequence), Some(payload), "acknowledged and not replayed");
    }
    for payload in replay.records.values() {
        assert!(run.tried.contains(payload), "never appended: {:?}", payload.escape_ascii());
    }
    for damage in &replay.damages {
        let lost = damage.lost.clone();
        assert!(run.acknowledged.range(lost).next().is_none(), "called lost: {damage:?}");
    }
    // What comes next is told from everything before it.
    let next = append_all(&journal, vec![b"next".to_vec()]).remove(0).unwrap();
    assert!(next.sequence >= recovery.next);
    drop(journal);
    let (_, again, _) = open(disk, 0);
    let mut expected = replay.records.clone();
    expected.insert(next.sequence, b"next".to_vec());
    assert_eq!(again.records, expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn what_was_acknowledged_survives_and_nothing_else_is_invented(
        rounds in prop::collection::vec(prop::collection::vec(0_usize..6000, 1..5), 1..6),
        stop in 0_usize..16,
        seed in any::<u64>(),
    ) {
        let disk = MemoryDisk::default();
        disk.stop_after(stop);
        let run = work(&disk, &rounds);
        let mut state = seed | 1;
        let coin = || {
            // Xorshift: any sequence will do, as long as it is the same for the same seed.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state & 1 == 0
        };
        hold_promises(&disk.after_power_cut(coin), &run);
    }

    #[test]
    fn a_second_cut_during_recovery_changes_nothing(
        lengths in prop::collection::vec(0_usize..3000, 1..6),
        stops in (0_usize..8, 0_usize..4),
        keeps in any::<u32>(),
    ) {
        let disk = MemoryDisk::default();
        disk.stop_after(stops.0);
        let mut run = work(&disk, &[lengths.clone(), lengths.clone()]);
        let mut bits = keeps;
        let mut coin = || { bits = bits.rotate_left(1); bits & 1 == 0 };
        let disk = disk.after_power_cut(&mut coin);
        disk.stop_after(stops.1);
        // Whatever could be appended after the first cut counts as well.
        let (journal, ..) = open(&disk, 0);
        let payload = b"between the cuts".to_vec();
        run.tried.push(payload.clone());
        if let Ok(appended) = append_all(&journal, vec![payload.clone()]).remove(0) {
            run.acknowledged.insert(appended.sequence, payload);
        }
        drop(journal);
        hold_promises(&disk.after_power_cut(coin), &run);
    }
}

#[test]
fn every_prefix_of_a_torn_batch_leaves_a_journal() {
    let rounds = [vec![100, 5000], vec![10, 700, 4000, 20]];
    let whole = MemoryDisk::default();
    work(&whole, &rounds);
    // The first batches: segment, write, sync; the last write is torn after each sector.
    for sectors in 0..40 {
        let disk = MemoryDisk::default();
        let run = work(&disk, &rounds[..1]);
        let (journal, ..) = open(&disk, 0);
        disk.stop_after(1);
        let mut run = Run { acknowledged: run.acknowledged, tried: run.tried };
        let payloads: Vec<_> =
            rounds[1].iter().enumerate().map(|(n, length)| payload(1, n, *length)).collect();
        run.tried.extend(payloads.clone());
        assert!(append_all(&journal, payloads).iter().all(Result::is_err));
        drop(journal);
        let mut left = sectors;
        let cut = disk.after_power_cut(|| {
            left -= i32::from(left > 0);
            left > 0
        });
        hold_promises(&cut, &run);
    }
}
