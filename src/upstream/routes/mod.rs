//! The routes: one module for each, with its settings and what is known of it from them.
//!
//! - `facts`: what each route has to say of itself
//! - `submission`, `connector`, `direct`, `smarthost`: one route each
//! - `route`: one of them, as the config names it
//! - `upstream`: makes the connections of one of them

mod connector;
mod direct;
mod facts;
mod route;
mod smarthost;
mod submission;
mod upstream;

pub use connector::Connector;
pub use direct::Direct;
pub use route::Route;
pub use smarthost::Smarthost;
pub use submission::Submission;
pub use upstream::Upstream;
