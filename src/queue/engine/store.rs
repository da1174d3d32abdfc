//! What the engine asks of the store that holds the queue: one thing.
//!
//! *In one atomic step, for one account: give me the view, take my decision, store it.*
//!
//! Locally the account's own lock makes the step atomic, and leases in memory keep a message from
//! being chosen twice. A store that several processes share runs the step as one transaction: the
//! account's row is locked, its runtime is built from the charges in the windows, and a lease is
//! `SELECT … FOR UPDATE SKIP LOCKED`. Such a store reads what the view may show before it calls
//! the decision, which neither waits nor blocks.

use std::future::Future;

use crate::queue::engine::{
    account_runtime::{AccountRuntime, Now},
    claim::Decision,
    view::View,
};

/// The store that holds the queue.
pub(in crate::queue) trait Store {
    /// Why it cannot be read or written.
    type Error;
    /// What it decides about.
    type Account;
    /// What a step sees.
    type View: View<Error = Self::Error>;
    /// A decision that is stored.
    type Stored;

    /// Decides for one account and stores the decision, in one atomic step. When the decision
    /// cannot be stored, it is undone in the runtime and its leases end.
    fn step(
        &self,
        account: &Self::Account,
        decide: impl FnOnce(&mut AccountRuntime, &Self::View, Now) -> Result<Decision, Self::Error>
        + Send,
    ) -> impl Future<Output = Result<Self::Stored, Self::Error>> + Send;
}
