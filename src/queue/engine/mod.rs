//! The decisions of the queue, as functions of what is known and the time: no task, no socket, no
//! disk and no clock of its own.
//!
//! - Of an account: `health` (may it send; `account_state` is how people see it), `budget` (messages in any 60 s, recipients in any
//!   24 h), `batch` (messages in one go, then a rest), `concurrency_limit` (connections at once),
//!   `destination_health` (which domains cannot be sent to)
//! - Of a message: `assignment` (which account carries it to whom), `sender` (from whom it goes
//!   out), `recipient_groups` (who shares a transaction), `retry_schedule` (when again), `settle`
//!   (what a report means for it)
//! - Between messages: `round_robin` (whose turn it is)

pub(in crate::queue) mod account_state;
pub(in crate::queue) mod assignment;
pub(in crate::queue) mod batch;
pub(in crate::queue) mod budget;
pub(in crate::queue) mod concurrency_limit;
pub(in crate::queue) mod destination_health;
pub(in crate::queue) mod health;
pub(in crate::queue) mod recipient_groups;
pub(in crate::queue) mod retry_schedule;
pub(in crate::queue) mod round_robin;
pub(in crate::queue) mod sender;
pub(in crate::queue) mod settle;
