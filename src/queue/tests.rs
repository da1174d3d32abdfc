//! The whole queue under simulated time: a real spool, a scripted server, days in milliseconds.

mod budgets;
mod days;
mod faults;
mod house;
mod lanes;
mod people;
mod texts;
