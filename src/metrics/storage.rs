//! What the spool and the index count.

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

/// From what a good disk takes to what a device still bears.
const COMMIT_SECONDS: [f64; 10] = [0.000_5, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0];

/// Metrics of the spool.
pub struct Storage {
    /// Messages in the queue.
    pub queue_messages: Gauge,
    /// Free space on the spool's disk, as last asked.
    pub free_bytes: Gauge,
    /// From end of data to durable.
    pub commit_seconds: Histogram,
    /// Times that folders were synced and entries made; several messages share one.
    pub admission_rounds: Counter,
    /// Index syncs; several callers share one.
    pub index_syncs: Counter,
    /// Files moved to quarantine.
    pub quarantined: Counter,
}

impl Storage {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            queue_messages: Gauge::default(),
            free_bytes: Gauge::default(),
            commit_seconds: Histogram::new(COMMIT_SECONDS),
            admission_rounds: Counter::default(),
            index_syncs: Counter::default(),
            quarantined: Counter::default(),
        };
        registry.register(
            "queue_messages",
            "Messages in the queue",
            metrics.queue_messages.clone(),
        );
        registry.register_with_unit(
            "disk_free",
            "Free space on the disk of the spool, as last asked",
            Unit::Bytes,
            metrics.free_bytes.clone(),
        );
        let help = "Time from the end of a message to its being durable";
        registry.register_with_unit("commit", help, Unit::Seconds, metrics.commit_seconds.clone());
        registry.register(
            "admission_rounds",
            "Times that accepted messages were made durable together",
            metrics.admission_rounds.clone(),
        );
        registry.register(
            "index_syncs",
            "Times the index was made durable",
            metrics.index_syncs.clone(),
        );
        registry.register(
            "quarantined_messages",
            "Files moved to quarantine",
            metrics.quarantined.clone(),
        );
        metrics
    }
}
