//! The routes: one module for each, with its settings and what is known of it from them.
//!
//! - `facts`: what each route has to say of itself
//! - `submission`, `connector`, `direct`, `smarthost`, `graph`: one route each
//! - `route`: one of them, as the config names it
//! - `upstream`: makes the connections of one of them; `connection`: one of these, whichever

mod connection;
mod connector;
mod direct;
mod facts;
mod graph;
mod route;
mod smarthost;
mod submission;
mod upstream;

pub use connection::Connection;
pub use connector::Connector;
pub use direct::Direct;
pub use graph::Graph;
pub use route::Route;
pub use smarthost::Smarthost;
pub use submission::Submission;
pub use upstream::Upstream;
