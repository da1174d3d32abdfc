//! `[spool]`.

use std::{path::Path, time::Duration};

use super::{
    reference::{Key, Shown},
    table::Table,
};
use crate::{model::ByteSize, spool::SpoolSettings};

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "min_free",
        shown: Shown::As("\"500MB\""),
        about: "Below this, devices are told to come back (452) instead of filling the disk.",
    },
    Key {
        name: "journal_keep",
        shown: Shown::As("\"90d\""),
        about: "How long the line about each delivered or failed recipient is kept.",
    },
];

const MIN_FREE: ByteSize = ByteSize::from_mebibytes(500);
/// The index needs room to write even while mail is refused.
const LEAST_FREE: ByteSize = ByteSize::from_mebibytes(16);
const JOURNAL_KEEP: Duration = Duration::from_secs(90 * 24 * 3600);

pub(super) fn read(table: &Table<'_>, data_dir: &Path) -> SpoolSettings {
    let min_free = table.size("min_free").unwrap_or(MIN_FREE);
    if min_free < LEAST_FREE {
        table.error(
            "min_free",
            format!(
                "is under {LEAST_FREE}: on a full disk not even the \
            outcome of an attempt can be stored"
            ),
        );
    }
    let journal_keep = table.duration("journal_keep").unwrap_or(JOURNAL_KEEP);
    SpoolSettings { data_dir: data_dir.to_owned(), min_free, journal_keep }
}
