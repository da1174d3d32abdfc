//! What was seen of the client, for the tests and the curious: counters, peaks, and every limit
//! that was exceeded.

use std::collections::BTreeMap;

use serde::Serialize;

use postroom_core::model::Timestamp;

/// Violations told in full; the rest is counted.
const VIOLATIONS_KEPT: usize = 1000;

/// Something that goes up and down, and how far up it went.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Gauge {
    /// The present number.
    pub now: usize,
    /// The largest number so far.
    pub peak: usize,
    /// All together.
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

    /// Forgets the past, not the present.
    pub(crate) fn reset(&mut self) {
        *self = Self { now: self.now, peak: self.now, total: 0 };
    }
}

/// A limit of Exchange Online.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// `MAIL FROM` in any 60 s.
    MessagesPerMinute,
    /// Recipients of accepted messages in any 24 h.
    RecipientsPerDay,
    /// Recipients of one message.
    RecipientsPerMessage,
    /// Sessions logged in at once.
    Connections,
    /// Messages between `DATA` and its last answer at once.
    Submissions,
    /// Octets of one message.
    MessageSize,
    /// A bare CR or LF in the text.
    BareLineEnd,
}

/// One time that a limit was exceeded.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Violation {
    /// The time at which the limit was exceeded.
    pub at: Timestamp,
    /// Whose; empty on the MX side.
    pub mailbox: String,
    /// The limit that was exceeded.
    pub limit: Limit,
    /// What was seen.
    pub seen: u64,
    /// What is allowed.
    pub allowed: u64,
}

/// What was seen of one mailbox.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct MailboxReport {
    /// Logins taken.
    pub logins: u64,
    /// `MAIL FROM` accepted.
    pub begun: u64,
    /// Messages accepted.
    pub accepted: u64,
    /// Messages refused at end of data, whether by rule or by fault.
    pub refused: u64,
    /// Recipients of accepted messages.
    pub recipients: u64,
    /// The most `MAIL FROM` in any 60 s.
    pub begun_per_minute_peak: u64,
    /// The most messages accepted in any 60 s.
    pub accepted_per_minute_peak: u64,
    /// The most recipients of accepted messages in any 24 h.
    pub recipients_per_day_peak: u64,
    /// Sessions logged in.
    pub sessions: Gauge,
    /// Messages between `DATA` and its last answer.
    pub submissions: Gauge,
    /// The continuous-error throttle holds until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttled_until: Option<Timestamp>,
    /// Octets in Sent Items.
    pub stored: u64,
}

/// What was seen of the client.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct SandboxState {
    /// By address.
    pub mailboxes: BTreeMap<String, MailboxReport>,
    /// Connections to the submission listener.
    pub connections: Gauge,
    /// Connections to the MX listener.
    pub mx_connections: Gauge,
    /// Messages accepted, both listeners.
    pub accepted: u64,
    /// Access tokens handed out.
    pub tokens: u64,
    /// Refused logins.
    pub refused_logins: u64,
    /// Messages accepted whose answer was withheld: each repetition is a duplicate.
    pub unanswered: u64,
    /// Recipients of a message that were tried again.
    pub repeated: u64,
    /// The least time between two such tries, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shortest_repeat_ms: Option<u64>,
    /// Recipients that were given the same message again.
    pub duplicates: u64,
    /// Faults played.
    pub faults_played: u64,
    /// All violations.
    pub violations_total: u64,
    /// The first of them.
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
