//! The metrics of the spool and the index.

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

/// The buckets of the commit time, in seconds: from the speed of a good disk to the patience of a
/// device.
const COMMIT_SECONDS: [f64; 10] = [0.000_5, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0];

/// Metrics of the spool.
pub struct Storage {
    /// Messages in the queue.
    pub queue_messages: Gauge,
    /// Free space on the spool's disk, when it was last measured.
    pub free_bytes: Gauge,
    /// The free space below which messages are refused.
    pub min_free_bytes: Gauge,
    /// The time from the end of data until the message is durable.
    pub commit_seconds: Histogram,
    /// Group commits: rounds in which directories are synced and entries created for several
    /// messages.
    pub admission_rounds: Counter,
    /// Syncs of the index, which several callers share.
    pub index_syncs: Counter,
    /// Files that were moved to quarantine.
    pub quarantined: Counter,
}

impl Storage {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            queue_messages: Gauge::default(),
            free_bytes: Gauge::default(),
            min_free_bytes: Gauge::default(),
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
            "Free space on the spool's disk, when it was last measured",
            Unit::Bytes,
            metrics.free_bytes.clone(),
        );
        registry.register_with_unit(
            "disk_min_free",
            "Free space below which messages are refused (spool.min_free)",
            Unit::Bytes,
            metrics.min_free_bytes.clone(),
        );
        let help = "Time from the end of data until the message is durable";
        registry.register_with_unit("commit", help, Unit::Seconds, metrics.commit_seconds.clone());
        registry.register(
            "admission_rounds",
            "Group commits, each of which made one or more accepted messages durable",
            metrics.admission_rounds.clone(),
        );
        registry.register("index_syncs", "Syncs of the index to disk", metrics.index_syncs.clone());
        registry.register(
            "quarantined_messages",
            "Files that were moved to quarantine",
            metrics.quarantined.clone(),
        );
        metrics
    }
}
