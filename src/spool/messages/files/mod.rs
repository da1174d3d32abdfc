//! One file for each message. Every path below the spool is made here.
//!
//! - `folders`: where things are
//! - `store`: receives, reads, removes and walks; sets aside what cannot be read
//! - `draft_file`: a message that is being received
//! - `envelope_format`: the format of a spool file: the envelope in header form, then the text
//! - `reader`: reads the text in chunks

mod draft_file;
pub(in crate::spool) mod envelope_format;
pub(in crate::spool) mod folders;
pub(in crate::spool) mod reader;
mod store;

pub(in crate::spool) use draft_file::DraftFile;
pub(in crate::spool) use store::{DurableFolders, Files};
