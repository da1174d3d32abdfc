//! Tells people what became of mail: delivery status notifications, the operator's alerts, one log
//! line for each outcome.
//!
//! - [`Reporter`]: the handle that the queue calls
//! - `notice`: failure and delay notices as RFC 3464 has them, and alerts; pure text
//! - `rate`: how many notices a person gets
//!
//! # Failure
//! Writing a failure notice returns the disk's error, since the message must then stay in the
//! queue. Alerts and delay notices that cannot be written are logged; the log line that goes with
//! each of them was written before.

mod notice;
mod rate;
mod reporter;
mod settings;

pub use reporter::Reporter;
pub use settings::{AccountChange, Failure, ReportSettings, Word};
