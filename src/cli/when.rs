//! Times as people write them on the command line: `2026-11-24`, `2026-11-24T10:00`, `yesterday`,
//! `3h`.

use std::{str::FromStr, time::Duration};

use jiff::{
    ToSpan as _,
    civil::{Date, DateTime},
    tz::TimeZone,
};

use crate::model::Timestamp;

/// A time as a person wrote it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum When {
    /// A time with a zone.
    At(Timestamp),
    /// A local time.
    Local(DateTime),
    /// A local day.
    Day(Date),
    /// A number of days ago: 0 is today.
    DaysAgo(u8),
    /// This long ago.
    Ago(Duration),
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Ok(instant) = text.parse::<jiff::Timestamp>() {
            return Ok(Self::At(timestamp(instant)));
        }
        if let Ok(day) = text.parse::<Date>().map_err(drop).and_then(|day| {
            // The reader of days accepts a time behind the day and ignores it.
            if text.len() == day.to_string().len() { Ok(day) } else { Err(()) }
        }) {
            return Ok(Self::Day(day));
        }
        if let Ok(local) = text.replace(' ', "T").parse::<DateTime>() {
            return Ok(Self::Local(local));
        }
        match text.to_lowercase().as_str() {
            "today" => return Ok(Self::DaysAgo(0)),
            "yesterday" => return Ok(Self::DaysAgo(1)),
            _other => {}
        }
        humantime::parse_duration(text).map(Self::Ago).map_err(|_unreadable| {
            format!(
                "\"{text}\" is not a time; write for example 2026-11-24, 2026-11-24T10:00, \
                yesterday, or 3h for three hours ago"
            )
        })
    }
}

/// Which end of a day counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge {
    /// Its beginning, for `--since`.
    Beginning,
    /// Its end, for `--until`: the day is included.
    End,
}

impl When {
    /// The moment, in a time zone.
    pub(super) fn resolve(self, edge: Edge, now: Timestamp, zone: &TimeZone) -> Timestamp {
        let at = |local: DateTime| zone.to_timestamp(local).map_or(now, timestamp);
        let day = |day: Date| {
            let day = match edge {
                Edge::Beginning => day,
                Edge::End => day.saturating_add(1.day()),
            };
            at(day.to_datetime(jiff::civil::Time::midnight()))
        };
        match self {
            Self::At(at) => at,
            Self::Local(local) => at(local),
            Self::Day(date) => day(date),
            Self::DaysAgo(days) => {
                let today = zone.to_datetime(instant(now)).date();
                day(today.saturating_sub(i64::from(days).days()))
            }
            Self::Ago(span) => now.minus(span),
        }
    }
}

/// A time in the local zone, for tables: `2026-11-24 10:03:12 +01:00`.
pub(super) fn local(at: Timestamp, zone: &TimeZone) -> String {
    instant(at).to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}

/// A time in the form of mbox files, in UTC: `Tue Nov 24 09:03:12 2026`.
pub(super) fn asctime(at: Timestamp) -> String {
    instant(at).strftime("%a %b %e %H:%M:%S %Y").to_string()
}

fn instant(at: Timestamp) -> jiff::Timestamp {
    let millis = i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX)
}

fn timestamp(instant: jiff::Timestamp) -> Timestamp {
    Timestamp::from_millis(u64::try_from(instant.as_millisecond()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, edge: Edge, expected: &str) {
        let zone = TimeZone::fixed(jiff::tz::Offset::from_seconds(3600).unwrap());
        let now = timestamp("2026-11-28T22:30:00Z".parse().unwrap());
        let when: When = text.parse().unwrap();
        assert_eq!(local(when.resolve(edge, now, &zone), &zone), expected, "{text}");
    }

    #[test]
    fn a_time_is_local_unless_it_has_a_zone() {
        check("2026-11-24T10:00:00Z", Edge::Beginning, "2026-11-24 11:00:00 +01:00");
        check("2026-11-24T10:00", Edge::Beginning, "2026-11-24 10:00:00 +01:00");
        check("2026-11-24 10:00", Edge::End, "2026-11-24 10:00:00 +01:00");
        check("90m", Edge::End, "2026-11-28 22:00:00 +01:00");
    }

    #[test]
    fn a_day_is_meant_with_its_end() {
        check("2026-11-24", Edge::Beginning, "2026-11-24 00:00:00 +01:00");
        check("2026-11-24", Edge::End, "2026-11-25 00:00:00 +01:00");
        check("today", Edge::Beginning, "2026-11-28 00:00:00 +01:00");
        check("Yesterday", Edge::End, "2026-11-28 00:00:00 +01:00");
    }

    #[test]
    fn what_is_no_time_is_refused_with_examples() {
        for text in ["", "tuesday", "2026-13-01", "-3h"] {
            let said = text.parse::<When>().unwrap_err();
            assert!(said.contains("2026-11-24T10:00"), "{said}");
        }
    }
}
