//! The tasks around the engine: they perform what it decides and tell it what came of that.
//!
//! - `core`: what the tasks share; `monotonic_clock`: a clock that never steps
//! - `scheduler` (when somebody has to work) and `worker` (sends), over a `transport`
//! - `claim` (the promise to send, stored first), with `select` and `route`; `conclude` (stores and
//!   tells what became of an attempt)
//! - `credential`: when what an account logs in with ends

pub(in crate::queue) mod claim;
pub(in crate::queue) mod conclude;
pub(in crate::queue) mod core;
pub(in crate::queue) mod credential;
pub(in crate::queue) mod monotonic_clock;
pub(in crate::queue) mod route;
pub(in crate::queue) mod scheduler;
pub(in crate::queue) mod select;
pub(in crate::queue) mod transport;
pub(in crate::queue) mod worker;
