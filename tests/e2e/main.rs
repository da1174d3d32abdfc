//! The whole, from outside: the real program, real mail programs as devices, the sandbox as Office
//! 365.
//!
//! `POSTROOM_SOAK=1` runs the long versions (`make soak`).
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a broken helper should stop the test, and say why"
)]

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "each test program uses its part")]
mod support;

mod arrival;
mod crash;
mod crowd;
mod drain;
mod encryption;
mod full_disk;
mod learning;
mod logins;
mod observe;
mod pace;
mod policy;
mod refusal;
mod reload;
mod sightings;
mod strangers;

fn scratch() -> tempfile::TempDir {
    support::scratch("e2e")
}
