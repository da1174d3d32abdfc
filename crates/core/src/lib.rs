//! The parts of Postroom that decide. Everything here is a function of its arguments: no sockets,
//! no disk, no clock, no async. `tests/checks/architecture` holds the crate to that.
//!
//! - [`model`]: the words that all parts share
//! - [`clock`]: the time as an argument
//! - [`classify`]: what an answer or a fault of an upstream server means
//! - [`attempt`]: what became of an attempt to hand a message over
//! - [`reach`]: whom a route reaches
//! - [`entry`]: what has become of a message, for each recipient
//! - [`client_hello`]: what the first octets of a client offer
//! - [`smtp`]: the server's half of SMTP
//! - [`pop_before_smtp`]: the part of POP3 that POP before SMTP needs
//! - [`message`]: the header block, the footer, long lines
//! - [`fuzzing`]: what the fuzz targets see of private modules

pub mod model;

pub mod clock;

pub mod classify;

pub mod attempt;

pub mod reach;

pub mod entry;

pub mod client_hello;

pub mod smtp;

pub mod pop_before_smtp;

pub mod message;

#[doc(hidden)]
pub mod fuzzing;
