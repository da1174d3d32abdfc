//! POP before SMTP: for a while after a login by POP, its address counts as logged in.
//!
//! The address is what is admitted, with every client behind it. It is trusted no more than an
//! address in `networks` is, and only for as long as the window lasts.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use governor::clock::Clock;

use crate::device::stopwatch::Stopwatch;

/// The maximum number of addresses with an open window; each of them has shown a password. Beyond
/// it, an address gets a window only after another has closed.
const WINDOWS_LIMIT: usize = 4096;

/// All open windows.
pub(in crate::device) struct PopWindows {
    open: Mutex<HashMap<IpAddr, Window>>,
    stopwatch: Stopwatch,
}

/// The time in which an address counts as this user.
struct Window {
    user: Arc<str>,
    until: Duration,
}

impl PopWindows {
    pub(in crate::device) fn new() -> Self {
        Self { open: Mutex::default(), stopwatch: Stopwatch::start() }
    }

    /// Opens a window for the user who has logged in from this address.
    pub(in crate::device) fn open(&self, peer: IpAddr, user: Arc<str>, lasts: Duration) {
        let now = self.stopwatch.now();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= WINDOWS_LIMIT {
            open.retain(|_, window| window.until > now);
        }
        if open.len() < WINDOWS_LIMIT || open.contains_key(&peer) {
            open.insert(peer, Window { user, until: now + lasts });
        }
    }

    /// The user that this address counts as.
    pub(in crate::device) fn user_at(&self, peer: IpAddr) -> Option<Arc<str>> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let window = open.get(&peer)?;
        (window.until > self.stopwatch.now()).then(|| Arc::clone(&window.user))
    }
}
