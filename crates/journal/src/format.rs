//! Headers of segments and records, as octets. All numbers are little-endian.
//!
//! ```text
//! segment:  page 0: header, and its copy in the middle of the page
//!           then batches; each begins on a page
//! batch:    records, one after the other, each on a multiple of 8
//! record:   header (48 octets), payload, zeros up to a multiple of 8
//! ```
//!
//! A record carries the nonce of its segment, which is drawn anew whenever the segment is
//! recycled. So remnants of the segment's earlier life are no records, and neither is a mail whose
//! text imitates one: its author cannot know the nonce.

/// Where a record stands among all: each has the number after the one before it.
pub type Sequence = u64;

/// What a record holds, in the words of whoever appends it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Kind(pub u16);

/// Batches begin at multiples of this: the block size of file systems, and more than a sector.
pub const PAGE: usize = 4096;
/// Records begin at multiples of this.
pub const ALIGNMENT: usize = 8;
/// Octets of a record's header.
pub const RECORD_HEADER: usize = 48;
/// The longest payload. A message of a quarter of this length has no profit of the journal any
/// more; what became of a message with thousands of recipients can be longer.
pub const MOST_PAYLOAD: usize = 3 * 1024 * 1024;

const MAGIC: [u8; 8] = *b"postjrn1";
/// The copy of the segment's header: in another sector, whatever the sectors' size up to 2 KiB.
const COPY_AT: usize = PAGE / 2;
const SEGMENT_HEADER: usize = 36;

/// What a segment says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SegmentHeader {
    /// Drawn at random when the segment is begun.
    pub nonce: u64,
    /// How many segments were begun before it.
    pub ordinal: u64,
    /// The number of its first record.
    pub first: Sequence,
}

impl SegmentHeader {
    /// Page 0.
    #[must_use]
    pub fn page(&self) -> [u8; PAGE] {
        let mut page = [0; PAGE];
        let mut header = Writer::default();
        header.put(&MAGIC);
        for number in [self.nonce, self.ordinal, self.first] {
            header.put(&number.to_le_bytes());
        }
        header.put(&crc32c::crc32c(&header.0).to_le_bytes());
        for at in [0, COPY_AT] {
            for (to, from) in page.iter_mut().skip(at).zip(&header.0) {
                *to = *from;
            }
        }
        page
    }

    /// Reads page 0: the newer of the two copies, since a power cut may have kept one of an
    /// earlier life. None when both are damaged.
    #[must_use]
    pub fn read(page: &[u8]) -> Option<Self> {
        let copies = [0, COPY_AT].map(|at| Self::read_one(page.get(at..at + SEGMENT_HEADER)?));
        copies.into_iter().flatten().max_by_key(|header| header.ordinal)
    }

    fn read_one(octets: &[u8]) -> Option<Self> {
        let (covered, crc) = octets.split_at_checked(SEGMENT_HEADER - 4)?;
        let good = covered.starts_with(&MAGIC) && crc == crc32c::crc32c(covered).to_le_bytes();
        good.then(|| {
            Some(Self {
                nonce: u64_at(covered, 8)?,
                ordinal: u64_at(covered, 16)?,
                first: u64_at(covered, 24)?,
            })
        })?
    }
}

/// What a record says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordHeader {
    /// Which one it is.
    pub sequence: Sequence,
    /// Octets of its payload.
    pub length: u32,
    /// What it holds.
    pub kind: Kind,
    /// How many records of its batch stand before it.
    pub place: u32,
    /// CRC-32C of its payload.
    pub checksum: u32,
}

impl RecordHeader {
    /// The header of a payload.
    #[must_use]
    pub fn of(sequence: Sequence, kind: Kind, place: u32, payload: &[u8]) -> Self {
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        Self { sequence, length, kind, place, checksum: crc32c::crc32c(payload) }
    }

    /// Appends header, payload and padding.
    pub fn write(&self, nonce: u64, payload: &[u8], to: &mut Vec<u8>) {
        let mut header = Writer::default();
        header.put(&nonce.to_le_bytes());
        header.put(&self.sequence.to_le_bytes());
        header.put(&self.length.to_le_bytes());
        header.put(&self.kind.0.to_le_bytes());
        // Two octets of flags and eight for the number of a key: for encrypted payloads, later.
        header.put(&[0; 10]);
        header.put(&self.place.to_le_bytes());
        header.put(&self.checksum.to_le_bytes());
        header.put(&[0; 4]);
        header.put(&crc32c::crc32c(&header.0).to_le_bytes());
        to.extend_from_slice(&header.0);
        to.extend_from_slice(payload);
        to.resize(to.len().next_multiple_of(ALIGNMENT), 0);
    }

