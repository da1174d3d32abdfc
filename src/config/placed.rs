//! What sections and checks share: where a value was read, and facts about the machine.

use std::path::Path;

use crate::{model::Timestamp, upstream::DnsSettings};

/// A value, and the path of the table from which it was read.
pub(super) struct Placed<T> {
    pub(super) key: String,
    pub(super) value: T,
}

/// What a section needs to know about the machine and the whole config.
pub(super) struct Here<'a> {
    pub(super) hostname: &'a str,
    pub(super) data_dir: &'a Path,
    /// `[dns]`.
    pub(super) dns: &'a DnsSettings,
    /// The current time, for certificates and secrets that expire.
    pub(super) now: Timestamp,
}
