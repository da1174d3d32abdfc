//! Finds the records in a segment, intact or not. Pure.
//!
//! The segment is read from its first batch on. Where no record begins, the next one is searched
//! for by the segment's nonce: behind the padding at the end of a batch, or behind damage. Numbers
//! that are missing are damage; what stands where they should be is reported.

use std::ops::Range;

use crate::format::{ALIGNMENT, PAGE, RECORD_HEADER, RecordHeader, SegmentHeader, Sequence};

/// Something in a segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found {
    /// An intact record, and where its payload is.
    Record(RecordHeader, Range<usize>),
    /// Records that cannot be read.
    Damage(Damage),
}

/// Records that cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage {
    /// Which ones: from the first up to the one before the last.
    pub lost: Range<Sequence>,
    /// The octets of the segment in which they stood.
    pub octets: Range<usize>,
    /// Whether they had been acknowledged.
    pub acknowledged: Acknowledged,
}

/// Whether damaged records had been acknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Acknowledged {
    /// A later batch exists, and the committer begins none before the last is durable.
    Yes,
    /// They belong to the last batch of the segment: a power cut may have torn it before anybody
    /// was told that it was durable.
    Unknown,
}

/// What a segment holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scan {
    /// In the order of the sequence numbers.
    pub found: Vec<Found>,
    /// The number after the last record's, intact or not.
    pub next: Sequence,
    /// Where the next batch may be written: the first page behind everything that was found.
    pub resume: usize,
}

/// Reads a whole segment.
#[must_use]
pub fn scan(segment: &[u8], header: &SegmentHeader) -> Scan {
    let mut scan = Scan { found: Vec::new(), next: header.first, resume: PAGE };
    let mut batches = Vec::new();
    let mut at = PAGE;
    while let Some((place, record)) = next_record(segment, at, header.nonce, scan.next) {
        if record.sequence > scan.next {
            batches.push((scan.found.len(), lost_batch(scan.next, &record)));
            scan.found.push(damage(scan.next..record.sequence, at..place));
        }
        let payload = place + RECORD_HEADER..place + RECORD_HEADER + record.payload_length();
        let end = place + record.extent();
        if segment.get(payload.clone()).is_some_and(|payload| record.fits(payload)) {
            scan.found.push(Found::Record(record, payload));
        } else {
            batches.push((scan.found.len(), record.batch()));
            let lost = record.sequence..record.sequence.saturating_add(1);
            scan.found.push(damage(lost, place..end.min(segment.len())));
        }
        scan.next = record.sequence.saturating_add(1);
        scan.resume = end.next_multiple_of(PAGE).min(segment.len());
        at = end;
    }
    let last = scan.found.iter().filter_map(batch_of).max();
    let last = batches.iter().map(|(_, batch)| *batch).chain(last).max();
    for (index, batch) in batches {
        if let Some(Found::Damage(damage)) = scan.found.get_mut(index)
            && last.is_some_and(|last| batch < last)
        {
            damage.acknowledged = Acknowledged::Yes;
        }
    }
    scan
}

fn damage(lost: Range<Sequence>, octets: Range<usize>) -> Found {
    Found::Damage(Damage { lost, octets, acknowledged: Acknowledged::Unknown })
}

/// The first number of the batch that lost records belong to, as far as can be told: when the next
/// record begins a batch, they belong to an earlier one.
fn lost_batch(first_lost: Sequence, next: &RecordHeader) -> Sequence {
    next.batch().min(first_lost)
}

fn batch_of(found: &Found) -> Option<Sequence> {
    match found {
        Found::Record(record, _) => Some(record.batch()),
        Found::Damage(_) => None,
    }
}

