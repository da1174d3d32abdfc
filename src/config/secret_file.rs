//! Files that hold a secret, and certificates that end: what several sections say about them.

use std::path::Path;

use super::{schema::Named, table::Table};
use crate::{model::Timestamp, upstream::Chain};

/// How long before its end a certificate is warned about. Public ones are renewed 30 days ahead.
const DAYS_AHEAD: u64 = 21;
const DAY: u64 = 24 * 60 * 60;

/// Warns when any user of the machine could read the file.
pub(super) fn warn_if_open_to_all(table: &Table<'_>, key: &dyn Named, path: &Path, mode: u32) {
    const OTHERS: u32 = 0o007;
    if mode & OTHERS != 0 {
        let shown = path.display();
        table.warning(
            key,
            format!("{shown} can be read by every user of this machine; run: chmod 600 {shown}"),
        );
    }
}

/// Warns when a certificate has ended, ends soon, or is not valid yet.
pub(super) fn warn_of_dates(table: &Table<'_>, key: &dyn Named, chain: &Chain, now: Timestamp) {
    let names = chain.names.join(", ");
    if chain.not_after <= now {
        table.warning(
            key,
            format!("for {names} ended at {}: renew it", chain.not_after.to_rfc3339()),
        );
    } else if chain.not_after.since(now).as_secs() < DAYS_AHEAD * DAY {
        table.warning(
            key,
            format!("for {names} ends at {}: renew it", chain.not_after.to_rfc3339()),
        );
    } else if chain.not_before > now {
        table.warning(
            key,
            format!(
                "for {names} begins at {}: check the clock of this machine",
                chain.not_before.to_rfc3339()
            ),
        );
    }
}
