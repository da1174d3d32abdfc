//! Exchange Online's half of the conversation, without sockets and clock: lines in, [`Act`]s out.
//!
//! - `act`: what the connection is told to do
//! - `command`: a line to a command
//! - `wording`: banners, lists, suffixes
//! - `login`: AUTH LOGIN and XOAUTH2
//! - `transaction`: from MAIL to the answer to end of data
//!
//! Replies follow a public log of a whole session with smtp.office365.com of 2025-11-23, and
//! Exchange Server's texts where that log is silent.

mod accepted;
mod act;
mod command;
mod dialogue;
mod login;
mod playing;
mod transaction;
mod wording;

#[cfg(test)]
mod tests;

pub(crate) use accepted::Accepted;
pub(crate) use act::{Act, Cut, Handshake, Leave, Receive};
pub(crate) use dialogue::Dialogue;
pub(crate) use wording::{Role, session_id};
