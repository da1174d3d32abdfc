//! `[retry]`.

use std::time::Duration;

use super::{
    schema::general::{DELAY_NOTICE_AFTER, GIVE_UP_AFTER, SPACING},
    table::Table,
};
use crate::queue::RetrySettings;

/// A weekend without a connection must not lose mail.
const SHORTEST_WISE: Duration = Duration::from_secs(3 * 24 * 3600);
/// The maximum number of entries: a longer list is a mistake.
const MOST_STEPS: usize = 100;

pub(super) fn read(table: &Table<'_>) -> RetrySettings {
    let spacing = table.get(&SPACING);
    if spacing.is_empty() || spacing.len() > MOST_STEPS {
        table.error(
            &SPACING,
            format!("needs 1 to {MOST_STEPS} entries; write for example [\"30m\", \"1h\", \"4h\"]"),
        );
    }
    for short in spacing.iter().filter(|step| **step < RetrySettings::FLOOR) {
        let short = humantime::format_duration(*short);
        table.error(
            &SPACING,
            format!(
                "{short} is too short: attempts are at least 30 minutes apart (RFC 5321 \
                4.5.4.1); write \"30m\" or more"
            ),
        );
    }
    let give_up_after = table.get(&GIVE_UP_AFTER);
    let delay_notice_after = table.get(&DELAY_NOTICE_AFTER);
    if give_up_after < RetrySettings::FLOOR {
        table.error(
            &GIVE_UP_AFTER,
            "is shorter than 30 minutes: Postroom would never try twice; write for example \"5d\"",
        );
    } else if give_up_after < SHORTEST_WISE {
        table.warning(
            &GIVE_UP_AFTER,
            "is shorter than a weekend: an outage could cost mail; RFC 5321 4.5.4.1 recommends 4 \
            to 5 days",
        );
    }
    if give_up_after >= RetrySettings::FLOOR && delay_notice_after >= give_up_after {
        table.warning(
            &DELAY_NOTICE_AFTER,
            "is not shorter than give_up_after: the administrator will not be told that mail is \
            late",
        );
    }
    RetrySettings { spacing, give_up_after, delay_notice_after }
}
