//! The queue: it decides when each message goes out and by which account.
//!
//! - [`engine`]: the decisions, without effects: budgets, retries, turns, routes, account health
//! - [`driver`]: the tasks that carry them out: workers, connections, timers
//! - [`api`]: what commands, console and metrics may ask and order
//! - [`forecast`]: when waiting mail will go
//! - [`outgoing`]: the text of a message as it is sent

mod api;
mod driver;
mod engine;
mod forecast;
mod outgoing;
mod settings;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

pub use crate::message::footer::{FooterImage, FooterTemplate, PLACEHOLDERS};
pub use api::{
    queue::Queue,
    status::{AccountStatus, DomainStatus, QueueError},
};
pub use driver::transport::{Link, Transport};
pub use engine::{
    account_state::{AccountState, Enabled},
    assignment::Routing,
};
pub use forecast::replay::{Forecast, Why};
pub use settings::{
    AccountSettings, BatchSettings, LimitSettings, QueueSettings, RetrySettings, SenderRewrite,
    SenderSettings, Split,
};
