//! One file for each message.
//!
//! - `envelope_format`: the format of a spool file: the envelope in header form, then the text
//! - `reader`: reads the text in chunks

pub(in crate::spool) mod envelope_format;
pub(in crate::spool) mod reader;
