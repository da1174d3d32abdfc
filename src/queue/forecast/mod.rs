//! When the mail of an account will go, and what it waits for.
//!
//! - `snapshot`: the accounts as they are, and the mail that waits for them
//! - `replay`: plays them ahead

pub(in crate::queue) mod replay;
pub(in crate::queue) mod snapshot;
