//! `[[account]]`: one way for mail to leave.
//!
//! - `preset`: what is known about the usual services; `known_hosts`: what is known about host
//!   names
//! - `oauth`, `auth`: the login; `certificate`: the client certificate
//! - `server`: host, port and encryption, for routes that name a server; `route`: what a route is
//! - `submission`, `connector`, `direct`, `smarthost`, `graph`: one route each
//! - `limits`, `sender`, `footer`: what all routes share
//! - `section`: assembles an account

mod auth;
mod certificate;
mod connector;
mod direct;
mod footer;
mod graph;
mod known_hosts;
mod limits;
mod oauth;
mod preset;
mod route;
mod section;
mod sender;
mod server;
mod smarthost;
mod submission;

pub(super) use limits::{batch, batch_texts};
pub(super) use preset::{PRESETS, Preset};
pub(super) use section::read;
