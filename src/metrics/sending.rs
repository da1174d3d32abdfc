//! What the queue, the accounts and the way out count.

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

/// Metrics of the sending half. Accounts are named in the config, so `account` has as many values
/// as that.
pub struct Sending {
    /// Attempts begun.
    pub attempts: Counter,
    /// What became of recipients at the end of an attempt.
    pub outcomes: Family<OutcomeLabel, Counter>,
    /// Recipients delivered.
    pub recipients_delivered: Counter,
    /// Recipients given up.
    pub recipients_failed: Counter,
    /// Attempts in doubt.
    pub doubts: Counter,
    /// From acceptance to the server's answer, for recipients delivered.
    pub delivery_latency: Histogram,
    /// One for the state that the account is in, zero for the others.
    pub account_state: Family<AccountStateLabel, Gauge>,
    /// Connections open to an account's server.
    pub account_connections: Family<AccountLabel, Gauge>,
    /// Domains of direct send in trouble.
    pub account_domains_held_up: Family<AccountLabel, Gauge>,
    /// Transactions of the last minute, as the server may count them.
    pub account_minute_messages: Family<AccountLabel, Gauge>,
    /// Recipients of the last day, as the server may count them.
    pub account_day_recipients: Family<AccountLabel, Gauge>,
    /// When something was last delivered, in seconds since 1970.
    pub account_last_delivery: Family<AccountLabel, Gauge>,
    /// Until what an account logs in with ends.
    pub account_credential_expiry: Family<CredentialLabel, Gauge>,
    /// Attempts that ended in a panic.
    pub attempt_panics: Counter,
    /// Notices and alerts written.
    pub notices: Counter,
    /// Notices not written, over the limit.
    pub notices_withheld: Counter,
}

/// Which account.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct AccountLabel {
    /// `name` in the config.
    pub account: String,
}

/// Which account, in which state.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct AccountStateLabel {
    /// `name` in the config.
    pub account: String,
    /// Which state.
    pub state: StateValue,
}

/// What of an account ends.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct CredentialLabel {
    /// `name` in the config.
    pub account: String,
    /// Which credential.
    pub credential: CredentialValue,
}

/// What an account logs in with, if it ends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, EncodeLabelValue)]
#[expect(
    non_camel_case_types,
    reason = "the names are the label's values, and Prometheus writes those in lower case"
)]
pub enum CredentialValue {
    /// An application's secret.
    client_secret,
    /// An application's certificate.
    client_certificate,
    /// A person's sign-in.
    refresh_token,
}

/// The states of an account.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, EncodeLabelValue)]
#[expect(
    non_camel_case_types,
    reason = "the names are the label's values, and Prometheus writes those in lower case"
)]
pub enum StateValue {
    /// It sends.
    ready,
    /// It waits for a known time.
    paused,
    /// It waits for a login to succeed, or for a person.
    stopped,
    /// Switched off.
    disabled,
}

impl StateValue {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::ready, Self::paused, Self::stopped, Self::disabled];
}

/// What became of a recipient.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct OutcomeLabel {
    /// The fixed word of the log.
    pub outcome: OutcomeValue,
}

/// What became of a recipient, as the log says it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, EncodeLabelValue)]
#[expect(
    non_camel_case_types,
    reason = "the names are the label's values, and Prometheus writes those in lower case"
)]
pub enum OutcomeValue {
    /// The server took it.
    delivered,
    /// Given up.
    failed,
    /// It will be tried again.
    delayed,
    /// It will be tried again, and may have been delivered already.
    doubtful,
    /// A person deleted it.
    deleted,
}

impl OutcomeValue {
    const ALL: [Self; 5] =
        [Self::delivered, Self::failed, Self::delayed, Self::doubtful, Self::deleted];
}

/// Seconds. A scan should be there before its owner is back at the desk; a throttled one takes
/// minutes, a failing one hours.
const LATENCY_BUCKETS: [f64; 14] =
    [0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 3600.0, 14400.0, 86400.0, 432_000.0];

impl Sending {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            attempts: Counter::default(),
            outcomes: Family::default(),
            recipients_delivered: Counter::default(),
            recipients_failed: Counter::default(),
            doubts: Counter::default(),
            delivery_latency: Histogram::new(LATENCY_BUCKETS),
            account_state: Family::default(),
            account_connections: Family::default(),
            account_domains_held_up: Family::default(),
            account_minute_messages: Family::default(),
            account_day_recipients: Family::default(),
            account_last_delivery: Family::default(),
            account_credential_expiry: Family::default(),
            attempt_panics: Counter::default(),
            notices: Counter::default(),
            notices_withheld: Counter::default(),
        };
        for outcome in OutcomeValue::ALL {
            drop(metrics.outcomes.get_or_create(&OutcomeLabel { outcome }));
        }
        metrics.register_messages(registry);
        metrics.register_accounts(registry);
        metrics
    }

    fn register_messages(&self, registry: &mut Registry) {
        registry.register(
            "attempts",
            "Transactions begun with an upstream server",
            self.attempts.clone(),
        );
        registry.register(
            "outcomes",
            "What became of recipients at the end of an attempt",
            self.outcomes.clone(),
        );
        registry.register(
            "recipients_delivered",
            "Recipients that an upstream server took",
            self.recipients_delivered.clone(),
        );
        registry.register(
            "recipients_failed",
            "Recipients given up",
            self.recipients_failed.clone(),
        );
        registry.register(
            "doubtful_attempts",
            "Attempts whose outcome nobody knows; each may have made a double",
            self.doubts.clone(),
        );
        let help = "From acceptance to the upstream server's answer, for recipients delivered";
        registry.register_with_unit(
            "delivery_latency",
            help,
            Unit::Seconds,
            self.delivery_latency.clone(),
        );
        registry.register(
            "attempt_panics",
            "Attempts that ended in a panic",
            self.attempt_panics.clone(),
        );
        registry.register("notices", "Notices and alerts written", self.notices.clone());
        registry.register(
            "notices_withheld",
            "Notices not written because there were too many",
            self.notices_withheld.clone(),
        );
    }

    fn register_accounts(&self, registry: &mut Registry) {
        registry.register(
            "account_state",
            "1 for the state that the account is in, 0 for the others",
            self.account_state.clone(),
        );
        registry.register(
            "account_connections",
            "Connections open to the account's server",
            self.account_connections.clone(),
        );
        let help = "Domains of direct send that mail waits for, though the account is ready";
        registry.register("account_domains_held_up", help, self.account_domains_held_up.clone());
        let help = "Transactions of the last 60 seconds, as the server may count them";
        registry.register("account_minute_messages", help, self.account_minute_messages.clone());
        let help = "Recipients of the last 24 hours, as the server may count them";
        registry.register("account_day_recipients", help, self.account_day_recipients.clone());
        let help = "Until what the account logs in with ends; negative when it has ended, absent \
            when nobody knows";
        registry.register_with_unit(
            "account_credential_expiry",
            help,
            Unit::Seconds,
            self.account_credential_expiry.clone(),
        );
        let help = "When a message was last delivered, since 1970";
        registry.register_with_unit(
            "account_last_delivery_timestamp",
            help,
            Unit::Seconds,
            self.account_last_delivery.clone(),
        );
    }
}
