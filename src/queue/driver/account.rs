//! An account at run time: its settings, its transport, and the state that its tasks share.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use crate::{
    model::Timestamp,
    oauth::Expiry,
    queue::{
        AccountSettings,
        driver::{
            live::{Idle, Slot},
            transport::Transport,
        },
        engine::account_runtime::AccountRuntime,
    },
};

/// One account, with everything needed to send by it.
pub(in crate::queue) struct Account<T: Transport> {
    pub(in crate::queue) settings: Arc<AccountSettings>,
    pub(in crate::queue) transport: Arc<T>,
    state: Arc<State<T>>,
}

/// What outlives a change of the settings.
struct State<T: Transport> {
    shared: Mutex<Shared>,
    /// Open connections that are not in use; at most `limits.connections`.
    idle: Mutex<Vec<Idle<T::Link>>>,
    open: Arc<AtomicUsize>,
}

/// The state that the tasks of one account share.
pub(in crate::queue) struct Shared {
    pub(in crate::queue) runtime: AccountRuntime,
    /// The number of tasks that send by the account; at most `limits.connections`.
    pub(in crate::queue) workers: usize,
    /// Whether a worker has not reached its first claim yet. Only one starts at a time; the others
    /// wait until it succeeds.
    pub(in crate::queue) starting: bool,
    /// How often a person has switched the account on.
    pub(in crate::queue) orders: u64,
    pub(in crate::queue) last_delivery: Option<Timestamp>,
    /// When the account's credentials expire, as last read.
    pub(in crate::queue) expiry: Option<Expiry>,
    /// Set when the index was lost: the budget counts as used up until this time. The administrator
    /// has to be told.
    pub(in crate::queue) lost_until: Option<Timestamp>,
}

impl<T: Transport> Account<T> {
    pub(in crate::queue) fn new(settings: AccountSettings, transport: T, shared: Shared) -> Self {
        Self {
            settings: Arc::new(settings),
            transport: Arc::new(transport),
            state: Arc::new(State {
                shared: Mutex::new(shared),
                idle: Mutex::new(Vec::new()),
                open: Arc::new(AtomicUsize::new(0)),
            }),
        }
    }

    /// The same account with other settings.
    pub(in crate::queue) fn with(&self, settings: AccountSettings, transport: Arc<T>) -> Self {
        Self { settings: Arc::new(settings), transport, state: Arc::clone(&self.state) }
    }

    /// Locks the shared state as it is. Decisions use `Core::locked` instead.
    pub(in crate::queue) fn shared(&self) -> MutexGuard<'_, Shared> {
        self.state.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::queue) fn idle(&self) -> MutexGuard<'_, Vec<Idle<T::Link>>> {
        self.state.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a new connection before it is opened.
    pub(in crate::queue) fn reserve(&self) -> Slot {
        Slot::reserve(&self.state.open)
    }

    pub(in crate::queue) fn connections(&self) -> usize {
        self.state.open.load(Ordering::Relaxed)
    }
}
