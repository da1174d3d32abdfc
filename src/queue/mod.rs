//! What goes out when, by which account: retry plan, budgets, batches, splitting, fairness,
//! workers.
//!
//! The decisions are pure and take `now` as an argument; [`Queue`] runs them with tasks around.
//!
//! - pure: `plan` (when again), `ledger` (budgets), `batch`, `split`, `fair` (whose turn), `lane`
//!   (which way), `routing` (whose mail by which account), `account` (can it send), `domains`
//!   (which of direct send's cannot be sent to), `width` (over how many connections), `outcome`
//!   (what a report means for the message), `tuning` (settings changed at run time), `forecast`
//!   (when will it go)
//! - around them: `core` (what the tasks share), `offer` (what could go), `claim` (the promise to
//!   send, stored first), `worker` (sends), `conclusion` (stores and tells what became of it),
//!   `scheduler` (when to work), `operator` and `adjust` (what a person may do), `foresight` (what
//!   the forecast is made from)
//! - `credential`: when what an account logs in with ends
//! - `transport`: the way out as the queue sees it; `outgoing`: what goes out; `steady`: a clock
//!   that never steps

mod account;
mod adjust;
mod batch;
mod claim;
mod conclusion;
mod core;
mod credential;
mod domains;
mod fair;
mod forecast;
mod foresight;
mod lane;
mod ledger;
mod offer;
mod operator;
mod outcome;
mod outgoing;
mod plan;
mod routing;
mod scheduler;
mod settings;
mod split;
mod status;
mod steady;
mod transport;
mod tuning;
mod width;
mod worker;

#[cfg(test)]
mod double;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

pub use crate::message::footer::{FooterImage, FooterTemplate, PLACEHOLDERS};
pub use forecast::{Forecast, Why};
pub use operator::Queue;
pub use routing::Routing;
pub use settings::{
    AccountSettings, BatchSettings, LimitSettings, Reach, RetrySettings, SenderRewrite,
    SenderSettings, Split,
};
pub use status::{AccountState, AccountStatus, DomainStatus, Enabled, QueueError};
pub use transport::{Link, Transport};
pub use tuning::{SettingChange, SettingStatus};
