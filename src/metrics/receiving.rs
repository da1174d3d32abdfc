//! What the listeners, sessions and devices count.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use crate::model::TlsVersion;

/// Metrics of the receiving half.
pub struct Receiving {
    /// Connections open now.
    pub connections: Gauge,
    /// Connections taken.
    pub connections_accepted: Counter,
    /// Connections turned away, over a limit.
    pub connections_refused: Counter,
    /// TLS handshakes done, by version.
    pub handshakes: Family<TlsLabel, Counter>,
    /// TLS handshakes that failed.
    pub handshakes_failed: Counter,
    /// Logins that were right.
    pub logins_accepted: Counter,
    /// Logins that were not.
    pub logins_refused: Counter,
    /// Senders and recipients refused, by reason.
    pub refusals: Family<RefusalLabel, Counter>,
    /// Messages for which `250` was given.
    pub messages_accepted: Counter,
    /// Octets of those messages.
    pub message_bytes: Counter,
    /// Messages that ended before end of data.
    pub messages_broken_off: Counter,
    /// Messages that the disk refused.
    pub messages_not_stored: Counter,
    /// Connections whose task panicked.
    pub session_panics: Counter,
}

/// Why a sender or recipient was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// In no device's `networks`, and not logged in.
    Stranger,
    /// `auth = "required"`.
    LoginRequired,
    /// `encryption = "required"`, or TLS older than the device may use.
    Encryption,
    /// `senders`.
    Sender,
    /// `recipients`.
    Recipient,
    /// `max_message`.
    Size,
    /// `messages_per_minute`.
    Rate,
}

impl Refusal {
    const ALL: [Self; 7] = [
        Self::Stranger,
        Self::LoginRequired,
        Self::Encryption,
        Self::Sender,
        Self::Recipient,
        Self::Size,
        Self::Rate,
    ];
}

/// `reason` of a refusal.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct RefusalLabel {
    reason: &'static str,
}

impl From<Refusal> for RefusalLabel {
    fn from(refusal: Refusal) -> Self {
        let reason = match refusal {
            Refusal::Stranger => "stranger",
            Refusal::LoginRequired => "login_required",
            Refusal::Encryption => "encryption",
            Refusal::Sender => "sender",
            Refusal::Recipient => "recipient",
            Refusal::Size => "size",
            Refusal::Rate => "rate",
        };
        Self { reason }
    }
}

/// `version` of a handshake, as the config has it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct TlsLabel {
    version: &'static str,
}

impl From<TlsVersion> for TlsLabel {
    fn from(version: TlsVersion) -> Self {
        Self { version: version.as_str() }
    }
}

impl Receiving {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            connections: Gauge::default(),
            connections_accepted: Counter::default(),
            connections_refused: Counter::default(),
            handshakes: Family::default(),
            handshakes_failed: Counter::default(),
            logins_accepted: Counter::default(),
            logins_refused: Counter::default(),
            refusals: Family::default(),
            messages_accepted: Counter::default(),
            message_bytes: Counter::default(),
            messages_broken_off: Counter::default(),
            messages_not_stored: Counter::default(),
            session_panics: Counter::default(),
        };
        // What has not happened yet is a zero: a rate over it must not begin with a gap.
        for reason in Refusal::ALL {
            drop(metrics.refusals.get_or_create(&reason.into()));
        }
        for version in TlsVersion::ALL {
            drop(metrics.handshakes.get_or_create(&version.into()));
        }
        metrics.register_connections(registry);
        metrics.register_messages(registry);
        metrics
    }

    fn register_connections(&self, registry: &mut Registry) {
        registry.register(
            "connections",
            "Connections from devices open now",
            self.connections.clone(),
        );
        registry.register(
            "connections_accepted",
            "Connections taken from devices",
            self.connections_accepted.clone(),
        );
        registry.register(
            "connections_refused",
            "Connections turned away because a limit was reached",
            self.connections_refused.clone(),
        );
        registry.register(
            "tls_handshakes",
            "TLS handshakes done with devices",
            self.handshakes.clone(),
        );
        registry.register(
            "tls_handshakes_failed",
            "TLS handshakes with devices that failed",
            self.handshakes_failed.clone(),
        );
        registry.register(
            "logins_accepted",
            "Logins of devices that were right",
            self.logins_accepted.clone(),
        );
        registry.register(
            "logins_refused",
            "Logins of devices that were wrong or too many",
            self.logins_refused.clone(),
        );
    }

    fn register_messages(&self, registry: &mut Registry) {
        registry.register(
            "refusals",
            "Senders and recipients refused to devices",
            self.refusals.clone(),
        );
        registry.register(
            "messages_accepted",
            "Messages accepted with 250",
            self.messages_accepted.clone(),
        );
        registry.register(
            "message_bytes",
            "Octets of the messages accepted",
            self.message_bytes.clone(),
        );
        registry.register(
            "messages_broken_off",
            "Messages that ended before their end of data",
            self.messages_broken_off.clone(),
        );
        registry.register(
            "messages_not_stored",
            "Messages that the disk refused",
            self.messages_not_stored.clone(),
        );
        registry.register(
            "session_panics",
            "Connections that ended in a panic",
            self.session_panics.clone(),
        );
    }
}