/// The first record at or behind a place whose number has not been seen.
fn next_record(
    segment: &[u8],
    from: usize,
    nonce: u64,
    expected: Sequence,
) -> Option<(usize, RecordHeader)> {
    let mut at = from.next_multiple_of(ALIGNMENT);
    while at + RECORD_HEADER <= segment.len() {
        if let Some(record) = RecordHeader::read(segment.get(at..)?, nonce)
            && record.sequence >= expected
        {
            return Some((at, record));
        }
        at += ALIGNMENT;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Kind;

    const HEADER: SegmentHeader = SegmentHeader { nonce: 77, ordinal: 0, first: 5 };

    /// A segment with batches of payloads.
    fn segment(batches: &[&[&[u8]]]) -> Vec<u8> {
        let mut octets = HEADER.page().to_vec();
        let mut sequence = HEADER.first;
        for batch in batches {
            for (place, payload) in batch.iter().enumerate() {
                let place = u32::try_from(place).unwrap();
                RecordHeader::of(sequence, Kind(1), place, payload).write(
                    HEADER.nonce,
                    payload,
                    &mut octets,
                );
                sequence += 1;
            }
            octets.resize(octets.len().next_multiple_of(PAGE), 0);
        }
        octets.resize(octets.len() + 4 * PAGE, 0);
        octets
    }

    fn payloads(octets: &[u8]) -> Vec<Vec<u8>> {
        let records = scan(octets, &HEADER).found.into_iter().filter_map(|found| match found {
            Found::Record(_, place) => Some(octets[place].to_vec()),
            Found::Damage(_) => None,
        });
        records.collect()
    }

    fn damages(octets: &[u8]) -> Vec<(Range<Sequence>, Acknowledged)> {
        let damages = scan(octets, &HEADER).found.into_iter().filter_map(|found| match found {
            Found::Damage(damage) => Some((damage.lost, damage.acknowledged)),
            Found::Record(..) => None,
        });
        damages.collect()
    }

    #[test]
    fn whole_batches_are_read_in_order() {
        let octets = segment(&[&[b"a", b"bb"], &[b"ccc"], &[&[b'd'; 9000], b"e"]]);
        let found = scan(&octets, &HEADER);
        assert_eq!(payloads(&octets).iter().map(Vec::len).collect::<Vec<_>>(), [1, 2, 3, 9000, 1]);
        assert_eq!((damages(&octets), found.next), (vec![], 10));
        assert_eq!(found.resume, octets.len() - 4 * PAGE);
    }

    #[test]
    fn an_empty_segment_begins_at_its_first_page() {
        let found = scan(&segment(&[]), &HEADER);
        assert_eq!(found, Scan { found: vec![], next: 5, resume: PAGE });
    }

    #[test]
    fn damage_costs_the_records_it_hits_and_no_other() {
        let octets = segment(&[&[b"a", b"b", b"c"], &[b"d"]]);
        // The header of `b`: its record cannot be found; `c` is, by the nonce.
        let mut broken = octets.clone();
        broken[PAGE + 56 + 20] ^= 1;
        assert_eq!(payloads(&broken), [b"a", b"c", b"d"]);
        assert_eq!(damages(&broken), [(6..7, Acknowledged::Yes)]);
        // The payload of `a`.
        let mut broken = octets.clone();
        broken[PAGE + RECORD_HEADER] ^= 1;
        assert_eq!(payloads(&broken), [b"b", b"c", b"d"]);
        assert_eq!(damages(&broken), [(5..6, Acknowledged::Yes)]);
        // The whole first batch.
        let mut broken = octets.clone();
        broken[PAGE..2 * PAGE].fill(0);
        assert_eq!(payloads(&broken), [b"d"]);
        assert_eq!(damages(&broken), [(5..8, Acknowledged::Yes)]);
    }

    #[test]
    fn what_a_power_cut_tore_may_never_have_been_acknowledged() {
        let mut octets = segment(&[&[b"a"], &[b"b", b"c"]]);
        octets[2 * PAGE + RECORD_HEADER] ^= 1;
        assert_eq!(payloads(&octets), [b"a", b"c"]);
        assert_eq!(damages(&octets), [(6..7, Acknowledged::Unknown)]);
        // Without its last batch a segment is whole, and nothing is written over remnants of it.
        octets[2 * PAGE..2 * PAGE + RECORD_HEADER].fill(0);
        assert_eq!(scan(&octets, &HEADER).resume, 3 * PAGE);
    }

    #[test]
    fn the_text_of_a_message_cannot_forge_a_record() {
        let mut forged = Vec::new();
        RecordHeader::of(6, Kind(1), 0, b"forged").write(HEADER.nonce + 1, b"forged", &mut forged);
        let octets = segment(&[&[&forged, b"b"], &[b"c"]]);
        let mut broken = octets.clone();
        broken[PAGE + 20] ^= 1;
        assert_eq!(payloads(&broken), [b"b", b"c"], "the text is searched, and holds no record");
    }
}
