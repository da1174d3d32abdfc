//! What a client may do. Every decision is a function of the settings; the only state is how often
//! a device has sent.
//!
//! - `device`: [`device::Device`], one device's rules
//! - `offer`: what a session offers
//! - `tls`: which handshakes are refused
//! - `message_rate`: `messages_per_minute`
//! - `refusal`: every refusal with its text

pub(super) mod device;
pub(super) mod message_rate;
pub(super) mod offer;
pub(super) mod refusal;
pub(super) mod tls;
