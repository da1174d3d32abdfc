//! All metrics with their names and labels, and one handle to them.
//!
//! Names start with `postroom_` and end in a unit, as Prometheus recommends. Counters get the
//! suffix `_total` when they are rendered. Label values come from enums, so the types bound their
//! number. An address is never a label. Each file contains the metrics of one part of the program.
//! `docs/metrics.md` lists all metrics; a test checks the list.

mod build;
mod receiving;
mod sending;
mod storage;
mod text_format;
mod upstream;

pub use receiving::{DeviceLabel, Receiving, Refusal, RefusalLabel, TlsLabel};
pub use sending::{
    AccountLabel, AccountQueueLabel, AccountStateLabel, CredentialLabel, CredentialValue,
    OutcomeLabel, QueueStateValue, Sending, StateValue,
};
pub use storage::Storage;
pub use upstream::Upstream;

use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::{encoding::text::encode, registry::Registry};

/// All metrics. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Mutex<Registry>,
    receiving: Receiving,
    storage: Storage,
    sending: Sending,
    upstream: Upstream,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Creates a new set of metrics, all at zero. It is not global: each test has its own.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("postroom");
        build::register(&mut registry);
        let receiving = Receiving::register(&mut registry);
        let storage = Storage::register(&mut registry);
        let sending = Sending::register(&mut registry);
        let upstream = Upstream::register(&mut registry);
        Self(Arc::new(Inner {
            registry: Mutex::new(registry),
            receiving,
            storage,
            sending,
            upstream,
        }))
    }

    /// The metrics of listeners, sessions and devices.
    #[must_use]
    pub fn receiving(&self) -> &Receiving {
        &self.0.receiving
    }

    /// The metrics of the spool and the index.
    #[must_use]
    pub fn storage(&self) -> &Storage {
        &self.0.storage
    }

    /// The metrics of the queue, accounts and deliveries.
    #[must_use]
    pub fn sending(&self) -> &Sending {
        &self.0.sending
    }

    /// The metrics of connections to upstream servers.
    #[must_use]
    pub fn upstream(&self) -> &Upstream {
        &self.0.upstream
    }

    /// Renders all metrics in Prometheus' text format 0.0.4.
    #[must_use]
    pub fn render(&self) -> String {
        let registry = self.0.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        match encode(&mut text, &registry) {
            Ok(()) => text_format::from_open_metrics(&text),
            // Writing to a String cannot fail.
            Err(std::fmt::Error) => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_has_our_prefix_and_a_unit_or_is_a_plain_count() {
        let metrics = Metrics::new();
        metrics.receiving().messages_accepted.inc();
        let text = metrics.render();
        assert!(text.contains("postroom_messages_accepted_total 1"), "{text}");
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            assert!(line.starts_with("postroom_"), "{line}");
        }
    }
}
