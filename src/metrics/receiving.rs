//! What the listeners, sessions and devices count.

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};

/// Metrics of the receiving half.
pub struct Receiving {
    /// Connections open now.
    pub connections: Gauge,
    /// Connections taken.
    pub connections_accepted: Counter,
    /// Connections turned away, over a limit.
    pub connections_refused: Counter,
    /// Messages for which `250` was given.
    pub messages_accepted: Counter,
    /// Octets of those messages.
    pub message_bytes: Counter,
    /// Connections whose task panicked.
    pub session_panics: Counter,
}

impl Receiving {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            connections: Gauge::default(),
            connections_accepted: Counter::default(),
            connections_refused: Counter::default(),
            messages_accepted: Counter::default(),
            message_bytes: Counter::default(),
            session_panics: Counter::default(),
        };
        registry.register("connections", "Connections from devices open now", metrics.connections.clone());
        registry.register("connections_accepted", "Connections taken from devices", metrics.connections_accepted.clone());
        registry.register(
            "connections_refused",
            "Connections turned away because a limit was reached",
            metrics.connections_refused.clone(),
        );
        registry.register("messages_accepted", "Messages accepted with 250", metrics.messages_accepted.clone());
        registry.register("message_bytes", "Octets of the messages accepted", metrics.message_bytes.clone());
        registry.register("session_panics", "Connections that ended in a panic", metrics.session_panics.clone());
        metrics
    }
}
