//! The server's half of SMTP, as a state machine without sockets, clock or async (RFC 5321, 4954,
//! 3207, 1870, 6152, 6531, 3461).
//!
//! The driver (`listener`) owns the socket. It passes bytes to [`Session::advance`], performs the
//! returned [`Action`], and passes the result to [`Session::answer`]. It then calls
//! [`Session::advance`] again with the remaining bytes, even if there are none, because an answer
//! may end the session. It sends [`Session::replies`] before it next waits for bytes. All commands
//! that arrived in one read are thus answered in one write (RFC 2920).
//!
//! - `line`: splits bytes into lines, within bounds
//! - `command`: turns a line into a command; repairs what devices get wrong, then parses with
//!   smtp-proto
//! - `reply`: our replies by name, and how they are written
//! - `auth`: the SASL mechanisms
//! - `body`: the text after `DATA`, with the rules for its end; `dot_stuffing`: the way back
//! - `driver`: the interface between the session and its driver
//! - `session`: the states and their transitions
//! - [`Quirk`]: deviations from the standards that Postroom tolerates; declared in `model`

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
