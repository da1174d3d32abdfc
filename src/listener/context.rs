//! What all listeners share, and what one connection takes of it.

use std::sync::Arc;

use tokio::sync::{Semaphore, SemaphorePermit, watch};

use crate::{
    clock::Clock,
    device::{Client, Devices},
    listener::{
        ReceivingLimits, Tls,
        slots::{Slot, Slots},
        tls_detection::OpeningHabits,
    },
    metrics::{self, Metrics},
    model::{Reply, Timestamp},
    spool::Spool,
};

/// The number of logins verified at once. By default, argon2 takes 19 MiB and some ten milliseconds
/// of a processor for each.
const LOGINS_AT_ONCE: usize = 2;
/// The number of strangers' logins among them: a device's login does not wait behind the guesses of
/// strangers, however many there are.
const STRANGERS_LOGINS_AT_ONCE: usize = 1;

/// The settings of the receiving side that a reload replaces.
#[derive(Clone)]
pub struct ReceivingSettings {
    /// `hostname`.
    pub hostname: String,
    /// `[receiving]`.
    pub limits: ReceivingLimits,
    /// The certificates.
    pub tls: Tls,
}

/// The parts that listeners work with.
#[derive(Clone)]
pub struct ListenerParts {
    /// Who may do what.
    pub devices: Devices,
    /// Where messages are stored.
    pub spool: Spool,
    /// The settings. A connection keeps those that it began with.
    pub settings: watch::Receiver<Arc<ReceivingSettings>>,
    /// The time.
    pub clock: Clock,
    /// The counters.
    pub metrics: Metrics,
}

/// What all listeners share. Cheap to clone.
#[derive(Clone)]
pub struct ListenerContext(Arc<Shared>);

/// What one connection works with: what is shared, and the settings that it began with.
#[derive(Clone)]
pub(super) struct ConnectionContext {
    shared: Arc<Shared>,
    settings: Arc<ReceivingSettings>,
}

struct Shared {
    parts: ListenerParts,
    slots: Slots,
    habits: OpeningHabits,
    logins: Semaphore,
    logins_of_strangers: Semaphore,
}

/// The right to verify a login. It is held while the login is verified.
pub(super) struct LoginPermit<'a> {
    _stranger: Option<SemaphorePermit<'a>>,
    _any: Option<SemaphorePermit<'a>>,
}

impl ListenerContext {
    /// What all listeners share.
    #[must_use]
    pub fn new(parts: ListenerParts) -> Self {
        Self(Arc::new(Shared {
            slots: Slots::new(parts.metrics.clone()),
            parts,
            habits: OpeningHabits::default(),
            logins: Semaphore::new(LOGINS_AT_ONCE),
            logins_of_strangers: Semaphore::new(STRANGERS_LOGINS_AT_ONCE),
        }))
    }

    /// What a connection that begins now works with.
    pub(super) fn for_connection(&self) -> ConnectionContext {
        let settings = Arc::clone(&self.0.parts.settings.borrow());
        ConnectionContext { shared: Arc::clone(&self.0), settings }
    }
}

impl ConnectionContext {
    pub(super) fn devices(&self) -> &Devices {
        &self.shared.parts.devices
    }

    pub(super) fn spool(&self) -> &Spool {
        &self.shared.parts.spool
    }

    pub(super) fn now(&self) -> Timestamp {
        self.shared.parts.clock.now()
    }

    pub(super) fn metrics(&self) -> &metrics::Receiving {
        self.shared.parts.metrics.receiving()
    }

    pub(super) fn hostname(&self) -> &str {
        &self.settings.hostname
    }

    pub(super) fn limits(&self) -> &ReceivingLimits {
        &self.settings.limits
    }

    pub(super) fn tls(&self) -> &Tls {
        &self.settings.tls
    }

    pub(super) fn habits(&self) -> &OpeningHabits {
        &self.shared.habits
    }

    /// Takes a place for a client that has just connected.
    ///
    /// # Errors
    /// 421, when there is none for it.
    pub(super) fn take_slot(&self, client: &Client) -> Result<Slot, Reply> {
        self.shared.slots.take(client, self.settings.limits)
    }

    /// Waits until a login of this client may be verified. The places of `slots` bound the number
    /// of clients that wait.
    pub(super) async fn login_permit(&self, client: &Client) -> LoginPermit<'_> {
        // The semaphores are never closed, so there is always a permit.
        let stranger = match client.device() {
            Some(_) => None,
            None => self.shared.logins_of_strangers.acquire().await.ok(),
        };
        LoginPermit { _stranger: stranger, _any: self.shared.logins.acquire().await.ok() }
    }
}
