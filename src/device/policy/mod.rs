//! What a client may do, and how it is refused.
//!
//! - `refusal`: every refusal with its text
//! - `encryption`: what its TLS means for what it may do
//! - `rate`: governor on tokio's time; failed logins counted within bounds

pub(super) mod encryption;
pub(super) mod rate;
pub(super) mod refusal;
