//! Open connections of an account, in use or idle.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, timeout};

use crate::{attempt::NextHop, queue::driver::transport::Link};

/// The maximum wait for the server's answer to `QUIT`.
const QUIT_TIME: Duration = Duration::from_secs(5);

/// A connection that is not in use.
pub(in crate::queue) struct Idle<L> {
    pub(in crate::queue) live: Live<L>,
    pub(in crate::queue) since: Instant,
}

/// A connection, counted as open until it is dropped.
pub(in crate::queue) struct Live<L> {
    pub(in crate::queue) link: L,
    /// The next hop it leads to.
    pub(in crate::queue) next_hop: NextHop,
    /// The number of transactions it has carried.
    pub(in crate::queue) carried: u32,
    _slot: Slot,
}

impl<L> Live<L> {
    /// A new connection that holds its slot.
    pub(in crate::queue) const fn new(link: L, next_hop: NextHop, slot: Slot) -> Self {
        Self { link, next_hop, carried: 0, _slot: slot }
    }
}

/// A slot of the account's connections, held until it is dropped.
pub(in crate::queue) struct Slot(Arc<AtomicUsize>);

impl Slot {
    /// Counts a new connection before it is opened.
    pub(in crate::queue) fn reserve(open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(open))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Ends the session with QUIT if the server is still listening.
pub(in crate::queue) async fn close<L: Link>(live: Live<L>) {
    let Live { link, .. } = live;
    // It does not matter whether the server answers QUIT.
    if link.is_reusable() && timeout(QUIT_TIME, link.quit()).await.is_err() {}
}
