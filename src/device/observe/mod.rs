//! What was seen of each client, for the administrator.
//!
//! - `sighting`: what was seen of one client
//! - `sightings`: what was seen of all clients, within bounds
//! - `observer`: turns what happens on a connection into log lines, counters and sightings
//! - `log_limit`: a limit on the log lines that one client can cause
//! - [`advice`]: what to change in the configuration

pub mod advice;
mod log_limit;
pub(super) mod observer;
pub(super) mod sighting;
pub(super) mod sightings;
