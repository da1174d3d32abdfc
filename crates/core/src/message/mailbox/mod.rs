//! Mailboxes in `From:`, `To:` and their like (RFC 5322 3.4): told right from wrong, read when
//! wrong, written right.
//!
//! - `token`: words, quoted strings, comments and encoded words, each as one
//! - `grammar`: the grammar of RFC 5322 with comments and obsolete forms; what follows it stays as
//!   it is
//! - `guess`: what was meant by a list that follows no grammar
//! - `phrase`: how a display name is written
//! - `list`: fields as a whole

mod grammar;
mod guess;
mod list;
mod phrase;
mod token;

#[cfg(test)]
mod tests;

pub(super) use list::{encode_names, is_empty, is_one_mailbox, mended_list, read_list};
pub(super) use phrase::Mailbox;
