//! The queue's interface for commands, console and metrics.
//!
//! - `queue`: the handle, with orders about messages and accounts
//! - `status`: what an account is doing

pub(in crate::queue) mod queue;
pub(in crate::queue) mod status;
