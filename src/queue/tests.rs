//! The whole queue under simulated time: a real spool, a scripted server, days in milliseconds.

mod budgets;
mod clocks;
mod credentials;
mod days;
mod engine_days;
mod engine_judges;
mod fake_transport;
mod faults;
mod forecasts;
mod house;
mod judged;
mod lanes;
pub(in crate::queue) mod machine;
mod memory_store;
mod notices;
mod office;
mod people;
mod pools;
mod settings;
mod texts;
mod three_days;
