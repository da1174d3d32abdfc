//! Informs people about the outcome of mail: delivery status notifications, alerts to the
//! administrator, and one log line for each outcome.
//!
//! - [`Reporter`]: the handle that the queue calls
//! - `notice`: the text of failure and delay notices (RFC 3464) and of alerts
//! - `subject`: the subject of a message, if the configuration keeps subjects
//! - `rate`: limits the number of notices
//!
//! # Failure
//! Writing a failure notice returns the disk's error, because the message must then stay in the
//! queue. Alerts and delay notices that cannot be written are logged. Each event was already logged
//! before its notice is written.

mod notice;
mod rate;
mod reporter;
mod settings;
mod subject;

pub use reporter::Reporter;
pub use settings::{AccountChange, ReportSettings, Subjects};
