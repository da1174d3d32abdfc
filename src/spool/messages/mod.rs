//! The octets of messages: envelope and text. One folder for each way to keep them.
//!
//! - `files`: one file for each message

pub(super) mod files;
