//! Every metric's name and labels, and one handle to them all.
//!
//! Names start with `postroom_` and end in a unit, as Prometheus asks; counters get their `_total`
//! when written out. Labels are enums, so their number is bounded by the type; never an address as
//! a label. Each file holds the metrics of one half of the way of a message; `docs/metrics.md`
//! lists them, checked by a test.

mod classic;
mod receiving;
mod sending;
mod storage;
mod upstream;

pub use receiving::{Receiving, Refusal, RefusalLabel, TlsLabel};
pub use sending::{
    AccountLabel, AccountStateLabel, CredentialLabel, CredentialValue, OutcomeLabel, OutcomeValue,
    Sending, StateValue,
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
    /// A fresh set, all at zero. Nothing is global: each test has its own.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("postroom");
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

    /// Of the listeners, sessions and devices.
    #[must_use]
    pub fn receiving(&self) -> &Receiving {
        &self.0.receiving
    }

    /// Of the spool and the index.
    #[must_use]
    pub fn storage(&self) -> &Storage {
        &self.0.storage
    }

    /// Of the queue, the accounts and the way out.
    #[must_use]
    pub fn sending(&self) -> &Sending {
        &self.0.sending
    }

    /// Of the connections to upstream servers.
    #[must_use]
    pub fn upstream(&self) -> &Upstream {
        &self.0.upstream
    }

    /// All of them in Prometheus' text format 0.0.4, as a scrape has it.
    #[must_use]
    pub fn render(&self) -> String {
        let registry = self.0.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        match encode(&mut text, &registry) {
            Ok(()) => classic::from_open_metrics(&text),
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
