//! How many recipients were served today: counted from the journal, and kept, so that each line is
//! read about once.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::{
    model::{RecipientOutcome, Timestamp},
    spool::{JournalLine, Spool, SpoolError},
};

/// Lines of this time are counted anew each time, because a line is written a moment after the time
/// that it names.
const UNSETTLED: Duration = Duration::from_secs(60);
/// Lines that are read at once.
const STEP: usize = 1000;

/// What has become of recipients since midnight, local time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Day {
    /// Midnight.
    pub since: Timestamp,
    /// Recipients for whom a server accepted the message.
    pub sent: u64,
    /// Recipients for whom Postroom gave up.
    pub failed: u64,
}

/// The counts of today.
#[derive(Default)]
pub struct Today(Mutex<Counted>);

#[derive(Default)]
struct Counted {
    /// The lines before this time.
    settled: Option<(Day, Timestamp)>,
    /// All lines.
    latest: Option<Day>,
}

impl Today {
    /// The counts when they were last brought up to date.
    #[must_use]
    pub fn latest(&self) -> Option<Day> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).latest
    }

    /// Reads what has been added to the journal. The first call of a day reads all lines of that
    /// day, so it belongs on a thread that may block.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn bring_up_to_date(
        &self,
        spool: &Spool,
        now: Timestamp,
        zone: TimeZone,
    ) -> Result<(), SpoolError> {
        let since = midnight(now, zone);
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let none = Day { since, sent: 0, failed: 0 };
        let known = counted.settled.filter(|(day, _until)| day.since == since);
        let (mut settled, from) = known.unwrap_or((none, since));
        let until = now.minus(UNSETTLED).max(from);
        let mut recent = none;
        let mut before = None;
        'pages: loop {
            let lines = spool.journal(before, STEP)?;
            for line in &lines {
                if line.at < from {
                    break 'pages;
                }
                if line.at < until { &mut settled } else { &mut recent }.add(line);
            }
            let Some(last) = lines.last() else { break };
            before = Some(last.at);
        }
        let latest = Day {
            since,
            sent: settled.sent.saturating_add(recent.sent),
            failed: settled.failed.saturating_add(recent.failed),
        };
        *counted = Counted { settled: Some((settled, until)), latest: Some(latest) };
        Ok(())
    }
}

impl Day {
    const fn add(&mut self, line: &JournalLine) {
        match line.outcome {
            RecipientOutcome::Delivered => self.sent = self.sent.saturating_add(1),
            RecipientOutcome::Failed => self.failed = self.failed.saturating_add(1),
            RecipientOutcome::Delayed
            | RecipientOutcome::Doubtful
            | RecipientOutcome::Deleted
            | RecipientOutcome::Quarantined
            | RecipientOutcome::Lost => {}
        }
    }
}

/// The last midnight in a time zone.
fn midnight(now: Timestamp, zone: TimeZone) -> Timestamp {
    let millis = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
    let instant = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX);
    let begin = instant.to_zoned(zone).start_of_day().map(|day| day.timestamp());
    let begin = begin.unwrap_or(instant).as_millisecond();
    Timestamp::from_millis(u64::try_from(begin).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        clock::Clock,
        metrics::Metrics,
        model::{ByteSize, MessageId, Recipient, ReversePath},
        spool::{Change, SpoolSettings},
    };

    fn at(text: &str) -> Timestamp {
        let instant: jiff::Timestamp = text.parse().unwrap();
        Timestamp::from_millis(u64::try_from(instant.as_millisecond()).unwrap())
    }

    fn warsaw() -> TimeZone {
        TimeZone::fixed(jiff::tz::Offset::from_seconds(3600).unwrap())
    }

    fn line(at: Timestamp, outcome: RecipientOutcome) -> JournalLine {
        JournalLine {
            at,
            id: MessageId::new(at, 7),
            device: "printers".into(),
            account: "scanner".into(),
            sender: ReversePath::Null,
            recipient: Recipient::new("anna@contoso.com".parse().unwrap()),
            outcome,
            attempts: 1,
            doubts: 0,
            reply: None,
            received: at,
            size: ByteSize::from_octets(1),
        }
    }

    #[test]
    fn a_day_begins_at_local_midnight() {
        let now = at("2026-11-28T23:30:00Z");
        assert_eq!(midnight(now, TimeZone::UTC), at("2026-11-28T00:00:00Z"));
        assert_eq!(midnight(now, warsaw()), at("2026-11-28T23:00:00Z"));
    }

    #[tokio::test]
    async fn each_line_of_today_counts_once_and_a_new_day_begins_at_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let settings = SpoolSettings {
            data_dir: folder.path().into(),
            min_free: ByteSize::from_octets(0),
            journal_keep: Duration::from_secs(90 * 86_400),
        };
        let start = at("2026-11-28T12:00:00Z");
        let clock = Clock::fixed(start);
        let route = Arc::new(|_device: &_| "scanner".into());
        let spool = Spool::open(settings, route, clock, Metrics::new()).unwrap();
        let add = |lines: &[(&str, RecipientOutcome)]| {
            let journal = lines.iter().map(|(time, outcome)| line(at(time), *outcome)).collect();
            spool.apply(Change { journal, ..Change::default() }).unwrap();
        };
        let today = Today::default();
        let count = |now| {
            today.bring_up_to_date(&spool, at(now), warsaw()).unwrap();
            let day = today.latest().unwrap();
            (day.sent, day.failed)
        };
        assert_eq!(today.latest(), None);
        add(&[
            ("2026-11-27T22:59:59Z", RecipientOutcome::Delivered),
            ("2026-11-27T23:00:00Z", RecipientOutcome::Delivered),
            ("2026-11-28T11:00:00Z", RecipientOutcome::Failed),
            ("2026-11-28T11:00:01Z", RecipientOutcome::Deleted),
            ("2026-11-28T11:59:30Z", RecipientOutcome::Delivered),
        ]);
        assert_eq!(count("2026-11-28T12:00:00Z"), (2, 1));
        assert_eq!(count("2026-11-28T12:00:00Z"), (2, 1));
        // A line that was written late, and one that came later.
        add(&[
            ("2026-11-28T11:59:40Z", RecipientOutcome::Delivered),
            ("2026-11-28T12:30:00Z", RecipientOutcome::Failed),
        ]);
        assert_eq!(count("2026-11-28T13:00:00Z"), (3, 2));
        assert_eq!(count("2026-11-28T22:59:00Z"), (3, 2));
        assert_eq!(count("2026-11-28T23:00:00Z"), (0, 0));
    }
}
