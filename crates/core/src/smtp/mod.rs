//! The server's half of SMTP, as a machine without sockets, clock or async (RFC 5321, 4954, 3207,
//! 1870, 6152, 6531, 3461).
//!
//! The driver (`listener`) owns the socket. It feeds bytes to [`Session::advance`], does what the
//! returned [`Action`] says, gives the result back with [`Session::answer`], calls
//! [`Session::advance`] again with what is left (be it nothing: an answer may end the session), and
//! sends [`Session::replies`] before it next waits for bytes. All commands that arrived in one read
//! are thus answered in one write (RFC 2920).
//!
//! - `line`: bytes to lines, within bounds
//! - `command`: a line to a command; repairs what devices get wrong, then parses with smtp-proto
//! - `reply`: our replies by name, and how they are written
//! - `auth`: the SASL mechanisms
//! - `body`: the text after `DATA`, with the rules for its end; `dot_stuffing`: the way back
//! - `driver`: what the session and its driver say to each other
//! - `session`: the states and their transitions
//! - [`Quirk`]: what devices do against the standards, and we put up with; a word of `model`

pub mod auth;
pub mod body;
pub mod command;
pub mod dot_stuffing;
mod driver;
pub mod line;
pub mod reply;
mod session;

pub use crate::model::Quirk;
pub use auth::{Login, Mechanism};
pub use driver::{
    Action, Answer, EndOfData, NoLogin, Question, SessionSettings, StartTls, Transaction,
};
pub use session::{EXTENSIONS, Session, SessionStep};
