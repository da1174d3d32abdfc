//! How much space the disk has left.

use serde::{Deserialize, Serialize};

use crate::{
    model::ByteSize,
    spool::{Spool, SpoolError},
};

/// The free space of the spool's disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Room {
    /// The free space, in octets.
    pub free: ByteSize,
    /// `min_free`: with less free space, messages are refused.
    pub min_free: ByteSize,
}

impl Spool {
    /// The free space of the disk. Cheap: the disk is asked at most once a second.
    ///
    /// # Errors
    /// When the disk cannot be asked.
    pub fn room(&self) -> Result<Room, SpoolError> {
        let core = &self.0.core;
        let free = ByteSize::from_octets(core.free_octets()?);
        Ok(Room { free, min_free: core.settings.min_free })
    }
}
