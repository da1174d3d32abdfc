//! Warnings about files that hold a secret and about certificates that expire, for several
//! sections.

use std::path::Path;

use super::{schema::Named, table::Table};
use crate::{model::Timestamp, upstream::Chain};

/// The time before a certificate's end from which on there is a warning. Public ones are renewed 30
/// days ahead.
const DAYS_AHEAD: u64 = 21;
const DAY: u64 = 24 * 60 * 60;

/// Warns if every user of the machine can read the file.
pub(super) fn warn_if_open_to_all(table: &Table<'_>, key: &dyn Named, path: &Path, mode: u32) {
    const OTHERS: u32 = 0o007;
    if mode & OTHERS != 0 {
        let shown = path.display();
        table.warning(
            key,
            format!("every user of this machine can read {shown}; run: chmod 600 {shown}"),
        );
    }
}

/// Warns if a certificate has expired, expires soon, or is not valid yet.
pub(super) fn warn_of_dates(table: &Table<'_>, key: &dyn Named, chain: &Chain, now: Timestamp) {
    let names = chain.names.join(", ");
    if chain.not_after <= now {
        table.warning(
            key,
            format!("for {names} expired at {}: renew it", chain.not_after.to_rfc3339()),
        );
    } else if chain.not_after.since(now).as_secs() < DAYS_AHEAD * DAY {
        table.warning(
            key,
            format!("for {names} expires at {}: renew it", chain.not_after.to_rfc3339()),
        );
    } else if chain.not_before > now {
        table.warning(
            key,
            format!(
                "for {names} is valid only from {}: check this machine's clock",
                chain.not_before.to_rfc3339()
            ),
        );
    }
}
