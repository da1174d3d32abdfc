//! The metrics of listeners, sessions and devices.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

use crate::model::TlsVersion;

/// Metrics of the receiving half.
pub struct Receiving {
    /// Connections that are open now.
    pub connections: Gauge,
    /// Accepted connections.
    pub connections_accepted: Counter,
    /// Connections refused because of a limit.
    pub connections_refused: Counter,
    /// Completed TLS handshakes, by version.
    pub handshakes: Family<TlsLabel, Counter>,
    /// Failed TLS handshakes.
    pub handshakes_failed: Counter,
    /// Successful logins.
    pub logins_accepted: Counter,
    /// Refused logins.
    pub logins_refused: Counter,
    /// Refused senders and recipients, by reason.
    pub refusals: Family<RefusalLabel, Counter>,
    /// Messages that were answered with `250`.
    pub messages_accepted: Counter,
    /// The total size of those messages in octets.
    pub message_bytes: Counter,
    /// Messages accepted from each configured device.
    pub device_messages: Family<DeviceLabel, Counter>,
    /// When each configured device was last seen, in seconds since 1970; 0 if it never was.
    pub device_last_seen: Family<DeviceLabel, Gauge>,
    /// Messages whose connection ended before the end of data.
    pub messages_broken_off: Counter,
    /// Messages that could not be stored on disk.
    pub messages_not_stored: Counter,
    /// Connections whose task ended in a panic.
    pub session_panics: Counter,
}

/// The label of metrics about a device.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct DeviceLabel {
    /// The device's `name` in the configuration.
    pub device: String,
}

/// Why a sender or recipient was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The client is in the `networks` of no device and has not logged in.
    Stranger,
    /// The device must log in first (`auth = "required"`).
    LoginRequired,
    /// The device must encrypt (`encryption = "required"`), or its TLS version is older than
    /// `oldest_tls`.
    Encryption,
    /// The sender is not in `senders`.
    Sender,
    /// The recipient is not in `recipients`.
    Recipient,
    /// The message is larger than `max_message`.
    Size,
    /// The device exceeded `messages_per_minute`.
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

/// The label `reason` of a refusal.
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

/// The label `version` of a handshake, with the same values as in the configuration.
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
            device_messages: Family::default(),
            device_last_seen: Family::default(),
            messages_broken_off: Counter::default(),
            messages_not_stored: Counter::default(),
            session_panics: Counter::default(),
        };
        // Each counter exists from the start with the value zero, so that a rate has no gap at its
        // beginning.
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
            "Connections from devices that are open now",
            self.connections.clone(),
        );
        registry.register(
            "connections_accepted",
            "Accepted connections from devices",
            self.connections_accepted.clone(),
        );
        registry.register(
            "connections_refused",
            "Connections from devices refused because of a limit",
            self.connections_refused.clone(),
        );
        registry.register(
            "tls_handshakes",
            "Completed TLS handshakes with devices",
            self.handshakes.clone(),
        );
        registry.register(
            "tls_handshakes_failed",
            "Failed TLS handshakes with devices",
            self.handshakes_failed.clone(),
        );
        registry.register(
            "logins_accepted",
            "Successful logins of devices",
            self.logins_accepted.clone(),
        );
        registry.register(
            "logins_refused",
            "Refused logins of devices, including those over the rate limit",
            self.logins_refused.clone(),
        );
    }

    fn register_messages(&self, registry: &mut Registry) {
        registry.register(
            "refusals",
            "Senders and recipients refused to devices, by reason",
            self.refusals.clone(),
        );
        registry.register(
            "messages_accepted",
            "Messages from devices answered with 250",
            self.messages_accepted.clone(),
        );
        registry.register(
            "message_bytes",
            "Total size of the accepted messages",
            self.message_bytes.clone(),
        );
        registry.register(
            "device_messages",
            "Messages accepted from the device, when last counted",
            self.device_messages.clone(),
        );
        registry.register_with_unit(
            "device_last_seen_timestamp",
            "Time at which the device was last seen, since 1970; 0 if it was never seen",
            Unit::Seconds,
            self.device_last_seen.clone(),
        );
        registry.register(
            "messages_broken_off",
            "Messages whose connection ended before the end of data",
            self.messages_broken_off.clone(),
        );
        registry.register(
            "messages_not_stored",
            "Messages refused because they could not be stored on disk",
            self.messages_not_stored.clone(),
        );
        registry.register(
            "session_panics",
            "Connections that ended in a panic",
            self.session_panics.clone(),
        );
    }
}
