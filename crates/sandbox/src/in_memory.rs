//! The sandbox without sockets, for tests with simulated time. All code behind the socket is the
//! same as for a client over TCP.
#![expect(clippy::unwrap_used, reason = "for tests: a broken helper should stop the test")]

use std::{
    path::Path,
    sync::{Arc, Mutex, atomic::AtomicU64},
};

use tokio::{
    io::{DuplexStream, duplex},
    sync::watch,
};

use crate::{
    Keep, SandboxState, TenantSettings, Timing,
    certificate::Certificates,
    connection::{Shared, serve_secured},
    keep::{Keeper, KeptMessage},
    stop::Stop,
    tenant::Tenant,
};
use postroom_core::clock::Clock;

/// The buffered octets in each direction. A whole pipelined batch fits.
const PIPE: usize = 64 * 1024;

/// A sandbox whose clients connect through a pipe. Cheap to clone.
#[derive(Clone)]
pub struct InMemory {
    shared: Arc<Shared>,
    // Dropping it would stop the sandbox.
    _stop: Arc<watch::Sender<Stop>>,
}

impl InMemory {
    pub fn new(dir: &Path, tenant: TenantSettings, clock: Clock) -> Self {
        let (stop, stopped) = watch::channel(Stop::NotYet);
        let shared = Shared {
            tenant: Mutex::new(Tenant::new(tenant)),
            keeper: Mutex::new(Keeper::open(dir, Keep::Discard).unwrap()),
            certificates: Certificates::make(&[]).unwrap(),
            timing: Timing::default(),
            clock,
            sessions: AtomicU64::new(0),
            stop: stopped,
        };
        Self { shared: Arc::new(shared), _stop: Arc::new(stop) }
    }

    /// Opens a connection to the submission listener, with TLS already done. Returns the client's
    /// end.
    pub fn connect(&self) -> DuplexStream {
        let (client, server) = duplex(PIPE);
        tokio::spawn(serve_secured(server, self.shared.clone()));
        client
    }

    /// What the judge observed.
    pub fn state(&self) -> SandboxState {
        self.shared.tenant().state()
    }

    /// The messages accepted since the last call, oldest first.
    pub fn take_messages(&self) -> Vec<KeptMessage> {
        let mut keeper = self.shared.keeper();
        let messages = keeper.messages();
        keeper.clear().unwrap();
        messages
    }
}
