//! What can go wrong, by name. An address or the control API chooses a fault; the tables in `rows`
//! and `replies` are the one source of the lookup, of `postroom sandbox --list-faults` and of
//! `docs/sandbox.md`.
//!
//! A name is `<stage>-<effect>` (`rcpt-550`, `auth-silence`), a named row (`eod-sendas`, `poison`),
//! a cited reply (`reply-<slug>`) or that reply at another stage (`eod-reply-rate`). `once-`,
//! `twice-` and `first-<n>-` before it end it after this number of times.

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
