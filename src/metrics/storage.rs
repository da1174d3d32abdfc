//! What the spool and the index count.

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};

/// Metrics of the spool.
pub struct Storage {
    /// Messages in the queue.
    pub queue_messages: Gauge,
    /// Index syncs; several callers share one.
    pub index_syncs: Counter,
    /// Files moved to quarantine.
    pub quarantined: Counter,
}

impl Storage {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self { queue_messages: Gauge::default(), index_syncs: Counter::default(), quarantined: Counter::default() };
        registry.register("queue_messages", "Messages in the queue", metrics.queue_messages.clone());
        registry.register("index_syncs", "Times the index was made durable", metrics.index_syncs.clone());
        registry.register("quarantined_messages", "Files moved to quarantine", metrics.quarantined.clone());
        metrics
    }
}
