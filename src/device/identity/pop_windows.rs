//! POP before SMTP: for a while after a login by POP, its address counts as logged in.
//!
//! It is the address that is let in, and whoever else is behind it: no more than `networks` trusts,
//! and for as long.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use governor::clock::Clock;

use crate::device::{identity::users::LoggedIn, policy::rate::Stopwatch};

/// Addresses with an open window; each has shown a password. Beyond it nobody gets one until others
/// have closed.
const WINDOWS_LIMIT: usize = 4096;

/// All open windows.
pub(in crate::device) struct Windows {
    open: Mutex<HashMap<IpAddr, (LoggedIn, Duration)>>,
    stopwatch: Stopwatch,
}

impl Windows {
    pub(in crate::device) fn new() -> Self {
        Self { open: Mutex::default(), stopwatch: Stopwatch::start() }
    }

    pub(in crate::device) fn open(&self, peer: IpAddr, login: LoggedIn, lasts: Duration) {
        let now = self.stopwatch.now();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= WINDOWS_LIMIT {
            open.retain(|_, (_, until)| *until > now);
        }
        if open.len() < WINDOWS_LIMIT || open.contains_key(&peer) {
            open.insert(peer, (login, now + lasts));
        }
    }

    /// Who this address counts as.
    pub(in crate::device) fn of(&self, peer: IpAddr) -> Option<LoggedIn> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let (login, until) = open.get(&peer)?;
        (*until > self.stopwatch.now())
            .then(|| LoggedIn { user: Arc::clone(&login.user), device: Arc::clone(&login.device) })
    }
}
