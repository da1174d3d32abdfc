//! `[retry]`.

use std::time::Duration;

use super::{
    reference::{Key, Shown},
    table::{Table, duration_in_list},
};
use crate::queue::RetrySettings;

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "spacing",
        shown: Shown::As("[\"30m\", \"30m\", \"1h\", \"2h\", \"4h\"]"),
        about: "How long after the first, second, … failed attempt the next one follows; the last \
            repeats. None under 30m (RFC 5321 4.5.4.1).",
    },
    Key {
        name: "give_up_after",
        shown: Shown::As("\"5d\""),
        about: "Then the recipient fails, and the administrator is told (RFC 5321 4.5.4.1: at \
            least 4 to 5 days).",
    },
    Key {
        name: "delay_notice_after",
        shown: Shown::As("\"4h\""),
        about: "Then the administrator is told that a message is late.",
    },
];

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// A weekend without a connection must not lose mail.
const SHORTEST_WISE: Duration = Duration::from_secs(3 * 24 * 3600);
/// A plan longer than this is a slip of the pen.
const MOST_STEPS: usize = 100;

pub(super) fn read(table: &Table<'_>) -> RetrySettings {
    let spacing = table
        .list("spacing", duration_in_list)
        .unwrap_or_else(|| vec![HOUR / 2, HOUR / 2, HOUR, 2 * HOUR, 4 * HOUR]);
    if spacing.is_empty() || spacing.len() > MOST_STEPS {
        table.error(
            "spacing",
            format!("needs 1 to {MOST_STEPS} entries; write for example [\"30m\", \"1h\", \"4h\"]"),
        );
    }
    for short in spacing.iter().filter(|step| **step < RetrySettings::FLOOR) {
        let short = humantime::format_duration(*short);
        table.error(
            "spacing",
            format!(
                "{short} is too short: attempts are at least 30 minutes apart (RFC 5321 \
                4.5.4.1); write \"30m\" or more"
            ),
        );
    }
    let give_up_after = table.duration("give_up_after").unwrap_or(5 * DAY);
    let delay_notice_after = table.duration("delay_notice_after").unwrap_or(4 * HOUR);
    if give_up_after < RetrySettings::FLOOR {
        table.error(
            "give_up_after",
            "is shorter than 30 minutes: nothing would ever be tried \
            twice; write for example \"5d\"",
        );
    } else if give_up_after < SHORTEST_WISE {
        table.warning(
            "give_up_after",
            "is shorter than a weekend: an outage could cost mail; RFC \
            5321 4.5.4.1 asks for 4 to 5 days",
        );
    }
    if give_up_after >= RetrySettings::FLOOR && delay_notice_after >= give_up_after {
        table.warning(
            "delay_notice_after",
            "is not before give_up_after: nobody will be told that mail is late",
        );
    }
    RetrySettings { spacing, give_up_after, delay_notice_after }
}
