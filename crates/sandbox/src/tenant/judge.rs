//! Observations of the client, for tests and for curious users: counters, peaks, and every exceeded
//! limit.

use std::collections::BTreeMap;

use serde::Serialize;

use postroom_core::model::Timestamp;

/// The maximum number of violations kept in full. Further ones are only counted.
const VIOLATIONS_KEPT: usize = 1000;

/// A number that rises and falls, with its peak.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Gauge {
    /// The present number.
    pub now: usize,
    /// The largest number so far.
    pub peak: usize,
    /// The total number of rises.
    pub total: u64,
}

impl Gauge {
    pub(crate) fn rise(&mut self) -> usize {
        self.now += 1;
        self.total += 1;
        self.peak = self.peak.max(self.now);
        self.now
    }

    pub(crate) fn fall(&mut self) {
        self.now = self.now.saturating_sub(1);
    }

    /// Resets the peak and the total, but keeps the present number.
    pub(crate) fn reset(&mut self) {
        *self = Self { now: self.now, peak: self.now, total: 0 };
    }
}

/// A limit of Exchange Online.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// The number of `MAIL FROM` in any 60 s.
    MessagesPerMinute,
    /// The number of recipients of accepted messages in any 24 h.
    RecipientsPerDay,
    /// The number of recipients of one message.
    RecipientsPerMessage,
    /// The number of sessions logged in at the same time.
    Connections,
    /// The number of messages between `DATA` and the last answer at the same time.
    Submissions,
    /// The size of one message in octets.
    MessageSize,
    /// The number of requests to Graph in progress at the same time.
    GraphRequests,
    /// A bare CR or LF in the text.
    BareLineEnd,
}

/// One occasion on which a limit was exceeded.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Violation {
    /// The time at which the limit was exceeded.
    pub at: Timestamp,
    /// The mailbox; empty on the MX side.
    pub mailbox: String,
    /// The limit that was exceeded.
    pub limit: Limit,
    /// The observed value.
    pub seen: u64,
    /// The allowed value.
    pub allowed: u64,
}

/// Observations of one mailbox.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct MailboxReport {
    /// The number of successful logins.
    pub logins: u64,
    /// The number of accepted `MAIL FROM`.
    pub begun: u64,
    /// The number of accepted messages.
    pub accepted: u64,
    /// The number of messages refused at end of data, by rule or by fault.
    pub refused: u64,
    /// The number of recipients of accepted messages.
    pub recipients: u64,
    /// The highest number of `MAIL FROM` in any 60 s.
    pub begun_per_minute_peak: u64,
    /// The highest number of accepted messages in any 60 s.
    pub accepted_per_minute_peak: u64,
    /// The highest number of recipients of accepted messages in any 24 h.
    pub recipients_per_day_peak: u64,
    /// Logged-in sessions.
    pub sessions: Gauge,
    /// Messages between `DATA` and the last answer.
    pub submissions: Gauge,
    /// The time until which the continuous-error throttle is in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttled_until: Option<Timestamp>,
    /// The octets in Sent Items.
    pub stored: u64,
}

/// Observations of the client.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct SandboxState {
    /// The mailboxes by address.
    pub mailboxes: BTreeMap<String, MailboxReport>,
    /// Connections to the submission listener.
    pub connections: Gauge,
    /// Connections to the MX listener.
    pub mx_connections: Gauge,
    /// Requests to Graph.
    pub graph: Gauge,
    /// The number of messages accepted by all listeners.
    pub accepted: u64,
    /// The number of access tokens issued.
    pub tokens: u64,
    /// The number of refused logins.
    pub refused_logins: u64,
    /// The number of accepted messages whose answer was withheld. Each repetition is a duplicate.
    pub unanswered: u64,
    /// The number of repeated attempts to send a message to a recipient.
    pub repeated: u64,
    /// The shortest time between two such attempts in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shortest_repeat_ms: Option<u64>,
    /// The number of times that a recipient got the same message again.
    pub duplicates: u64,
    /// The number of faults played.
    pub faults_played: u64,
    /// The total number of violations.
    pub violations_total: u64,
    /// The first violations in full.
    pub violations: Vec<Violation>,
}

impl SandboxState {
    pub(crate) fn violate(&mut self, violation: Violation) {
        self.violations_total += 1;
        if self.violations.len() < VIOLATIONS_KEPT {
            self.violations.push(violation);
        }
    }
}
