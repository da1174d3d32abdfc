//! What goes out when, by which account: retry plan, budgets, batches, splitting, fairness, workers.
//!
//! The decisions are pure and take `now` as an argument; [`Queue`] runs them with tasks around.
//!
//! - pure: `plan` (when again), `ledger` (budgets), `batch`, `split`, `fair` (whose turn), `lane` (which way), `account` (can it send),
//!   `outcome` (what a report means for the message)
//! - around them: `core` (what the tasks share), `claim` (the promise to send, stored first), `worker` (sends),
//!   `conclusion` (stores and tells what became of it), `scheduler` (when to work), `operator` (what a person may do)
//! - `transport`: the way out as the queue sees it; `outgoing`: what goes out; `steady`: a clock that never steps

mod account;
mod batch;
mod claim;
mod conclusion;
mod core;
mod fair;
mod lane;
mod ledger;
mod operator;
mod outcome;
mod outgoing;
mod plan;
mod scheduler;
mod settings;
mod split;
mod status;
mod steady;
mod transport;
mod worker;

#[cfg(test)]
mod double;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

pub use operator::Queue;
pub use settings::{AccountSettings, BatchSettings, LimitSettings, Reach, RetrySettings, SenderRewrite, SenderSettings, Split};
pub use status::{AccountState, AccountStatus, Enabled, QueueError};
pub use transport::{Link, Transport};
