//! The structure of a message (RFC 2045, RFC 2046), read once and in one way for everybody.
//!
//! - [`Walker`]: reads a message in chunks of any size and tells a [`Listener`] what it meets
//! - [`Event`] and [`Part`]: what it tells
//! - [`Kind`]: what a part says it is
//!
//! The walker holds the beginning of a line, the header of one part, and the boundaries of the
//! multiparts that are open. It changes nothing and decides nothing: that is for those who listen.

mod content;
mod event;
mod outline;
mod walker;

#[cfg(test)]
mod tests;

pub(super) use content::Kind;
pub(super) use event::{Event, Listener, Part};
pub(crate) use outline::outline;
pub(super) use walker::Walker;
