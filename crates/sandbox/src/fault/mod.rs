//! The faults that the sandbox can play, by name. An address or the control API chooses a fault.
//! The tables in `rows` and `replies` are the only source for the lookup, for `postroom sandbox
//! --list-faults`, and for `docs/sandbox.md`.
//!
//! A name is `<stage>-<effect>` (`rcpt-550`, `auth-silence`), a named row (`eod-sendas`, `poison`),
//! a cited reply (`reply-<slug>`), or that reply at another stage (`eod-reply-rate`). The prefixes
//! `once-`, `twice-` and `first-<n>-` limit the number of times that it strikes.

pub(crate) mod cited;
mod effect;
mod named;
mod plan;
mod replies;
mod rows;
mod stage;
mod table;

pub use effect::Effect;
pub use named::Fault;
#[cfg(test)]
pub(crate) use named::row_names;
pub(crate) use plan::{FaultPlan, Occasion, Switched};
pub use stage::Stage;
pub use table::{markdown_table, plain_table};