    /// Reads the header at the beginning of some octets. None when there is none of this segment.
    #[must_use]
    pub fn read(octets: &[u8], nonce: u64) -> Option<Self> {
        let octets = octets.get(..RECORD_HEADER)?;
        // Most octets that are looked at while searching end here.
        if u64_at(octets, 0)? != nonce {
            return None;
        }
        let (covered, crc) = octets.split_at_checked(RECORD_HEADER - 4)?;
        (crc == crc32c::crc32c(covered).to_le_bytes()).then_some(())?;
        let length = u32_at(octets, 16)?;
        let kind = Kind(u16::from_le_bytes(octets.get(20..22)?.try_into().ok()?));
        let header = Self {
            sequence: u64_at(octets, 8)?,
            length,
            kind,
            place: u32_at(octets, 32)?,
            checksum: u32_at(octets, 36)?,
        };
        (header.payload_length() <= MOST_PAYLOAD).then_some(header)
    }

    /// Octets of the payload.
    #[must_use]
    pub fn payload_length(&self) -> usize {
        usize::try_from(self.length).unwrap_or(usize::MAX)
    }

    /// Octets from this record's beginning to the next one's.
    #[must_use]
    pub fn extent(&self) -> usize {
        extent(self.payload_length())
    }

    /// The number of the first record of its batch.
    #[must_use]
    pub fn batch(&self) -> Sequence {
        self.sequence.saturating_sub(u64::from(self.place))
    }

    /// Whether a payload is the one that was written.
    #[must_use]
    pub fn fits(&self, payload: &[u8]) -> bool {
        payload.len() == self.payload_length() && crc32c::crc32c(payload) == self.checksum
    }
}

/// Octets that a record with such a payload takes.
#[must_use]
pub const fn extent(payload: usize) -> usize {
    RECORD_HEADER.saturating_add(payload).next_multiple_of(ALIGNMENT)
}

#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn put(&mut self, octets: &[u8]) {
        self.0.extend_from_slice(octets);
    }
}

fn u64_at(octets: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(octets.get(at..at + 8)?.try_into().ok()?))
}

fn u32_at(octets: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(octets.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: u64 = 0x1234_5678_9abc_def0;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        for length in [0, 1, 7, 8, 9, 4096] {
            let payload = vec![7; length];
            let header = RecordHeader::of(42, Kind(3), 2, &payload);
            let mut octets = Vec::new();
            header.write(NONCE, &payload, &mut octets);
            assert_eq!(octets.len(), header.extent());
            assert_eq!(RecordHeader::read(&octets, NONCE), Some(header));
            assert!(header.fits(&octets[RECORD_HEADER..RECORD_HEADER + length]));
            assert_eq!(RecordHeader::read(&octets, NONCE + 1), None, "another segment's record");
        }
    }

    #[test]
    fn a_flipped_bit_of_a_record_never_passes() {
        let header = RecordHeader::of(42, Kind(3), 0, b"payload!");
        let mut octets = Vec::new();
        header.write(NONCE, b"payload!", &mut octets);
        for bit in 0..octets.len() * 8 {
            let mut flipped = octets.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let read = RecordHeader::read(&flipped, NONCE);
            assert!(!read.is_some_and(|read| read.fits(&flipped[RECORD_HEADER..])), "bit {bit}");
        }
    }

    #[test]
    fn a_segment_header_survives_any_damaged_sector() {
        let header = SegmentHeader { nonce: NONCE, ordinal: 9, first: 1000 };
        let page = header.page();
        assert_eq!(SegmentHeader::read(&page), Some(header));
        for sector in 0..PAGE / 512 {
            let mut damaged = page;
            damaged[sector * 512..(sector + 1) * 512].fill(0xff);
            assert_eq!(SegmentHeader::read(&damaged), Some(header), "sector {sector}");
        }
        assert_eq!(SegmentHeader::read(&[0; PAGE]), None);
    }
}
