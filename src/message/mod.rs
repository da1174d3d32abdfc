//! The message itself: its header block read, repaired and rewritten, its trace, its text on the way out.
//!
//! - [`received`]: the `Received:` field of an accepted message
//! - [`header`]: fields that can be looked up and replaced
//! - [`mailbox`]: what stands in `From:`
//! - [`long_lines`]: lines that no server has to take, made legal
//! - [`edit()`]: the edits of delivery
//! - [`footer`]: a text at the end of each message
//! - [`Text`]: where the text of an attempt comes from

mod edit;
pub mod footer;
pub mod header;
pub mod long_lines;
pub mod mailbox;
mod text;
mod trace;

pub use edit::{Edited, Edits, Identity, Repair, author, edit};
pub use text::Text;
pub use trace::received;
