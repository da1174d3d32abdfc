//! A text at the end of each message: in its plain part, its HTML part, or a part of its own where
//! it has neither.
//!
//! What is signed, encrypted, or a piece of a larger message goes out as it came: a changed octet
//! would break it.
//!
//! - [`FooterTemplate`]: what the config says; [`Footer`]: the same with its placeholders filled
//!   for one message
//! - [`FooterPlanner`], the first pass: finds where the footer belongs, and makes a [`FooterPlan`]; `target` is
//!   one text part of it
//! - [`FooterInserter`], the second pass: carries the plan out while the message is sent; `codec` has its
//!   encodings
//!
//! Neither pass holds more than a line's beginning, a part's header, and the footer itself. The
//! same message gives the same octets at each attempt.

mod codec;
mod footer_inserter;
mod plan;
mod planner;
mod target;
mod template;

#[cfg(test)]
mod tests;

pub use footer_inserter::FooterInserter;
pub use plan::FooterPlan;
pub use planner::FooterPlanner;
pub use template::{Facts, Footer, FooterImage, FooterTemplate, PLACEHOLDERS, UnknownPlaceholder};
