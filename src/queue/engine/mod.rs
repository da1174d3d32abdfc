//! The decisions of the queue, as functions of the known state and the time. The engine has no
//! task, no socket, no disk and no clock of its own; `tests/architecture.rs` enforces this.
//!
//! In reading order:
//! - `store`: the one operation that the engine asks of the store that holds the queue; `view`:
//!   what a decision may read
//! - `claim`: the decision to send a message, made from `select` (which message is next), `pool`
//!   (which account takes over whose mail) and `route` (where a recipient goes)
//! - `account_runtime`: what an account may send now, made from `health` (may it send at all;
//!   `account_state` is how people see it), `budget` (messages in any 60 s, recipients in any
//!   24 h), `batch` (messages in one go, then a rest), `concurrency_limit` (connections at once),
//!   `destination_health` (which domains cannot be sent to) and `round_robin` (whose turn it is)
//! - `settle`: what a report means for the message, with `recipient_groups` (which recipients share
//!   a transaction) and `retry_schedule` (when to try again); `report`: what it means for the
//!   account; `refusals`: whom a refusal concerns when its words leave that open
//! - `now`: the present moment, by the wall clock and by the steady one
//! - `assignment`: which account carries a message to whom; `sender`: the sender it goes out with

pub(in crate::queue) mod account_runtime;
pub(in crate::queue) mod account_state;
pub(in crate::queue) mod assignment;
pub(in crate::queue) mod batch;
pub(in crate::queue) mod budget;
pub(in crate::queue) mod claim;
pub(in crate::queue) mod concurrency_limit;
pub(in crate::queue) mod destination_health;
pub(in crate::queue) mod health;
pub(in crate::queue) mod now;
pub(in crate::queue) mod pool;
pub(in crate::queue) mod recipient_groups;
pub(in crate::queue) mod refusals;
pub(in crate::queue) mod report;
pub(in crate::queue) mod retry_schedule;
pub(in crate::queue) mod round_robin;
pub(in crate::queue) mod route;
pub(in crate::queue) mod select;
pub(in crate::queue) mod sender;
pub(in crate::queue) mod settle;
pub(in crate::queue) mod store;
pub(in crate::queue) mod view;
