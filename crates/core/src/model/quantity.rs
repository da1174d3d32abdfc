//! Points in time and sizes, each with its unit in the type.

use std::{
    fmt,
    str::FromStr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A point in wall-clock time, in milliseconds since 1970-01-01 UTC. This type is for what is
/// stored and shown; waits use `tokio::time`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The epoch.
    pub const ZERO: Self = Self(0);
    /// Later than anything that will happen.
    pub const MAX: Self = Self(u64::MAX);

    /// Makes a time from milliseconds since the epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0 / 1000
    }

    /// The time this long after; never beyond [`Timestamp::MAX`].
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration.as_millis().try_into().unwrap_or(u64::MAX)))
    }

    /// The time this long before; never before the epoch.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(duration.as_millis().try_into().unwrap_or(u64::MAX)))
    }

    /// The time that has passed since `earlier`; zero if that is in the future (clocks do step
    /// back).
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    fn zoned(self) -> jiff::Zoned {
        let millis = i64::try_from(self.0).unwrap_or(i64::MAX);
        let instant = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX);
        instant.to_zoned(jiff::tz::TimeZone::UTC)
    }

    /// The form of header fields (RFC 5322 3.3): `Sun, 22 Nov 2026 20:32:48 +0000`.
    #[must_use]
    pub fn to_rfc5322(self) -> String {
        self.zoned().strftime("%a, %-d %b %Y %H:%M:%S +0000").to_string()
    }

    /// The day, in the form that people write: `2026-11-22`, in UTC.
    #[must_use]
    pub fn to_date(self) -> String {
        self.zoned().strftime("%Y-%m-%d").to_string()
    }

    /// The beginning of a day in UTC, as [`Timestamp::to_date`] writes it.
    #[must_use]
    pub fn from_date(text: &str) -> Option<Self> {
        let day: jiff::civil::Date = text.parse().ok()?;
        let begins = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        u64::try_from(begins.timestamp().as_millisecond()).ok().map(Self)
    }

    /// Reads the form of HTTP (RFC 9110 5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`. Nobody sends the
    /// two older forms any more.
    #[must_use]
    pub fn from_http_date(text: &str) -> Option<Self> {
        let instant = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
        u64::try_from(instant.as_millisecond()).ok().map(Self)
    }

    /// The form of logs and the console (RFC 3339): `2026-11-22T20:32:48.123Z`.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        self.zoned().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::ZERO.plus(since)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

/// A number of octets. Written in the config as `"35MB"`, `"512KiB"` or `"1000"`; in JSON a number,
/// so that scripts can add them up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "u64")]
pub struct ByteSize(u64);

/// A size as a person or a program writes it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Octets(u64),
    Text(String),
}

/// A text that is not a size.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("\"{0}\" is not a size; write a number and a unit, for example \"35MB\" or \"512KiB\"")]
pub struct InvalidSize(String);

impl ByteSize {
    /// Makes a size from octets.
    #[must_use]
    pub const fn from_octets(octets: u64) -> Self {
        Self(octets)
    }

    /// Makes a size from units of 1,048,576 octets.
    #[must_use]
    pub const fn from_mebibytes(mebibytes: u64) -> Self {
        Self(mebibytes * 1024 * 1024)
    }

    /// The number of octets.
    #[must_use]
    pub const fn octets(self) -> u64 {
        self.0
    }
}

/// The units of the config. As in Microsoft's limits, and unlike the SI, `MB` is 1,048,576 octets.
const UNITS: &[(&str, u64)] = &[
    ("", 1),
    ("b", 1),
    ("kb", 1 << 10),
    ("kib", 1 << 10),
    ("mb", 1 << 20),
    ("mib", 1 << 20),
    ("gb", 1 << 30),
    ("gib", 1 << 30),
];

impl FromStr for ByteSize {
    type Err = InvalidSize;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidSize(text.to_owned());
        let trimmed = text.trim();
        let end = trimmed.find(|c: char| !c.is_ascii_digit()).unwrap_or(trimmed.len());
        let (digits, unit) = trimmed.split_at(end);
        let number: u64 = digits.parse().map_err(|_not_a_number| invalid())?;
        let unit = unit.trim().to_ascii_lowercase();
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(invalid)?;
        number.checked_mul(*factor).map(Self).ok_or_else(invalid)
    }
}

impl TryFrom<Written> for ByteSize {
    type Error = InvalidSize;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        match written {
            Written::Octets(octets) => Ok(Self(octets)),
            Written::Text(text) => text.parse(),
        }
    }
}

impl From<ByteSize> for u64 {
    fn from(size: ByteSize) -> Self {
        size.0
    }
}

impl fmt::Display for ByteSize {
    /// The largest unit in which the size is a whole number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, factor) in [("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10)] {
            if self.0 >= factor && self.0.is_multiple_of(factor) {
                return write!(f, "{}{unit}", self.0 / factor);
            }
        }
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_reads_as_people_write_it() {
        for (text, octets) in [
            ("35MB", 36_700_160),
            ("512 KiB", 524_288),
            ("1000", 1000),
            ("2gb", 2 << 30),
            ("7b", 7),
        ] {
            assert_eq!(text.parse(), Ok(ByteSize::from_octets(octets)), "{text}");
        }
    }

    #[test]
    fn a_size_is_a_number_in_json_and_read_from_either() {
        let size = ByteSize::from_mebibytes(35);
        assert_eq!(serde_json::to_string(&size).unwrap(), "36700160");
        for text in ["36700160", "\"35MB\"", "\"36700160\""] {
            assert_eq!(serde_json::from_str::<ByteSize>(text).unwrap(), size, "{text}");
        }
        assert!(serde_json::from_str::<ByteSize>("\"large\"").is_err());
    }

    #[test]
    fn a_size_without_sense_is_refused() {
        for text in ["", "MB", "3 apples", "-1MB", "99999999999GB", "1.5MB"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
    }

    #[test]
    fn dates_are_in_the_header_form_without_a_leading_zero() {
        let at = Timestamp::from_millis(1_741_548_328_007);
        assert_eq!(at.to_rfc5322(), "Sun, 9 Mar 2025 19:25:28 +0000");
        assert_eq!(at.to_rfc3339(), "2025-03-09T19:25:28.007Z");
    }

    #[test]
    fn a_clock_that_steps_back_yields_no_time_gone_by() {
        assert_eq!(Timestamp::from_millis(5).since(Timestamp::from_millis(9)), Duration::ZERO);
        assert_eq!(Timestamp::MAX.plus(Duration::from_secs(1)), Timestamp::MAX);
    }
}
