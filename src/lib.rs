//! Postroom: the smart host for an office's printers, scanners and old applications.
//!
//! A device hands mail to a [`listener`]; the pure [`smtp`] machine runs its session; the [`spool`]
//! keeps the message durably; the [`queue`] hands it to [`upstream`] within the account's limits;
//! [`report`] tells people what became of it. `ARCHITECTURE.md` has the tour, the layer table
//! (enforced by a test) and the invariants.
//!
//! Read the modules in the order in which they are declared here: each uses only those above it, as
//! the table allows.

pub use postroom_core::{
    attempt, classify, client_hello, entry, message, model, pop_before_smtp, reach, smtp,
};
pub use postroom_sandbox as sandbox;

pub mod clock;
pub mod metrics;

pub mod http;

pub mod device;

pub mod spool;

pub mod oauth;

pub mod upstream;

pub mod report;

pub mod queue;

pub mod listener;

pub mod admin;

pub mod config;

pub mod daemon;

pub mod cli;
