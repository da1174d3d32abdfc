//! What all listeners share, and what becomes of a connection that one of them has accepted.

use std::{net::SocketAddr, sync::Arc};

use tokio::{
    net::TcpStream,
    sync::{Semaphore, SemaphorePermit, watch},
    task::JoinError,
};
use tracing::{debug, error, warn};

use crate::{
    clock::Clock,
    device::{Client, Devices},
    listener::{
        ListenerSettings, ListenerTls, Protocol, ReceivingLimits, Tls, connection::Connection,
        opening::Habits, pop_connection::serve_pop, slots::Slots,
    },
    metrics::Metrics,
    model::Reply,
    spool::Spool,
};

/// Logins verified at once. Argon2 takes 19 MiB and some ten milliseconds of a processor each by
/// default.
const LOGINS_AT_ONCE: usize = 2;
/// Of those, strangers' logins: however many of them guess, a device's login is not behind them.
const STRANGERS_LOGINS_AT_ONCE: usize = 1;

/// What every connection shares.
#[derive(Clone)]
pub struct Receiving {
    /// Who may do what.
    pub devices: Devices,
    /// Where messages go.
    pub spool: Spool,
    /// `hostname`.
    pub hostname: String,
    /// Bounds.
    pub limits: ReceivingLimits,
    /// Time.
    pub clock: Clock,
    /// Counters.
    pub metrics: Metrics,
}

/// [`Receiving`] with the certificate and the counted places: one for all listeners. Cheap to
/// clone.
#[derive(Clone)]
pub struct Reception(Arc<Inner>);

struct Inner {
    receiving: Receiving,
    tls: Tls,
    slots: Slots,
    habits: Habits,
    logins: Semaphore,
    logins_of_strangers: Semaphore,
}

/// The right to verify a login, held as long as that takes.
pub(super) struct LoginPermit<'a> {
    _stranger: Option<SemaphorePermit<'a>>,
    _any: Option<SemaphorePermit<'a>>,
}

impl Reception {
    /// Opens for business.
    #[must_use]
    pub fn new(receiving: Receiving, tls: Tls) -> Self {
        let slots = Slots::new(receiving.limits, receiving.metrics.clone());
        Self(Arc::new(Inner {
            receiving,
            tls,
            slots,
            habits: Habits::default(),
            logins: Semaphore::new(LOGINS_AT_ONCE),
            logins_of_strangers: Semaphore::new(STRANGERS_LOGINS_AT_ONCE),
        }))
    }

    pub(super) fn shared(&self) -> &Receiving {
        &self.0.receiving
    }

    pub(super) fn tls(&self) -> &Tls {
        &self.0.tls
    }

    pub(super) fn slots(&self) -> &Slots {
        &self.0.slots
    }

    pub(super) fn habits(&self) -> &Habits {
        &self.0.habits
    }

    /// Waits for this client's turn to verify a login. Those that wait are bounded by the places of
    /// `slots`.
    pub(super) async fn login_permit(&self, client: &Client) -> LoginPermit<'_> {
        // The semaphores are never closed, so there is always a permit.
        let stranger = match client.device() {
            Some(_) => None,
            None => self.0.logins_of_strangers.acquire().await.ok(),
        };
        LoginPermit { _stranger: stranger, _any: self.0.logins.acquire().await.ok() }
    }
}

impl Reception {
    /// Finds a place for a new connection, or turns it away.
    pub(super) fn admit(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        settings: ListenerSettings,
        stop: watch::Receiver<bool>,
    ) -> Option<impl Future<Output = ()> + Send + use<>> {
        let metrics = self.0.receiving.metrics.receiving();
        let client = self.0.receiving.devices.identify(peer.ip());
        match self.slots().take(&client) {
            Ok(slot) => {
                metrics.connections_accepted.inc();
                let reception = self.clone();
                Some(async move {
                    match settings.protocol {
                        Protocol::Smtp => {
                            if let Some(connection) = Connection::open(
                                reception,
                                client,
                                slot,
                                settings.tls,
                                stream,
                                stop,
                            )
                            .await
                            {
                                connection.serve().await;
                            }
                        }
                        Protocol::Pop3 => {
                            serve_pop(&reception, &client, slot, settings.tls, stream, stop).await;
                        }
                    }
                })
            }
            Err(reply) => {
                metrics.connections_refused.inc();
                match client.device() {
                    Some(device) => {
                        warn!(device = %device.name, peer = %client.peer(), %reply, "connection refused");
                        client.note_turned_away(&reply);
                    }
                    None => debug!(peer = %client.peer(), %reply, "connection refused"),
                }
                turn_away(&stream, &reply, settings);
                None
            }
        }
    }

    pub(super) fn note_end(&self, ended: Result<(), JoinError>) {
        if let Err(broken) = ended
            && broken.is_panic()
        {
            self.0.receiving.metrics.receiving().session_panics.inc();
            error!(%broken, "a connection ended in a panic");
        }
    }
}

/// Says why, if that can be said in plaintext and without waiting, and closes.
fn turn_away(stream: &TcpStream, reply: &Reply, settings: ListenerSettings) {
    let words = match (settings.tls, settings.protocol) {
        (ListenerTls::Implicit, _) => return,
        (ListenerTls::None | ListenerTls::Starttls | ListenerTls::Auto, Protocol::Smtp) => {
            format!("{reply}\r\n")
        }
        // RFC 3206 4: not the client's fault, and worth another try.
        (ListenerTls::None | ListenerTls::Starttls | ListenerTls::Auto, Protocol::Pop3) => {
            format!("-ERR [SYS/TEMP] {}\r\n", reply.text)
        }
    };
    // A client that does not take it gets none.
    let _unsent = stream.try_write(words.as_bytes());
}
