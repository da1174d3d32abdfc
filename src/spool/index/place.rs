//! Where the journal keeps a message, as the index has it: segment (8 octets), offset (4), extent
//! (4), big-endian.

use postroom_journal::Place;

/// Where a message is, and the octets that its record takes there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::spool) struct Located {
    pub(in crate::spool) place: Place,
    pub(in crate::spool) octets: u32,
}

impl Located {
    pub(in crate::spool) fn to_value(self) -> Vec<u8> {
        let mut value = self.place.segment.to_be_bytes().to_vec();
        value.extend_from_slice(&self.place.offset.to_be_bytes());
        value.extend_from_slice(&self.octets.to_be_bytes());
        value
    }

    /// None when it makes no sense.
    pub(in crate::spool) fn from_value(value: &[u8]) -> Option<Self> {
        let (segment, rest) = value.split_first_chunk::<8>()?;
        let (offset, rest) = rest.split_first_chunk::<4>()?;
        let octets = u32::from_be_bytes(*rest.first_chunk::<4>()?);
        let (segment, offset) = (u64::from_be_bytes(*segment), u32::from_be_bytes(*offset));
        Some(Self { place: Place { segment, offset }, octets })
    }
}
