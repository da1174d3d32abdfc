//! Reads everything back when the journal is opened.
//!
//! Segments are read in the order in which they were begun, one at a time. The committer goes on
//! behind the last record of the last one, on a page that nothing was found on.

use std::{
    collections::VecDeque,
    io,
    ops::{Range, RangeInclusive},
    sync::Arc,
};

use crate::{
    disk::{Disk, SegmentFile},
    format::{Kind, PAGE, SegmentHeader, Sequence},
    ring::{Free, Ring, Segment, ordinal_of, read_whole},
    scan::{Damage, Found, scan},
    shared::{Place, Start},
};

/// Something that the journal held when it was opened.
#[derive(Debug)]
pub enum Recovered<'a> {
    /// An intact record.
    Record {
        /// Its number.
        sequence: Sequence,
        /// Where it is.
        place: Place,
        /// What it holds.
        kind: Kind,
        /// Its octets.
        payload: &'a [u8],
    },
    /// Records that cannot be read.
    Damage {
        /// Which segment.
        segment: u64,
        /// What is known of them.
        damage: Damage,
        /// The octets that stand there, to be put aside.
        octets: &'a [u8],
    },
    /// A segment whose header cannot be read. It will be reused.
    Unknown {
        /// The name of its file.
        name: &'a str,
        /// All of it, to be put aside.
        octets: &'a [u8],
    },
}

/// What opening the journal came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Recovery {
    /// Intact records replayed.
    pub records: u64,
    /// Places where records cannot be read, and segments whose header cannot.
    pub damages: u64,
    /// The number of the next record.
    pub next: Sequence,
    /// The number with which the oldest segment began; none when there is no segment.
    pub oldest: Option<Sequence>,
}

/// Replays what one segment holds with these numbers.
pub(crate) fn replay_segment<F: SegmentFile>(
    segment: &Segment<F>,
    numbers: RangeInclusive<Sequence>,
    mut replay: impl FnMut(Recovered<'_>),
) -> io::Result<()> {
    let octets = read_whole(segment.file.as_ref(), segment.length)?;
    for found in scan(&octets, &segment.header).found {
        let beyond = match &found {
            Found::Record(record, _) => record.sequence > *numbers.end(),
            Found::Damage(damage) => damage.lost.start > *numbers.end(),
        };
        if !beyond {
            let of = (segment.header.ordinal, octets.as_slice());
            tell(found, of, *numbers.start(), &mut Recovery::default(), &mut replay);
        }
    }
    Ok(())
}

/// Reads the segments, and yields where to go on.
pub(crate) fn recover<D: Disk>(
    disk: D,
    size: usize,
    from: Sequence,
    mut replay: impl FnMut(Recovered<'_>),
) -> io::Result<(Ring<D>, Start<D::File>, Recovery)> {
    let mut recovery = Recovery { next: from.max(1), ..Recovery::default() };
    let Sorted { used, free } = sort(&disk, size, &mut recovery, &mut replay)?;
    recovery.oldest = used.front().map(|segment| segment.header.first);
    let mut active = None;
    for (index, segment) in used.iter().enumerate() {
        let next = used.get(index + 1).map(|next| next.header.first);
        recovery.next = recovery.next.max(segment.header.first);
        // Everything in it comes before the next one's first record.
        if next.is_some_and(|next| next <= from) {
            continue;
        }
        let octets = read_whole(segment.file.as_ref(), segment.length)?;
        let found = scan(&octets, &segment.header);
        for found in found.found {
            let of = (segment.header.ordinal, octets.as_slice());
            tell(found, of, from, &mut recovery, &mut replay);
        }
        recovery.next = recovery.next.max(found.next);
        let goes_on = next.is_none() && !segment.retired;
        active = goes_on.then(|| (segment.clone(), found.resume));
    }
    let start = Start { active, next: recovery.next };
    Ok((Ring::new(disk, size, used, free), start, recovery))
}

fn tell(
    found: Found,
    (segment, octets): (u64, &[u8]),
    from: Sequence,
    recovery: &mut Recovery,
    replay: &mut impl FnMut(Recovered<'_>),
) {
    let part = |range: Range<usize>| octets.get(range).unwrap_or_default();
    match found {
        Found::Record(record, _) if record.sequence < from => {}
        Found::Damage(damage) if damage.lost.end <= from => {}
        Found::Record(record, payload) => {
            recovery.records += 1;
            let begin = payload.start.saturating_sub(crate::format::RECORD_HEADER);
            let place = Place { segment, offset: u32::try_from(begin).unwrap_or(u32::MAX) };
            let (sequence, kind, payload) = (record.sequence, record.kind, part(payload));
            replay(Recovered::Record { sequence, place, kind, payload });
        }
        Found::Damage(damage) => {
            recovery.damages += 1;
            let octets = part(damage.octets.clone());
            replay(Recovered::Damage { segment, damage, octets });
        }
    }
}

struct Sorted<F> {
    used: VecDeque<Segment<F>>,
    free: VecDeque<Free<F>>,
}

/// Tells the segments that hold records from those that do not.
fn sort<D: Disk>(
    disk: &D,
    size: usize,
    recovery: &mut Recovery,
    replay: &mut impl FnMut(Recovered<'_>),
) -> io::Result<Sorted<D::File>> {
    let mut names = disk.list()?;
    names.retain(|name| ordinal_of(name).is_some());
    names.sort_unstable();
    let (mut used, mut free) = (Vec::new(), VecDeque::new());
    for name in names {
        let file = Arc::new(disk.open(&name)?);
        let length = usize::try_from(file.length()?).unwrap_or(usize::MAX);
        // One that was made under another setting is read, and then deleted.
        let retired = length != size;
        let mut page = vec![0; PAGE.min(length)];
        file.read(0, &mut page)?;
        match SegmentHeader::read(&page) {
            Some(header) => used.push(Segment { name, file, header, length, retired }),
            None => {
                if page.iter().any(|octet| *octet != 0) {
                    recovery.damages += 1;
                    let octets = read_whole(file.as_ref(), length)?;
                    replay(Recovered::Unknown { name: &name, octets: &octets });
                }
                free.push_back(Free { name, file, retired });
            }
        }
    }
    used.sort_by_key(|segment| segment.header.ordinal);
    Ok(Sorted { used: used.into(), free })
}
