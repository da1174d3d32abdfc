//! Exchange Online's side of the conversation, without sockets or a clock: lines go in, [`Act`]s
//! come out.
//!
//! - `act`: the acts that a dialogue demands of its connection
//! - `command`: parses a line as a command
//! - `wording`: banners, keyword lists and suffixes
//! - `login`: AUTH LOGIN and XOAUTH2
//! - `transaction`: from MAIL to the answer to end of data
//!
//! Replies follow a public log of a complete session with smtp.office365.com of 2025-11-23. Where
//! that log is silent, they follow the texts of Exchange Server.

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

pub(crate) use accepted::{Accepted, AcceptedRecipient};
pub(crate) use act::{Act, Cut, Handshake, Leave, Receive};
pub(crate) use dialogue::Dialogue;
pub(crate) use wording::{Role, session_id};
