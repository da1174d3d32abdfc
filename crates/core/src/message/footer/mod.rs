//! A text at the end of each message: in its plain part, its HTML part, or a part of its own where
//! it has neither.
//!
//! What is signed, encrypted, or a piece of a larger message goes out as it came: a changed octet
//! would break it.
//!
//! - [`FooterTemplate`]: what the config says; [`Footer`]: the same with its placeholders filled
//!   for one message
//!
//! Where a footer belongs and how it is put in is part of the plan of a message (`plan`).

mod template;

pub use template::{Facts, Footer, FooterImage, FooterTemplate, PLACEHOLDERS, UnknownPlaceholder};
