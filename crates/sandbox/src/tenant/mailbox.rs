//! One mailbox with its windows, its throttle and its quota.

use std::{collections::VecDeque, time::Duration};

use crate::{
    Limits, MailboxSettings,
    fault::cited,
    tenant::{
        judge::{Gauge, MailboxReport},
        window::Window,
    },
};
use postroom_core::model::{Address, Timestamp};

/// The window in which Microsoft counts messages.
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
/// The window in which Microsoft counts recipients.
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);

/// The permanent errors whose repetition throttles a mailbox (550 5.2.251 to .255).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ContinuousError {
    MailboxFull,
    SendAsDenied,
}

impl ContinuousError {
    pub(crate) const fn throttled(self) -> &'static str {
        match self {
            Self::MailboxFull => cited::THROTTLED_MAILBOX_FULL,
            Self::SendAsDenied => cited::THROTTLED_SEND_AS,
        }
    }
}

pub(crate) struct Mailbox {
    pub(crate) settings: MailboxSettings,
    pub(crate) begun: Window,
    pub(crate) accepted: Window,
    pub(crate) recipients: Window,
    /// The times of the last answers, past and planned, for at most a minute. Delays are computed
    /// from them.
    releases: VecDeque<Timestamp>,
    streak: Option<(ContinuousError, u32)>,
    throttle: Option<(ContinuousError, Timestamp)>,
    pub(crate) report: MailboxReport,
}

impl Mailbox {
    pub(crate) fn new(settings: MailboxSettings) -> Self {
        Self {
            settings,
            begun: Window::new(MINUTE),
            accepted: Window::new(MINUTE),
            recipients: Window::new(DAY),
            releases: VecDeque::new(),
            streak: None,
            throttle: None,
            report: MailboxReport::default(),
        }
    }

    /// Resets all records of the past, but keeps the sessions that are connected.
    pub(crate) fn reset(&mut self) {
        let (mut sessions, mut submissions): (Gauge, Gauge) =
            (self.report.sessions, self.report.submissions);
        sessions.reset();
        submissions.reset();
        *self = Self::new(self.settings.clone());
        self.report = MailboxReport { sessions, submissions, ..MailboxReport::default() };
    }

    /// Whether the mailbox may send as this address. A plus tag is ignored.
    pub(crate) fn may_send_as(&self, address: &str) -> bool {
        let Ok(address) = address.parse::<Address>() else { return false };
        let plain = without_tag(&address);
        let listed = |allowed: &String| match allowed.strip_prefix("*@") {
            Some(domain) => address.domain().eq_ignore_ascii_case(domain),
            None => allowed.eq_ignore_ascii_case(&plain),
        };
        plain.eq_ignore_ascii_case(&without_tag(&self.settings.address))
            || self.settings.senders.iter().any(listed)
    }

    /// The refusal in force because the client repeated one error too often; none without a
    /// throttle.
    pub(crate) fn throttled(&mut self, now: Timestamp) -> Option<&'static str> {
        if self.throttle.is_some_and(|(_, until)| now >= until) {
            self.throttle = None;
            self.streak = None;
        }
        self.throttle.map(|(error, _)| error.throttled())
    }

    /// Records a permanent error. Too many in a row throttle the mailbox.
    pub(crate) fn repeat(&mut self, error: ContinuousError, limits: &Limits, now: Timestamp) {
        let times = match self.streak {
            Some((same, times)) if same == error => times + 1,
            Some(_) | None => 1,
        };
        self.streak = Some((error, times));
        if times > limits.continuous_errors {
            self.throttle = Some((error, now.plus(limits.throttled_for)));
        }
    }

    /// Counts an accepted message. Returns how long its answer is delayed, when the rate is
    /// enforced by delay.
    pub(crate) fn accept(
        &mut self,
        recipients: u64,
        octets: u64,
        per_minute: usize,
        now: Timestamp,
    ) -> Duration {
        self.streak = None;
        self.report.accepted += 1;
        self.report.recipients += recipients;
        self.report.stored = self.report.stored.saturating_add(octets);
        self.recipients.add(now, recipients);
        let per_minute = per_minute.max(1);
        while self.releases.len() > per_minute {
            self.releases.pop_front();
        }
        let earliest =
            self.releases.len().checked_sub(per_minute).and_then(|index| self.releases.get(index));
        let release = earliest.map_or(now, |at| at.plus(MINUTE).max(now));
        self.releases.push_back(release);
        self.accepted.add(now, 1);
        release.since(now)
    }

    pub(crate) fn report(&self) -> MailboxReport {
        MailboxReport {
            begun_per_minute_peak: self.begun.peak(),
            accepted_per_minute_peak: self.accepted.peak(),
            recipients_per_day_peak: self.recipients.peak(),
            throttled_until: self.throttle.map(|(_, until)| until),
            ..self.report.clone()
        }
    }
}

/// The address without the plus tag of its local part: Exchange Online resolves plus addresses in
/// this way.
pub(crate) fn without_tag(address: &Address) -> String {
    let local = address.local_part();
    let plain = local.split_once('+').map_or(local, |(plain, _)| plain);
    format!("{plain}@{}", address.domain()).to_lowercase()
}
