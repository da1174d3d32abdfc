//! `[spool]`.

use std::path::Path;

use super::{
    schema::general::{JOURNAL_KEEP, MIN_FREE},
    table::Table,
};
use crate::{model::ByteSize, spool::SpoolSettings};

/// The minimum of `min_free`: the index needs room to write even while mail is refused.
const LEAST_FREE: ByteSize = ByteSize::from_mebibytes(16);

pub(super) fn read(table: &Table<'_>, data_dir: &Path) -> SpoolSettings {
    let min_free = table.get(&MIN_FREE);
    if min_free < LEAST_FREE {
        table.error(
            &MIN_FREE,
            format!(
                "is under {LEAST_FREE}: on a full disk, Postroom could not even store the outcome \
                of an attempt"
            ),
        );
    }
    let journal_keep = table.get(&JOURNAL_KEEP);
    SpoolSettings { data_dir: data_dir.to_owned(), min_free, journal_keep }
}
