//! What the queue, the accounts and the way out count.

use prometheus_client::{metrics::counter::Counter, registry::Registry};

/// Metrics of the sending half.
pub struct Sending {
    /// Attempts begun.
    pub attempts: Counter,
    /// Recipients delivered.
    pub recipients_delivered: Counter,
    /// Recipients given up.
    pub recipients_failed: Counter,
    /// Attempts in doubt.
    pub doubts: Counter,
}

impl Sending {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            attempts: Counter::default(),
            recipients_delivered: Counter::default(),
            recipients_failed: Counter::default(),
            doubts: Counter::default(),
        };
        registry.register("attempts", "Transactions begun with an upstream server", metrics.attempts.clone());
        registry.register("recipients_delivered", "Recipients that an upstream server took", metrics.recipients_delivered.clone());
        registry.register("recipients_failed", "Recipients given up", metrics.recipients_failed.clone());
        registry.register("doubtful_attempts", "Attempts whose outcome nobody knows; each may have made a double", metrics.doubts.clone());
        metrics
    }
}
