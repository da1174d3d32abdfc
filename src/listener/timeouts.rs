//! How long a client is waited for: for the next octets, for a text to get on, and for a stranger
//! to say who it is.
//!
//! A client that drips one octet at a time is never silent, so silence alone bounds nothing.

use std::time::Duration;

use tokio::time::Instant;

use crate::{listener::ReceivingLimits, model::ByteSize};

/// A stranger has nothing to say but a login, and shares few places with others. Deliberately
/// shorter than RFC 5321 4.5.3.2.7: devices that are in `networks` get what it asks for.
pub(super) const STRANGER_SILENCE: Duration = Duration::from_secs(60);
/// From a stranger's first octet to its login, three tries of it included.
const STRANGER_TIME: Duration = Duration::from_secs(300);
/// What a text has to grow by within `data_timeout`. A page has more, however slow the device; an
/// end of data may always come.
const TEXT_FLOOR: u64 = 16 * 1024;
/// A whole text: 50 MB in this time are 3.5 kB/s, slower than any line that is left.
const TEXT_TIME: Duration = Duration::from_secs(4 * 3600);

/// Whose timeouts is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    /// One of the configured devices.
    Device,
    /// Not known, or not yet.
    Stranger,
}

/// One connection's time.
pub(super) struct Timeouts {
    connected: Instant,
    text: Option<Text>,
}

/// A text that is being received.
struct Text {
    begun: Instant,
    /// When it was last seen to get on, and how much of it there was.
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

    /// Until when the next octets are waited for. `text` is what there is of an unfinished one.
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

    /// Plays waits of `pause` after each of which the text has grown by `growth`, until time is up;
    /// how long that took.
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
