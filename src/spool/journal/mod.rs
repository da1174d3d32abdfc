//! The journal of everything that happens: the truth about small messages, and about what becomes
//! of all of them. The index follows it.
//!
//! - `record`: records as octets; pure
//! - `segment_disk`: segments on the spool's disk
//! - `log`: appends records in the order in which they take effect, and knows what is durable

pub(super) mod log;
pub(super) mod record;
pub(super) mod segment_disk;
