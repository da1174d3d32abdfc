//! The queue's interface for commands, console and metrics.
//!
//! - `queue`: the handle, with orders about messages and accounts
//! - `status`: what an account is doing
//! - `adjust`: orders that change an account's batch settings while it sends; `tuning`: those
//!   settings

pub(in crate::queue) mod adjust;
pub(in crate::queue) mod queue;
pub(in crate::queue) mod status;
pub(in crate::queue) mod tuning;
