//! The tasks around the engine. They carry out its decisions and report the results to it.
//!
//! In reading order:
//! - `account`: an account at run time; `core`: what the tasks share; `opening`: opens accounts
//!   from stored state
//! - `scheduler` (decides when a worker is needed) and `worker` (sends), over `connections` that a
//!   `transport` makes and that are kept as `live` ones
//! - `claim`: asks the engine for the next message, through `spool_store`, `spool_view` and
//!   `leases`
//! - `conclude`: stores and reports the outcome of an attempt
//! - `credential`: when an account's credentials expire

pub(in crate::queue) mod account;
pub(in crate::queue) mod claim;
pub(in crate::queue) mod conclude;
pub(in crate::queue) mod connections;
pub(in crate::queue) mod core;
pub(in crate::queue) mod credential;
pub(in crate::queue) mod leases;
pub(in crate::queue) mod live;
pub(in crate::queue) mod opening;
pub(in crate::queue) mod roster;
pub(in crate::queue) mod scheduler;
pub(in crate::queue) mod spool_store;
pub(in crate::queue) mod spool_view;
pub(in crate::queue) mod transport;
pub(in crate::queue) mod worker;
