//! The whole queue under simulated time: a real spool, a scripted server, days in milliseconds.

mod budgets;
mod days;
mod faults;
mod house;
mod judged;
mod office;
mod people;
mod texts;
mod three_days;
