//! The one operation that the engine asks of the store that holds the queue.
//!
//! *In one atomic step, for one account: give me the view, take my decision, store it.*
//!
//! Locally the account's own lock makes the step atomic, and leases in memory keep a message from
//! being chosen twice. A store that several processes share runs the step as one transaction: the
//! account's row is locked, its runtime is built from the charges in the windows, and a lease is
//! `SELECT … FOR UPDATE SKIP LOCKED`.
//!
//! A decision neither waits nor blocks, so the view shows what was read before. When a decision
//! asks for more, the view answers with an error that names it, the store reads that, and the
//! decision is made anew. Until a decision is complete, it changes nothing that making it anew
//! would repeat.

use std::future::Future;

use crate::queue::engine::{
    account_runtime::AccountRuntime, claim::Decision, now::Now, view::View,
};

/// The store that holds the queue.
pub(in crate::queue) trait Store {
    /// The error when the store cannot be read or written.
    type Error;
    /// The account that a step decides about.
    type Account;
    /// The queue as a step sees it.
    type View: View;
    /// A stored decision.
    type Stored;

    /// Decides for one account and stores the decision, in one atomic step. `decide` runs again
    /// whenever the view had to be read further. When the decision cannot be stored, it is undone
    /// in the runtime and its leases end.
    fn step(
        &self,
        account: &Self::Account,
        decide: impl Fn(
            &mut AccountRuntime,
            &Self::View,
            Now,
        ) -> Result<Decision, <Self::View as View>::Error>
        + Send,
    ) -> impl Future<Output = Result<Self::Stored, Self::Error>> + Send;
}
