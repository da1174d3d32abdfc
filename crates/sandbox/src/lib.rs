//! A stand-in for Exchange Online. Administrators rehearse with it before they go live, and the
//! tests use it as a judge.
//!
//! It deliberately shares no protocol code with the relay, not even the reader of text: a mistake
//! made in both would look like agreement.
//!
//! - [`SandboxSettings`]: mailboxes, limits and addresses; [`Switches`]: the settings that can
//!   change while it runs
//! - `fault`: the faults and how an address chooses one; help and documentation are made from the
//!   same table
//! - `dialect`: Exchange Online's side of the conversation, as a state machine without sockets or a
//!   clock
//! - `tenant`: what Exchange Online remembers: mailboxes, windows, throttles; also the judge of the
//!   limits
//! - `text`: the text after `DATA`: its end, the removal of dot-stuffing, and the facts noticed on
//!   the way
//! - `token`: the token endpoint of the directory
//! - `graph`: Microsoft Graph, which sends mail over HTTPS
//! - `certificate`, `keep`, `wire`, `connection`, `server`, `stop`, `control`: TLS, files, sockets,
//!   HTTP
//! - [`Sandbox::start`] returns a [`RunningSandbox`]

mod certificate;
mod connection;
mod control;
mod dialect;
mod fault;
mod graph;
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
