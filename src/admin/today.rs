//! The present day, and what has become of recipients in it.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::model::Timestamp;

/// What has become of recipients since midnight, local time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Day {
    /// The last midnight.
    pub since: Timestamp,
    /// Recipients for whom a server accepted the message.
    pub sent: u64,
    /// Recipients for whom Postroom gave up.
    pub failed: u64,
}

/// The last midnight in a time zone.
pub(super) fn midnight(now: Timestamp, zone: TimeZone) -> Timestamp {
    let millis = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
    let instant = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX);
    let begin = instant.to_zoned(zone).start_of_day().map(|day| day.timestamp());
    let begin = begin.unwrap_or(instant).as_millisecond();
    Timestamp::from_millis(u64::try_from(begin).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        let instant: jiff::Timestamp = text.parse().unwrap();
        Timestamp::from_millis(u64::try_from(instant.as_millisecond()).unwrap())
    }

    fn warsaw() -> TimeZone {
        TimeZone::fixed(jiff::tz::Offset::from_seconds(3600).unwrap())
    }

    #[test]
    fn a_day_begins_at_local_midnight() {
        let now = at("2026-11-28T23:30:00Z");
        assert_eq!(midnight(now, TimeZone::UTC), at("2026-11-28T00:00:00Z"));
        assert_eq!(midnight(now, warsaw()), at("2026-11-28T23:00:00Z"));
    }
}
