//! The metrics of connections to upstream servers.

use prometheus_client::{
    metrics::{counter::Counter, histogram::Histogram},
    registry::{Registry, Unit},
};

/// Metrics of the connections to upstream servers.
pub struct Upstream {
    /// Connections that became ready for `MAIL FROM`.
    pub connections: Counter,
    /// Connections that failed before that: DNS, TCP, TLS or login.
    pub troubles: Counter,
    /// The total size of the messages that were sent up to their final dot, in octets.
    pub message_bytes: Counter,
    /// The time from the final dot to its reply. Servers that throttle delay this reply.
    pub answer: Histogram,
}

/// The buckets of the reply time, in seconds. RFC 5321 4.5.3.2.6 allows ten minutes.
const ANSWER_BUCKETS: [f64; 10] = [0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 600.0];

impl Upstream {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            connections: Counter::default(),
            troubles: Counter::default(),
            message_bytes: Counter::default(),
            answer: Histogram::new(ANSWER_BUCKETS),
        };
        registry.register(
            "upstream_connections",
            "Connections to upstream servers that became ready for MAIL FROM",
            metrics.connections.clone(),
        );
        let help = "Connections to upstream servers that failed before MAIL FROM";
        registry.register("upstream_troubles", help, metrics.troubles.clone());
        let help = "Total size of the messages sent up to their final dot";
        registry.register_with_unit(
            "upstream_messages",
            help,
            Unit::Bytes,
            metrics.message_bytes.clone(),
        );
        registry.register_with_unit(
            "upstream_answer",
            "Time from the final dot to the server's reply",
            Unit::Seconds,
            metrics.answer.clone(),
        );
        metrics
    }
}
