//! When the mail of an account will go, and what it waits for.
//!
//! - `snapshot`: the current state of the accounts and the mail that waits for them
//! - `replay`: plays that state ahead

pub(in crate::queue) mod replay;
pub(in crate::queue) mod snapshot;
