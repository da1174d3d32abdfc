//! What goes out when, by which account.
//!
//! - [`engine`]: the decisions, without effects: budgets, retries, turns, routes, an account's health
//! - [`driver`]: the tasks that perform them: workers, connections, timers
//! - [`api`]: what commands, console and metrics may ask and order
//! - [`forecast`]: when the mail that waits will go
//! - [`outgoing`]: the text on its way out

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
    tuning::{SettingChange, SettingStatus},
};
pub use driver::transport::{Link, Transport};
pub use engine::{
    account_state::{AccountState, Enabled},
    assignment::Routing,
};
pub use forecast::replay::{Forecast, Why};
pub use settings::{
    AccountSettings, BatchSettings, LimitSettings, Reach, RetrySettings, SenderRewrite,
    SenderSettings, Split,
};
