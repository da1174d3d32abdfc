//! How long we wait for a client: for its next octets, for a text to make progress, and for a
//! stranger to log in.
//!
//! A client that sends one octet at a time is never silent, so a limit on silence alone bounds
//! nothing.

use std::time::Duration;

use tokio::time::Instant;

use crate::{listener::ReceivingLimits, model::ByteSize};

/// The longest silence of a stranger, which can only log in and shares few places with others.
/// Deliberately shorter than RFC 5321 4.5.3.2.7 asks for: devices in `networks` get that.
pub(super) const STRANGER_SILENCE: Duration = Duration::from_secs(60);
/// The longest time from a stranger's connection to its login, including three attempts.
const STRANGER_TIME: Duration = Duration::from_secs(300);
/// The octets by which a text must grow within `data_timeout`. A page has more, however slow the
/// device is.
const TEXT_FLOOR: u64 = 16 * 1024;
/// The longest time for a whole text. 50 MB in this time are 3.5 kB/s, slower than any line still
/// in use.
const TEXT_TIME: Duration = Duration::from_secs(4 * 3600);

/// Who the client is, as far as its timeouts depend on that.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    /// One of the configured devices.
    Device,
    /// A client that is not known, or not yet.
    Stranger,
}

/// The timeouts of one connection.
pub(super) struct Timeouts {
    connected: Instant,
    text: Option<Text>,
}

/// A text that is being received.
struct Text {
    begun: Instant,
    /// When the text last made progress, and how many octets there were then.
    mark: (Instant, u64),
}

impl Timeouts {
    pub(super) const fn new(now: Instant) -> Self {
        Self { connected: now, text: None }
    }

    /// When the text that is being received last made progress. None outside a text.
    pub(super) fn last_progress(&self) -> Option<Instant> {
        self.text.as_ref().map(|text| text.mark.0)
    }

    /// The time until which we wait for the next octets. `text` is the size of an unfinished text.
    pub(super) fn deadline(
        &mut self,
        standing: Standing,
        text: Option<ByteSize>,
        limits: &ReceivingLimits,
        now: Instant,
    ) -> Instant {
        let Some(text) = text else {
            self.text = None;
            return match standing {
                Standing::Device => now + limits.command_timeout,
                Standing::Stranger => (now + limits.command_timeout.min(STRANGER_SILENCE))
                    .min(self.connected + STRANGER_TIME),
            };
        };
        let octets = text.octets();
        let under_way = self.text.get_or_insert(Text { begun: now, mark: (now, octets) });
        if octets.saturating_sub(under_way.mark.1) >= TEXT_FLOOR {
            under_way.mark = (now, octets);
        }
        (under_way.mark.0 + limits.data_timeout).min(under_way.begun + TEXT_TIME)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listener::tests::LIMITS;

    /// Simulates a text that grows by `growth` after each `pause`. Returns the time until it is cut
    /// off.
    fn text_that_drips(pause: Duration, growth: u64) -> Duration {
        let start = Instant::now();
        let (mut timeouts, mut now, mut octets) = (Timeouts::new(start), start, 0);
        loop {
            let deadline = timeouts.deadline(
                Standing::Device,
                Some(ByteSize::from_octets(octets)),
                &LIMITS,
                now,
            );
            if now + pause > deadline {
                return deadline - start;
            }
            now += pause;
            octets += growth;
        }
    }

    #[test]
    fn a_text_has_to_get_on_and_to_end() {
        assert_eq!(text_that_drips(Duration::from_secs(60), 1), LIMITS.data_timeout);
        assert_eq!(text_that_drips(Duration::from_secs(601), TEXT_FLOOR), LIMITS.data_timeout);
        assert_eq!(text_that_drips(Duration::from_secs(599), TEXT_FLOOR), TEXT_TIME);
    }

    #[test]
    fn a_scanner_may_pause_before_each_page_of_each_message() {
        let start = Instant::now();
        let mut timeouts = Timeouts::new(start);
        let now = start + Duration::from_secs(10_000);
        assert_eq!(
            timeouts.deadline(Standing::Device, None, &LIMITS, now),
            now + LIMITS.command_timeout
        );
        assert_eq!(
            timeouts.deadline(Standing::Device, Some(ByteSize::from_octets(0)), &LIMITS, now),
            now + LIMITS.data_timeout
        );
        timeouts.deadline(Standing::Device, None, &LIMITS, now);
        let later = now + Duration::from_secs(590);
        assert_eq!(
            timeouts.deadline(Standing::Device, Some(ByteSize::from_octets(0)), &LIMITS, later),
            later + LIMITS.data_timeout
        );
    }

    #[test]
    fn a_stranger_has_five_minutes_whatever_it_says() {
        let start = Instant::now();
        let mut timeouts = Timeouts::new(start);
        assert_eq!(
            timeouts.deadline(Standing::Stranger, None, &LIMITS, start),
            start + STRANGER_SILENCE
        );
        let later = start + Duration::from_secs(299);
        assert_eq!(
            timeouts.deadline(Standing::Stranger, None, &LIMITS, later),
            start + STRANGER_TIME
        );
        assert_eq!(
            timeouts.deadline(Standing::Device, None, &LIMITS, later),
            later + LIMITS.command_timeout
        );
    }
}
