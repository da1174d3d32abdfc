//! What was seen of each client, for the administrator.
//!
//! - `sighting`: what was seen of one client
//! - `sightings`: what was seen of all of them, within bounds
//! - [`advice`]: what to change in the configuration

pub mod advice;
pub(super) mod sighting;
pub(super) mod sightings;
