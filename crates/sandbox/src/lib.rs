//! The Exchange Online stand-in: an administrator rehearses with it before going live, the tests
//! are judged by it.
//!
//! It deliberately shares no protocol code with the relay (not even the reader of text): a mistake
//! made in both would otherwise look like agreement.
//!
//! - [`SandboxSettings`]: mailboxes, limits, addresses; [`Switches`]: what can be changed while it
//!   runs
//! - `fault`: what can go wrong and how an address chooses it: one table, from which help and
//!   documentation are made
//! - `dialect`: Exchange Online's half of the conversation, as a machine without sockets and clock
//! - `tenant`: what Exchange Online remembers: mailboxes, windows, throttles; and the judge of the
//!   limits
//! - `text`: the text after `DATA`: end, unstuffing, and what is noticed in passing
//! - `token`: the token endpoint of the directory
//! - `certificate`, `keep`, `wire`, `connection`, `server`, `stop`, `control`: TLS, files, sockets,
//!   HTTP
//! - [`Sandbox::start`] yields a [`RunningSandbox`]

mod certificate;
mod connection;
mod control;
mod dialect;
mod fault;
mod keep;
mod server;
mod settings;
mod stop;
mod switches;
mod tenant;
mod text;
mod token;
mod wire;

#[doc(hidden)]
pub mod in_memory;

pub use fault::{Effect, Fault, Stage, markdown_table, plain_table};
pub use keep::KeptMessage;
pub use server::{RunningSandbox, Sandbox};
pub use settings::{
    Application, Keep, Limits, MailboxSettings, SandboxSettings, SignIn, TenantSettings, Timing,
    Unlisted,
};
pub use switches::{Basic, Connector, OverRate, SmtpAuth, Switches, TokenRefusal};
pub use tenant::{Gauge, Limit, MailboxReport, SandboxState, Violation};
