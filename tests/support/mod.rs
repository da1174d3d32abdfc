//! Starts the real program and its peers, hands mail in, looks at what arrived.
//!
//! - `relay`: a running `postroom run`, its config, its commands
//! - `sandbox`: a running `postroom sandbox`, and what it took
//! - `device`: an SMTP client driven step by step
//! - `peers`: swaks, smtp-source and Python's smtplib
//! - `scan`: messages to hand in, and the proof that they arrived unchanged
//! - `process`: child processes that end with their test
//! - `authority`, `peer`, `zones`: certificates, servers and a DNS server of the tests' own
//! - `letter`: a short message for the library's way out
//! - `http`: one request to this machine
//! - `wait`: waiting for a condition, with a deadline
//!
//! # Failure
//! Helpers panic with what they saw: a broken helper must stop the test.

pub(crate) mod authority;
pub(crate) mod device;
pub(crate) mod http;
pub(crate) mod letter;
pub(crate) mod peer;
pub(crate) mod peers;
pub(crate) mod process;
pub(crate) mod relay;
pub(crate) mod sandbox;
pub(crate) mod scan;
pub(crate) mod wait;
pub(crate) mod zones;

/// A folder of the test's own, on the disk of the build: `/tmp` may be memory.
pub(crate) fn scratch(whose: &str) -> tempfile::TempDir {
    tempfile::Builder::new()
        .prefix(&format!("postroom-{whose}-"))
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
        .unwrap()
}

/// How long a test takes its time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pace {
    /// `make test`.
    Quick,
    /// `make soak`.
    Soak,
}

impl Pace {
    /// As `POSTROOM_SOAK` says.
    pub(crate) fn chosen() -> Self {
        if std::env::var_os("POSTROOM_SOAK").is_some() { Self::Soak } else { Self::Quick }
    }

    /// One of two numbers.
    pub(crate) fn pick<T>(self, quick: T, soak: T) -> T {
        match self {
            Self::Quick => quick,
            Self::Soak => soak,
        }
    }
}
