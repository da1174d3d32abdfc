//! The metrics of the queue, accounts and deliveries.

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, LabelSetEncoder},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use crate::model::RecipientOutcome;

/// Metrics of the sending half. The label `account` has one value for each configured account.
pub struct Sending {
    /// Attempts that were begun.
    pub attempts: Counter,
    /// The outcomes of attempts, one for each recipient.
    pub outcomes: Family<OutcomeLabel, Counter>,
    /// Delivered recipients.
    pub recipients_delivered: Counter,
    /// Recipients that failed for good.
    pub recipients_failed: Counter,
    /// Attempts with an unknown outcome.
    pub doubts: Counter,
    /// The time from acceptance to delivery.
    pub delivery_latency: Histogram,
    /// Messages that wait for the account, by what they wait for, when they were last counted.
    pub account_queue: Family<AccountQueueLabel, Gauge>,
    /// The age of the oldest message that waits for the account, when it was last counted.
    pub account_oldest: Family<AccountLabel, Gauge>,
    /// 1 for the present state of the account, 0 for the other states.
    pub account_state: Family<AccountStateLabel, Gauge>,
    /// Open connections to the account's server.
    pub account_connections: Family<AccountLabel, Gauge>,
    /// Domains of direct send that mail is waiting for.
    pub account_domains_held_up: Family<AccountLabel, Gauge>,
    /// Transactions in the last minute, as the server may count them.
    pub account_minute_messages: Family<AccountLabel, Gauge>,
    /// Recipients in the last 24 hours, as the server may count them.
    pub account_day_recipients: Family<AccountLabel, Gauge>,
    /// The limit of recipients in 24 hours, if there is one.
    pub account_day_recipients_limit: Family<AccountLabel, Gauge>,
    /// The time of the last delivery, in seconds since 1970.
    pub account_last_delivery: Family<AccountLabel, Gauge>,
    /// The time until a credential of the account expires.
    pub account_credential_expiry: Family<CredentialLabel, Gauge>,
    /// Attempts whose task ended in a panic.
    pub attempt_panics: Counter,
    /// Notices and alerts that were written.
    pub notices: Counter,
    /// Notices that were withheld because of their number.
    pub notices_withheld: Counter,
}

/// The label of metrics about an account.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct AccountLabel {
    /// The account's `name` in the configuration.
    pub account: String,
}

/// The labels of the metric about an account's queue.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct AccountQueueLabel {
    /// The account's `name` in the configuration.
    pub account: String,
    /// What the messages wait for.
    pub state: QueueStateValue,
}

/// What a message of an account's queue waits for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, EncodeLabelValue)]
#[expect(
    non_camel_case_types,
    reason = "the names are the label's values, and Prometheus writes those in lower case"
)]
pub enum QueueStateValue {
    /// The first attempt has not begun.
    waiting,
    /// An attempt failed, and the message waits for the next one.
    retrying,
    /// An attempt is in progress.
    sending,
    /// A person holds the message back.
    held,
}

impl QueueStateValue {
    /// All states.
    pub const ALL: [Self; 4] = [Self::waiting, Self::retrying, Self::sending, Self::held];
}

/// The labels of the metric about an account's state.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct AccountStateLabel {
    /// The account's `name` in the configuration.
    pub account: String,
    /// One of the states of an account.
    pub state: StateValue,
}

/// The labels of the metric about a credential's expiry.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct CredentialLabel {
    /// The account's `name` in the configuration.
    pub account: String,
    /// The kind of credential.
    pub credential: CredentialValue,
}

/// A kind of credential that expires.
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
    /// The account sends mail.
    ready,
    /// The account waits until a known time.
    paused,
    /// The account waits until a login succeeds or a person acts.
    stopped,
    /// A person disabled the account.
    disabled,
}

impl StateValue {
    /// All states.
    pub const ALL: [Self; 4] = [Self::ready, Self::paused, Self::stopped, Self::disabled];
}

/// The label of the metric about outcomes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct OutcomeLabel {
    /// The outcome, as the log names it.
    pub outcome: RecipientOutcome,
}

impl EncodeLabelSet for OutcomeLabel {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> std::fmt::Result {
        [("outcome", self.outcome.as_str())].encode(encoder)
    }
}

