//! What needs nothing but this repository: the rules of the code, the config, the protocol against
//! transcripts of devices, the lists in the documentation, the sandbox, short fuzzing.
//!
//! One program with many modules, because linking a program takes longer than most of its tests.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a broken helper should stop the test, and say why"
)]

mod architecture;
mod config;
mod fuzz;
mod metrics;
mod operations;
mod sandbox;
mod transcripts;
