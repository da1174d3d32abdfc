//! The message itself: its header block read, repaired and rewritten, its trace, its text on the
//! way out.
//!
//! - [`received`]: the `Received:` field of an accepted message
//! - [`header`]: fields that can be looked up and replaced
//! - `mailbox`: what stands in `From:`
//! - [`Planner`], [`Plan`], [`Rewriter`]: what has to change on the way out, and the change itself
//! - [`edit()`]: the edits of delivery; `repair`: what can be wrong, and how it is put right;
//!   `header_encoding`: 8-bit text in a header; `encoded_word`: how it is written
//! - [`footer`]: a text at the end of each message
//! - `mime`: the structure of a message, told in one way to everybody
//! - `header_lines`: where a header goes on and where it ends; `fold`: how its lines are broken
//! - [`addressed()`]: the header for a server that takes the recipients from it
//! - [`FirstLine`]: what must not touch our own field; [`HeaderLength`]: what is too long to be
//!   worked on
//! - [`Inspection`]: what is odd about a message while it is received
//! - [`Text`]: where the text of an attempt comes from

mod addressed;
mod charset;
mod codec;
mod edit;
mod edits;
mod encoded_word;
mod first_line;
mod fold;
pub mod footer;
pub mod header;
mod header_encoding;
mod header_length;
mod header_lines;
mod inspection;
mod mailbox;
mod mime;
mod once;
mod parameters;
mod plan;
mod readable;
mod repair;
mod text;
mod trace;
mod transfer_encoding;
mod work;

#[cfg(test)]
mod linear_tests;

pub use addressed::addressed;
pub use edit::{Edited, author, edit, sender};
pub use edits::{Edits, Identity};
pub use first_line::FirstLine;
pub use header_length::{ACCEPTED_HEADER, HeaderLength};
pub use inspection::Inspection;
pub(crate) use mime::outline;
pub use plan::{EightBit, Findings, Plan, Planner, Rewriter};
pub use repair::Repair;
pub use text::Text;
pub use trace::received;