/// What an attempt, or a person, makes of a recipient.
const OUTCOMES: [RecipientOutcome; 5] = [
    RecipientOutcome::Delivered,
    RecipientOutcome::Failed,
    RecipientOutcome::Delayed,
    RecipientOutcome::Doubtful,
    RecipientOutcome::Deleted,
];

/// The buckets of the delivery latency, in seconds. A scan should arrive before its owner is back
/// at the desk. A throttled one takes minutes, and one that is retried takes hours.
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
            account_queue: Family::default(),
            account_oldest: Family::default(),
            account_state: Family::default(),
            account_connections: Family::default(),
            account_domains_held_up: Family::default(),
            account_minute_messages: Family::default(),
            account_day_recipients: Family::default(),
            account_day_recipients_limit: Family::default(),
            account_last_delivery: Family::default(),
            account_credential_expiry: Family::default(),
            attempt_panics: Counter::default(),
            notices: Counter::default(),
            notices_withheld: Counter::default(),
        };
        for outcome in OUTCOMES {
            drop(metrics.outcomes.get_or_create(&OutcomeLabel { outcome }));
        }
        metrics.register_messages(registry);
        metrics.register_accounts(registry);
        metrics
    }

    fn register_messages(&self, registry: &mut Registry) {
        registry.register(
            "attempts",
            "Transactions that were begun with an upstream server",
            self.attempts.clone(),
        );
        registry.register(
            "outcomes",
            "Outcomes of attempts, one for each recipient",
            self.outcomes.clone(),
        );
        registry.register(
            "recipients_delivered",
            "Recipients for whom an upstream server accepted the message",
            self.recipients_delivered.clone(),
        );
        registry.register(
            "recipients_failed",
            "Recipients for whom Postroom gave up",
            self.recipients_failed.clone(),
        );
        registry.register(
            "doubtful_attempts",
            "Attempts with an unknown outcome; each may have caused a duplicate",
            self.doubts.clone(),
        );
        let help =
            "Time from acceptance to the upstream server's final reply, for delivered recipients";
        registry.register_with_unit(
            "delivery_latency",
            help,
            Unit::Seconds,
            self.delivery_latency.clone(),
        );
        registry.register(
            "attempt_panics",
            "Attempts whose task ended in a panic",
            self.attempt_panics.clone(),
        );
        registry.register("notices", "Notices and alerts that were written", self.notices.clone());
        registry.register(
            "notices_withheld",
            "Notices that were withheld because there were too many",
            self.notices_withheld.clone(),
        );
    }

    fn register_accounts(&self, registry: &mut Registry) {
        registry.register(
            "account_queue_messages",
            "Messages with recipients that wait for the account, by state, when last counted",
            self.account_queue.clone(),
        );
        registry.register_with_unit(
            "account_oldest_message_age",
            "Age of the oldest message that waits for the account, 0 if none waits, when last \
            counted",
            Unit::Seconds,
            self.account_oldest.clone(),
        );
        registry.register(
            "account_state",
            "1 for the present state of the account, 0 for the other states",
            self.account_state.clone(),
        );
        registry.register(
            "account_connections",
            "Open connections to the account's server",
            self.account_connections.clone(),
        );
        let help = "Domains of direct send that mail is waiting for although the account is ready";
        registry.register("account_domains_held_up", help, self.account_domains_held_up.clone());
        let help = "Transactions in the last 60 seconds, as the server may count them";
        registry.register("account_minute_messages", help, self.account_minute_messages.clone());
        let help = "Recipients in the last 24 hours, as the server may count them";
        registry.register("account_day_recipients", help, self.account_day_recipients.clone());
        let help = "Limit of recipients in 24 hours, absent if the account has none";
        registry.register(
            "account_day_recipients_limit",
            help,
            self.account_day_recipients_limit.clone(),
        );
        let help = "Time until the account's credential expires; negative after its expiry, absent \
            if the expiry is unknown";
        registry.register_with_unit(
            "account_credential_expiry",
            help,
            Unit::Seconds,
            self.account_credential_expiry.clone(),
        );
        let help = "Time of the last delivery, since 1970";
        registry.register_with_unit(
            "account_last_delivery_timestamp",
            help,
            Unit::Seconds,
            self.account_last_delivery.clone(),
        );
    }
}
