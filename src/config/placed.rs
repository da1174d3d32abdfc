//! What sections and checks tell each other: where a value was read, and the machine it is for.

use std::path::Path;

use crate::{model::Timestamp, upstream::DnsSettings};

/// A value, and the path of the table from which it was read.
pub(super) struct Placed<T> {
    pub(super) key: String,
    pub(super) value: T,
}

/// What a section has to know of the machine and of the whole.
pub(super) struct Here<'a> {
    pub(super) hostname: &'a str,
    pub(super) data_dir: &'a Path,
    /// `[dns]`.
    pub(super) dns: &'a DnsSettings,
    /// For certificates and secrets that end.
    pub(super) now: Timestamp,
}
