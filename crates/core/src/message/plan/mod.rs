//! What has to be changed in a message on its way out: one plan, carried out by one rewriter.
//!
//! - [`Planner`], the first reading: listens to the walker (`mime`) and notes what it finds, in
//!   [`Findings`]; `leaf` has the facts of one part, `footing` where the footer belongs, `target`
//!   a text that gets it
//! - [`Plan`]: the edits, in the order of the octets that they concern
//! - [`Rewriter`], the second reading: carries a plan out while the message is sent; `lines`
//!   makes lines shorter
//!
//! Neither reading holds more than the beginning of a line, the headers of the parts that change,
//! and the footer. The same message gives the same octets at each attempt.

mod edit_list;
mod findings;
mod footing;
mod leaf;
mod lines;
mod part_edits;
mod planner;
mod rewriter;
mod target;

#[cfg(test)]
mod footer_tests;
#[cfg(test)]
mod leaf_tests;
#[cfg(test)]
mod long_line_tests;

pub use edit_list::{EightBit, Plan};
pub use findings::Findings;
pub use planner::Planner;
pub use rewriter::Rewriter;
